"""Engines of tests: each with roots and an event loop of its own, driven from a plain test."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from orlop.engine.container import Container
from orlop.engine.containers import Containers, Ended, WaitCondition
from orlop.engine.engine import Engine
from orlop.engine.settings import Settings
from orlop.intent.flags import parse_run
from orlop.kernel.cgroup.live import Cgroup
from orlop.runtime.lifecycle.status import look
from tests.integration.support.cgroups import hierarchies

CGROUPS = "/engine-under-test"
PATIENCE_S = 30

_T = TypeVar("_T")


def settings_in(directory: Path) -> Settings:
    """Settings of an engine whose roots are below this directory."""
    return Settings(
        data_root=str(directory / "data"), exec_root=str(directory / "run"), cgroup_parent=CGROUPS
    )


class Live:
    """An engine at work, and a loop that turns while something is waited for.

    Attributes:
        settings: of the engine.
        root: a root file system with busybox.
        engine: it.
    """

    def __init__(self, settings: Settings, root: Path) -> None:
        self.settings = settings
        self.root = root
        self._loop = asyncio.new_event_loop()
        self.engine = self(Engine.open(settings))

    def __call__(self, work: Awaitable[_T]) -> _T:
        """What becomes of some work."""

        async def patiently() -> _T:
            async with asyncio.timeout(PATIENCE_S):
                return await work

        return self._loop.run_until_complete(patiently())

    @property
    def containers(self) -> Containers:
        """The engine's."""
        return self.engine.containers

    def get(self, ref: str) -> Container:
        """A container as it is now."""
        return self.containers.get(ref)

    def create(self, command: str = "true", flags: str = "") -> str:
        """The id of a new container that is to execute a shell command."""
        words = [*flags.split(), str(self.root), "/bin/sh", "-c", command]
        return self(self.containers.create(parse_run(words))).id

    def run(self, command: str = "true", flags: str = "") -> str:
        """The same, started."""
        key = self.create(command, flags)
        self(self.containers.start(key))
        return key

    def end(self, ref: str) -> int:
        """The exit status of a container, once it has ended."""
        return self(self._end(ref)).status

    async def _end(self, ref: str) -> Ended:
        return await self.containers.wait(ref, WaitCondition.NOT_RUNNING)

    def until(self, condition: Callable[[], object]) -> None:
        """Lets the loop turn until this is true."""

        async def turn() -> None:
            while not condition():  # noqa: ASYNC110 - of files, mostly, which nobody tells of
                await asyncio.sleep(0.005)

        self(turn())

    def log(self, ref: str) -> str:
        """The bytes of a container's log file, as they are."""
        return Path(self.get(ref).log_path).read_text()

    def cgroup(self, ref: str) -> Cgroup:
        """The control groups of a container that runs."""
        return look(self.containers.store.open(self.get(ref).id, lock=False)).cgroup()

    def actions(self, ref: str) -> list[str]:
        """What has happened to a container, as events told it."""
        return [event.action for event in self.engine.events.history() if event.id == ref]

    def restart(self) -> None:
        """The engine ends, and another one takes over."""
        self(self.engine.close())
        self.engine = self(Engine.open(self.settings))

    def close(self) -> None:
        """All containers are removed, and the engine ends."""
        for container in self.containers.all():
            self(self.containers.remove(container.id, force=True, volumes=True))
        self(self.engine.close())
        self._loop.close()
        remove_cgroups()
        reap()


def reap() -> None:
    """Takes the exit statuses of launchers that an engine before had started, in this process."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def remove_cgroups() -> None:
    """Removes what contains the cgroups of containers, which have to be gone."""
    for hierarchy in hierarchies():
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(f"{hierarchy.root}{CGROUPS}")


@contextlib.contextmanager
def living(directory: Path, root: Path, **settings: object) -> Iterator[Live]:
    """An engine with roots in this directory."""
    live = Live(settings_in(directory).replace(**settings), root)
    try:
        yield live
    finally:
        live.close()
