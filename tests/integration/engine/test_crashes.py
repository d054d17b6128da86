"""An engine may be killed at any moment: nothing is lost, nothing is left, the next one goes on.

Rounds are random but for their seeds: a failure names the seed with which it comes again.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.engine.container import CREATED, EXITED, RESTARTING
from orlop.engine.engine import Engine
from orlop.engine.settings import Settings
from orlop.launch.executor import sealed_launcher
from tests.integration.support.cgroups import hierarchies
from tests.integration.support.crashes import EXIT_CODE, Round, Said, launchers
from tests.integration.support.engines import CGROUPS, Live, living, remove_cgroups, settings_in

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]

ROUNDS = 300
LOOK_EVERY = 25
LONGEST_S = 0.15


@pytest.fixture
def settings(workspace: Path) -> Iterator[Settings]:
    yield settings_in(workspace)
    remove_cgroups()


def cgroups() -> set[str]:
    """The ids of containers that have a control group."""
    found = set()
    for hierarchy in hierarchies():
        directory = f"{hierarchy.root}{CGROUPS}"
        if os.path.isdir(directory):
            found |= {entry.name for entry in os.scandir(directory) if entry.is_dir()}
    return found


async def check(settings: Settings, said: Said) -> None:
    """What there is, is as the database says, and what was done is done."""
    engine = await Engine.open(settings)
    try:
        await settled(engine)
        known = {container.id: container for container in engine.containers.all()}
        running = {key for key, container in known.items() if container.is_running}
        assert set(engine.containers.store.ids()) == running
        assert cgroups() == running
        assert set(launchers(settings).values()) == running
        assert set(os.listdir(settings.containers)) <= known.keys()
        for container in known.values():
            check_state(engine, container.id)
        for key, what in said.items():
            assert what != "created" or key in known, f"{key} is lost"
            assert what != "gone" or key not in known, f"{key} is back"
    finally:
        await engine.close()


def check_state(engine: Engine, key: str) -> None:
    state = engine.containers.get(key).state
    if engine.containers.get(key).is_running:
        assert os.path.isdir(f"/proc/{state.pid}")
        engine.containers.shim(key).close()
    else:
        assert state.status in (CREATED, EXITED)
        assert state.pid == 0
        assert state.exit_code in (0, EXIT_CODE, 137, 143)


async def settled(engine: Engine) -> None:
    """No container is between two states any more: those that restart for ever are stopped."""
    for container in engine.containers.all():
        if container.state.status == RESTARTING or "always" in repr(container.request.handling):
            await engine.containers.stop(container.id, timeout_s=0)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        states = {container.state.status for container in engine.containers.all()}
        alive = set(engine.containers.store.ids())
        if RESTARTING not in states and alive == {
            c.id for c in engine.containers.all() if c.is_running
        }:
            return
        await asyncio.sleep(0.02)


async def remove_all(settings: Settings) -> None:
    engine = await Engine.open(settings)
    for container in engine.containers.all():
        await engine.containers.remove(container.id, force=True, volumes=True)
    assert os.listdir(settings.containers) == []
    assert os.listdir(settings.runtime_store) in ([], ["@seccomp"])
    assert cgroups() == set()
    await engine.close()
    assert launchers(settings) == {}


@pytest.mark.slow
@pytest.mark.parametrize("kill_launchers", [False, True], ids=["engine", "engine and launchers"])
def test_killed_at_any_moment(settings: Settings, root: Path, kill_launchers: bool) -> None:
    sealed_launcher()  # once, and not in each child
    said = Said()
    for seed in range(ROUNDS // 2):
        dice = random.Random(seed)
        child = Round(settings, root, seed)
        time.sleep(dice.uniform(0.005, LONGEST_S))
        if kill_launchers and (found := launchers(settings)):
            os.kill(dice.choice(sorted(found)), signal.SIGKILL)
            time.sleep(dice.uniform(0, 0.01))
        child.kill(said)
        assert child.errors == [], f"seed {seed}"
        if seed % LOOK_EVERY == LOOK_EVERY - 1:
            try:
                asyncio.run(check(settings, said))
            except AssertionError as error:
                error.add_note(f"after seed {seed}")
                raise
    asyncio.run(remove_all(settings))


def test_a_launcher_that_is_killed_takes_its_container_with_it(live: Live) -> None:
    key = live.run("sleep 1000")
    pid = live.get(key).state.pid
    (launcher,) = launchers(live.settings)
    os.kill(launcher, signal.SIGKILL)
    assert live.end(key) == 137
    assert "launcher" in live.get(key).state.error
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"))  # whoever adopted it reaps it
    live(live.containers.start(key))


class TestWhileNobodyLooks:
    """What happens between two engines."""

    def test_what_runs_goes_on(self, live: Live) -> None:
        key = live.run("trap 'echo bye; exit 5' TERM; echo hi; while :; do sleep 0.01; done")
        live.until(lambda: "hi" in live.log(key))
        before = live.get(key)
        live.restart()
        assert live.get(key) == before
        live(live.containers.stop(key))
        assert live.get(key).state.exit_code == 5
        assert "bye" in live.log(key)

    def test_what_stands_still_does_so(self, live: Live) -> None:
        key = live.run("while :; do sleep 0.01; done")
        live(live.containers.pause(key))
        live.restart()
        assert live.get(key).state.status == "paused"
        live(live.containers.unpause(key))

    def test_an_end_that_nobody_saw(self, workspace: Path, root: Path) -> None:
        with living(workspace, root) as live:
            key = live.run("sleep 0.2; echo last; exit 9")
            live(live.engine.close())
            wait_for(lambda: not launchers(live.settings))
            live.engine = live(Engine.open(live.settings))
            state = live.get(key).state
            assert (state.status, state.exit_code) == (EXITED, 9)
            assert state.finished_ns < time.time_ns()
            assert "last" in live.log(key)
            assert live.actions(key) == ["die"]

    def test_one_that_was_to_remove_itself(self, workspace: Path, root: Path) -> None:
        with living(workspace, root) as live:
            live.run("sleep 0.2", "--rm")
            live(live.engine.close())
            wait_for(lambda: not launchers(live.settings))
            live.engine = live(Engine.open(live.settings))
            assert live.containers.all() == ()

    def test_files_of_one_that_nobody_knows(self, live: Live) -> None:
        os.makedirs(f"{live.settings.containers}/{'a' * 64}/layers/root.upper")
        live.restart()
        assert os.listdir(live.settings.containers) == []

    def test_policies_go_on(self, workspace: Path, root: Path) -> None:
        with living(workspace, root) as live:
            keys = {
                policy: live.run("exec sleep 1000", f"--restart {policy}")
                for policy in ("no", "always", "unless-stopped", "on-failure")
            }
            stopped = live.run("exec sleep 1000", "--restart unless-stopped")
            live(live.containers.stop(stopped, timeout_s=0))
            live(live.engine.close())
            for pid in launchers(live.settings):
                os.kill(pid, signal.SIGKILL)
            live.engine = live(Engine.open(live.settings))
            live.until(lambda: all(live.get(keys[p]).is_running for p in keys if p != "no"))
            assert not live.get(keys["no"]).is_running
            assert not live.get(stopped).is_running

    def test_the_machine_was_started_again(self, workspace: Path, root: Path) -> None:
        with living(workspace, root) as live:
            key = live.run("sleep 1000")
            live(live.containers.stop(key, timeout_s=0))
            live.containers._roster.change_state(key, status="running", pid=1)
            live.restart()
            state = live.get(key).state
            assert (state.status, state.exit_code, state.pid) == (EXITED, 255, 0)


def wait_for(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
