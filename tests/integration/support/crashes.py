"""Engines that are killed in the middle of their work, in processes of their own.

A child is forked rather than started, so a round takes some tens of milliseconds: it opens an
engine, works on containers at random and says what it has done, until it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
from pathlib import Path
from typing import Any

from orlop.engine.containers import Containers
from orlop.engine.engine import Engine
from orlop.engine.settings import Settings
from orlop.errors import OrlopError
from orlop.intent.flags import parse_run

EXIT_CODE = 7
_WORKERS = 3
_COMMANDS = (
    f"exit {EXIT_CODE}",
    f"echo line; sleep 0.02; exit {EXIT_CODE}",
    f"trap 'exit {EXIT_CODE}' TERM; while :; do sleep 0.01; done",
    "sleep 1000",
)
_FLAGS = ("", "", "--rm", "--restart always", "--restart on-failure:3", "--ipc shareable")
_MOST = 8


class Said(dict[str, str]):
    """What children said that they had done, by container: "created", "going" or "gone"."""


def child(settings: Settings, root: Path, seed: int, told: int) -> None:
    """Opens an engine and works until it is killed. Does not return."""
    try:
        asyncio.run(_work(settings, root, random.Random(seed), told))
    except BaseException as error:  # noqa: BLE001 - this process is nobody's but ours
        os.write(told, json.dumps(["error", repr(error)]).encode() + b"\n")
    os._exit(1)


async def _work(settings: Settings, root: Path, dice: random.Random, told: int) -> None:
    engine = await Engine.open(settings)
    workers = (Worker(engine.containers, root, dice, told).work() for _ in range(_WORKERS))
    await asyncio.gather(*workers)


class Worker:
    """Does one thing after the other."""

    def __init__(self, containers: Containers, root: Path, dice: random.Random, told: int) -> None:
        self._containers = containers
        self._root = root
        self._dice = dice
        self._told = told
        self._actions = (
            *3 * (self._start,),
            *2 * (self._remove,),
            self._stop,
            self._kill,
            self._pause,
            self._unpause,
            self._restart,
            self._rename,
        )

    async def work(self) -> None:
        """For ever."""
        while True:
            known = self._containers.all()
            if len(known) < _MOST and self._dice.random() < 0.4:
                await self._create()
            elif known:
                key = self._dice.choice(known).id
                action = self._dice.choice(self._actions)
                with contextlib.suppress(OrlopError):
                    await action(key)
            await asyncio.sleep(0)

    def _say(self, *words: str) -> None:
        os.write(self._told, json.dumps(words).encode() + b"\n")

    async def _create(self) -> None:
        flags = self._dice.choice(_FLAGS).split()
        command = self._dice.choice(_COMMANDS)
        words = [*flags, str(self._root), "/bin/sh", "-c", command]
        made = await self._containers.create(parse_run(words))
        if "--rm" not in flags:
            self._say("created", made.id)

    async def _start(self, key: str) -> None:
        await self._containers.start(key)

    async def _stop(self, key: str) -> None:
        await self._containers.stop(key, timeout_s=0)

    async def _kill(self, key: str) -> None:
        await self._containers.kill(key, self._dice.choice((signal.SIGKILL, signal.SIGTERM)))

    async def _pause(self, key: str) -> None:
        await self._containers.pause(key)

    async def _unpause(self, key: str) -> None:
        await self._containers.unpause(key)

    async def _restart(self, key: str) -> None:
        await self._containers.restart(key, timeout_s=0)

    async def _rename(self, key: str) -> None:
        await self._containers.rename(key, f"n{self._dice.randrange(10**9)}")

    async def _remove(self, key: str) -> None:
        self._say("going", key)
        await self._containers.remove(key, force=True, volumes=True)
        self._say("gone", key)


class Round:
    """One child. What it says before it is killed goes into `said`.

    Attributes:
        errors: what it could not do, and should have been able to.
    """

    def __init__(self, settings: Settings, root: Path, seed: int) -> None:
        self._heard, told = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(self._heard)
            child(settings, root, seed, told)
        os.close(told)
        self.errors: list[str] = []

    def kill(self, said: Said) -> None:
        """Ends it as abruptly as can be."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        with open(self._heard, "rb") as heard:
            for line in heard.read().splitlines():
                with contextlib.suppress(json.JSONDecodeError):  # it was cut short
                    self._note(json.loads(line), said)

    def _note(self, words: list[Any], said: Said) -> None:
        if words[0] == "error":
            self.errors.append(words[1])
        else:
            said[words[1]] = words[0]


def launchers(settings: Settings) -> dict[int, str]:
    """The launchers of the engine's containers: PIDs with ids."""
    found = {}
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(entry)
            name, _, key = Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")
            directory = f"{settings.containers}/{key.rstrip(bytes(1)).decode()}"
            if name == b"orlop-launch" and os.path.isdir(directory) and key:
                found[pid] = key.rstrip(b"\0").decode()
    return found
