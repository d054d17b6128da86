"""Starts that are made to fail at one operation after the other, and a look at what they leave.

The lifecycle code runs in the test's process and is the real one; only `launch` is replaced by a
`Saboteur`, which starts the real launcher with a fault in its plan (docs/launch-plan.md#plan).
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orlop.errors import LaunchError
from orlop.launch.executor import Launch, launch
from orlop.launch.plan import LAUNCHER, Plan, Side
from orlop.launch.wire import KILL, op_name
from tests import isolation
from tests.integration.support import cgroups
from tests.integration.support.processes import children

FAIL = 5
"""EIO: none of the operations fails with it by itself here."""
KILL_LAUNCHER = 0xFFFFFFFE
_ENOUGH = 20
SETTLE_S = 5.0
"""How long what was killed may take to be gone: the kernel ends processes when it has the time."""


class Saboteur:
    """Stands in for `launch`: one operation of the plan fails.

    Attributes:
        fault: an errno, KILL or KILL_LAUNCHER.
        index: of the operation.
        plan: the last one that was launched.
        launcher: PID of its launcher.
    """

    def __init__(self, fault: int, index: int = 0) -> None:
        self.fault = fault
        self.index = index
        self.plan = Plan((), 0, 0)
        self.launcher = 0

    def __call__(self, plan: Plan, inherit: Sequence[int] = (), **options: Any) -> Launch:
        self.plan = plan
        begun = launch(plan, inherit, **options, fault_op=self.index, fault_errno=self.fault)
        self.launcher = begun.pid
        return begun

    @property
    def names(self) -> list[str]:
        """The names of all operations of the plan."""
        return [op_name(type(step.op)) for step in self.plan.steps]

    @property
    def operation(self) -> str:
        """The name of the operation that fails."""
        return self.names[self.index]

    @property
    def side(self) -> Side:
        """Who performs the operation that fails."""
        return self.plan.steps[self.index].side

    def advance(self) -> bool:
        """On to the next operation of the plan, which is known from the first attempt on.

        Where the launcher is the performer, that its performer dies says it all: KILL_LAUNCHER
        leaves those operations out.
        """
        self.index += 1
        while self.index < len(self.plan.steps):
            if self.fault != KILL_LAUNCHER or self.side != LAUNCHER:
                return True
            self.index += 1
        return False


class Sink:
    """A listening socket that throws away what it is sent, with the descriptors that came along."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen()
        self._socket.setblocking(False)

    def drain(self) -> int:
        """Closes all connections that were made; returns how many there were."""
        for count in range(1000):
            try:
                self._socket.accept()[0].close()
            except BlockingIOError:
                return count
        raise AssertionError(f"{self.path} does not run dry")

    def close(self) -> None:
        """Closes the socket and all connections."""
        self.drain()
        self._socket.close()
        self.path.unlink()


@dataclass(frozen=True)
class Leftovers:
    """What containers may leave on the machine, looked at quickly; compare two of them.

    `tests/leaks.py` looks at everything and takes its time; it does so at the end of each test.
    """

    processes: Mapping[int, str]
    cgroups: frozenset[str]
    states: frozenset[str]
    mounts: int

    @staticmethod
    def now(cgroup_prefix: str, store: str) -> Leftovers:
        """What there is now."""
        return Leftovers(
            dict(_processes()),
            frozenset(
                str(path)
                for hierarchy in _hierarchies()
                for path in hierarchy.glob(f"{cgroup_prefix}*")
            ),
            frozenset(_containers(store)),
            Path("/proc/self/mountinfo").read_bytes().count(b"\n"),
        )

    def beyond(self, before: Leftovers) -> list[str]:
        """What is here and was not there before."""
        fresh = self.processes.keys() - before.processes.keys()
        rows = [f"process {pid} ({self.processes[pid]})" for pid in fresh]
        rows += [f"cgroup {what}" for what in self.cgroups - before.cgroups]
        rows += [f"state directory {what}" for what in self.states - before.states]
        if self.mounts != before.mounts:
            rows.append(f"{self.mounts - before.mounts} mounts")
        return rows


def _containers(store: str) -> list[str]:
    if not os.path.isdir(store):
        return []
    return [name for name in os.listdir(store) if not name.startswith("@")]  # the filters' cache


def _hierarchies() -> list[Path]:
    return [hierarchy.root for hierarchy in cgroups.hierarchies()]


def _processes() -> Iterator[tuple[int, str]]:
    """PID and name of all that runs below the tests' supervisor but the tests themselves."""
    waiting = [isolation.supervisor()]
    while waiting:
        for pid in _children(waiting.pop()):
            waiting.append(pid)
            if pid != os.getpid():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    yield pid, Path(f"/proc/{pid}/comm").read_text().strip()


def _children(pid: int) -> list[int]:
    try:
        return children(pid)
    except (FileNotFoundError, ProcessLookupError):
        return []


class Watch:
    """Finds what is left beyond what was there when it was made."""

    def __init__(self, cgroup_prefix: str, store: str) -> None:
        self._look: Callable[[], Leftovers] = lambda: Leftovers.now(cgroup_prefix, store)
        self._before = self._look()

    def left(self) -> list[str]:
        """What is there too much, and does not go away by itself soon."""
        deadline = time.monotonic() + SETTLE_S
        while rows := self._look().beyond(self._before):
            if time.monotonic() > deadline:
                return rows
            time.sleep(0.002)  # the end of an orphan has no event for others than its parent
        return []


def sweep(
    saboteur: Saboteur, attempt: Callable[[], object], settle: Callable[[], Sequence[str]]
) -> None:
    """Makes an attempt fail at each operation of its plan, from the saboteur's index on.

    Args:
        saboteur: what `attempt` launches with.
        attempt: has to raise the LaunchError of the operation.
        settle: says after each attempt what is wrong with the machine.

    Raises:
        AssertionError: everything that was wrong, by operation.
    """
    wrong: list[str] = []
    more = True
    while more:
        try:
            attempt()
        except LaunchError as error:
            problems = _misnamed(saboteur, error)
        else:
            problems = ["it did not fail"]
        problems += settle()
        wrong += [f"[{saboteur.index}] {saboteur.operation}: {problem}" for problem in problems]
        more = saboteur.advance() and len(wrong) < _ENOUGH
    assert not wrong, "\n".join(wrong)


def _misnamed(saboteur: Saboteur, error: LaunchError) -> list[str]:
    problems = []
    if (error.op_index, error.op) != (saboteur.index, saboteur.operation):
        problems.append(f"the error names [{error.op_index}] {error.op}: {error}")
    if saboteur.fault not in (KILL, KILL_LAUNCHER) and error.errno != saboteur.fault:
        problems.append(f"the error has errno {error.errno}: {error}")
    return problems
