"""Launchers that are killed or stopped, and engines whose launchers go on without them.

What an engine does when it is itself killed in the middle of its work is test_crashes.py; here it
is about what the launchers keep: log lines, exit statuses, clients, and nothing besides.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from orlop.engine.container import EXITED
from orlop.engine.exec_request import ExecRequest
from orlop.engine.settings import Settings
from orlop.errors import OrlopError, Unavailable
from tests.integration.support.cgroups import hierarchies
from tests.integration.support.crashes import launchers
from tests.integration.support.deadlines import eventually
from tests.integration.support.engine_child import engine_child
from tests.integration.support.engines import CGROUPS, Live, living, settings_in
from tests.integration.support.processes import alive
from tests.integration.support.shims import Client, kill

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]

FOREVER = "while :; do sleep 0.02; done"
LINES = 20_000
NUMBERS = f"i=0; while [ $i -lt {LINES} ]; do echo $i; i=$((i+1)); done; exit 9"


def logged(path: str) -> list[str]:
    """The texts of a log; every line of it is whole."""
    return [json.loads(line)["log"] for line in Path(path).read_bytes().splitlines()]


def cgroups() -> list[str]:
    """Control groups that containers have."""
    found: list[str] = []
    for hierarchy in hierarchies():
        directory = f"{hierarchy.root}{CGROUPS}"
        if os.path.isdir(directory):
            found += (entry.path for entry in os.scandir(directory) if entry.is_dir())
    return found


def nothing_runs(live: Live) -> None:
    """No process, launcher, control group or entry of any container is left."""
    assert launchers(live.settings) == {}
    assert cgroups() == []
    assert list(live.containers.store.ids()) == []


# --- engines that are killed ------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_when_the_engine_is_killed(workspace: Path, root: Path, seed: int) -> None:
    with engine_child(workspace, root, NUMBERS):
        time.sleep(random.Random(seed).uniform(0, 0.2))
    with living(workspace, root) as live:
        assert live.end("box") == 9
        assert logged(live.get("box").log_path) == [f"{i}\n" for i in range(LINES)]
        live.until(lambda: not launchers(live.settings))
        nothing_runs(live)


def test_two_engines_later(workspace: Path, root: Path) -> None:
    with engine_child(workspace, root, FOREVER):
        pass
    with engine_child(workspace, root):
        pass
    with living(workspace, root) as live:
        pid = live.get("box").state.pid
        assert alive(pid)
        live(live.containers.stop("box", timeout_s=0))
        assert live.get("box").state.exit_code == 137
        assert not alive(pid)
        nothing_runs(live)


def test_an_attached_client_outlives_the_engine(workspace: Path, root: Path) -> None:
    client = Client()
    script = "read line; echo got $line"
    with engine_child(workspace, root, "-i", script, client=client.given()):
        client.theirs.close()
    client.send(b"hello\n")
    assert client.rest() == b"got hello\n"
    client.close()
    with living(workspace, root) as live:
        assert live.end("box") == 0


class Written:
    """How much was written to a log since then, which is not emptied meanwhile."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._before = self._size()

    def _size(self) -> int:
        return os.path.getsize(self._path) if os.path.exists(self._path) else 0

    def bytes(self) -> int:
        """So many."""
        return self._size() - self._before


# --- launchers that are killed ----------------------------------------------------------------


class Hunter(threading.Thread):
    """Kills each launcher a moment after it was seen."""

    def __init__(self, settings: Settings, seed: int) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._dice = random.Random(seed)
        self._over = threading.Event()
        self.killed = 0

    def run(self) -> None:
        while not self._over.is_set():
            for pid in launchers(self._settings):
                time.sleep(self._dice.choice((0, 0.001, 0.002, 0.005, 0.01, 0.03)))
                try:
                    kill(pid)
                    self.killed += 1
                except ProcessLookupError:
                    pass

    def stop(self) -> None:
        self._over.set()
        self.join()


@pytest.mark.parametrize("flags", ["", "--init", "--user 1000 -t", "--pid host"])
def test_launchers_killed_at_any_moment(live: Live, flags: str) -> None:
    key = live.create(FOREVER, flags)
    hunter = Hunter(live.settings, len(flags))
    hunter.start()
    try:
        for _ in range(15):
            try:
                live(live.containers.start(key))
            except OrlopError:
                assert not live.get(key).is_running
                continue
            assert live.end(key) == 137
    finally:
        hunter.stop()
    assert hunter.killed > 5
    nothing_runs(live)
    live(live.containers.start(key))
    assert alive(live.get(key).state.pid)
    live(live.containers.remove(key, force=True))
    nothing_runs(live)


def test_a_log_of_a_launcher_that_was_killed_goes_on(live: Live) -> None:
    key = live.create("while :; do echo 012345678901234567890123456789; done")
    path = live.get(key).log_path
    for seed in range(5):
        live(live.containers.start(key))
        written = Written(path)
        live.until(lambda written=written: written.bytes() > 100_000)  # type: ignore[misc]
        time.sleep(random.Random(seed).uniform(0, 0.01))
        (launcher,) = launchers(live.settings)
        kill(launcher)
        assert live.end(key) == 137
    live(live.containers.start(key))
    live(live.containers.stop(key, timeout_s=0))
    for part in (path, f"{path}.1", f"{path}.2"):
        if os.path.exists(part):
            assert set(logged(part)) == {"012345678901234567890123456789\n"}


def test_a_program_that_does_not_die_with_its_launcher(live: Live) -> None:
    # As after the execution of a set-user-ID program, which makes the kernel forget the wish. It
    # has no PID namespace either that would end with its first process.
    key = live.run(f"({FOREVER}) & {FOREVER}", "--pid host")
    first = live.get(key).state.pid
    (tasks,) = {frozenset(live.cgroup(key).processes())}
    assert len(tasks) > 1
    (launcher,) = launchers(live.settings)
    kill(launcher)
    assert live.end(key) == 137
    eventually(lambda: not any(map(alive, {first, *tasks})), "the end of all processes")
    nothing_runs(live)


# --- launchers that stand still ---------------------------------------------------------------


@contextmanager
def stopped(launcher: int) -> Iterator[None]:
    os.kill(launcher, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(launcher, signal.SIGCONT)


def test_others_do_not_wait_for_a_launcher_that_stands_still(live: Live) -> None:
    sick = live.run(FOREVER)
    (launcher,) = launchers(live.settings)
    with stopped(launcher):
        well = live.run("exit 3")
        assert live.end(well) == 3
        assert {c.id for c in live.containers.all()} == {sick, well}
        with pytest.raises(Unavailable):
            for _ in range(10_000):
                live(live.containers.resize(sick, 1, 1))
        assert live.get(sick).is_running


def test_the_next_engine_does_not_wait_for_it_either(live: Live) -> None:
    sick = live.run(FOREVER)
    pid = live.get(sick).state.pid
    (launcher,) = launchers(live.settings)
    with stopped(launcher):
        live.restart()
        well = live.run("exit 3")
        assert live.end(well) == 3
    live(live.containers.remove(sick, force=True))
    live.until(lambda: not alive(launcher))
    assert not alive(pid)
    nothing_runs(live)


# --- execs ------------------------------------------------------------------------------------


def test_an_exec_whose_launcher_is_killed(live: Live) -> None:
    key = live.run(FOREVER)
    before = set(launchers(live.settings))
    execs = live.engine.execs
    exec_id = live(execs.create(key, ExecRequest(("sleep", "1000"))))
    live(execs.start(exec_id, None))
    pid = execs.get(exec_id).pid
    (launcher,) = set(launchers(live.settings)) - before
    kill(launcher)
    live.until(lambda: not execs.get(exec_id).running)
    assert execs.get(exec_id).exit_code == 137
    assert not alive(pid)
    assert live.get(key).is_running


def test_execs_of_an_engine_that_was_killed_end_with_the_container(
    workspace: Path, root: Path
) -> None:
    settings = settings_in(workspace)
    with engine_child(workspace, root, FOREVER, execs=3):
        pass
    assert len(launchers(settings)) == 4
    with living(workspace, root) as live:
        live(live.containers.stop("box", timeout_s=0))
        assert live.get("box").state.status == EXITED
        live.until(lambda: not launchers(live.settings))
        nothing_runs(live)
