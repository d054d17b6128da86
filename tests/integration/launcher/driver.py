"""Drives the launcher with plans made by hand, and looks at what comes out."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from orlop.errors import LaunchError
from orlop.launch import report as reports
from orlop.launch.executor import Launch, launch
from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    STAY,
    Clone,
    Execute,
    FindProgram,
    Operation,
    Plan,
    RunHook,
    Side,
    Step,
)

NEWTIME, NEWNS, NEWCGROUP, NEWUTS = 0x80, 0x20000, 0x2000000, 0x4000000
NEWIPC, NEWUSER, NEWPID, NEWNET = 0x8000000, 0x10000000, 0x20000000, 0x40000000
NAMESPACES = {
    "time": NEWTIME,
    "mnt": NEWNS,
    "cgroup": NEWCGROUP,
    "uts": NEWUTS,
    "ipc": NEWIPC,
    "user": NEWUSER,
    "pid": NEWPID,
    "net": NEWNET,
}
ALL_BUT_USER = sum(NAMESPACES.values()) - NEWUSER

KILL_LAUNCHER = 0xFFFFFFFE
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
ENV = (f"PATH={PATH}",)

Steps = Sequence[tuple[Side, Operation]]


def sh(script: str) -> list[tuple[Side, Operation]]:
    """The last steps of a plan: a shell that runs this."""
    return [
        (CONTAINER, FindProgram("sh", PATH)),
        (CONTAINER, Execute(("sh", "-c", script), ENV)),
    ]


def plan_of(steps: Steps, flags: int, slots: int, inherited: int) -> Plan:
    return Plan(tuple(Step(side, op) for side, op in steps), slots, inherited, flags)


@contextmanager
def started(
    *steps: tuple[Side, Operation],
    flags: int = STAY,
    slots: int = 0,
    inherit: Sequence[int] = (),
    stdout: int = 1,
    fault_op: int = 0xFFFFFFFF,
    fault_errno: int = 0,
) -> Iterator[Launch]:
    """A launcher with these steps; it is killed and reaped in the end, if it is still there."""
    plan = plan_of(steps, flags, slots + len(inherit), len(inherit))
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    try:
        running = launch(
            plan,
            inherit,
            stdio=(null, stdout, 2),
            fault_op=fault_op,
            fault_errno=fault_errno,
        )
    finally:
        os.close(null)
    try:
        yield running
    finally:
        if not running.has_ended():
            os.kill(running.pid, signal.SIGKILL)
            running.reap()
        running.close()


def output(*steps: tuple[Side, Operation], clone: int = 0, **options: object) -> str:
    """What the container writes, with a clone in front if there is none in the steps."""
    if not any(isinstance(op, Clone) for _, op in steps):
        steps = ((LAUNCHER, Clone(clone)), *steps)
    ours, theirs = os.pipe()
    with os.fdopen(ours) as stream:
        try:
            with started(*steps, stdout=theirs, **options) as running:  # type: ignore[arg-type]
                os.close(theirs)
                theirs = -1
                running.wait_running()
                text = stream.read()
                assert running.wait_exit() == 0
        finally:
            if theirs >= 0:
                os.close(theirs)
    return text


def failure(*steps: tuple[Side, Operation], **options: object) -> LaunchError:
    """The error with which this start fails."""
    with started(*steps, **options) as running:  # type: ignore[arg-type]
        with pytest.raises(LaunchError) as caught:
            running.wait_running()
        report = running.read_report()
        assert report.phase == reports.FAILED
        assert running.reap() == 1
    return caught.value


def in_container(*operations: Operation) -> list[tuple[Side, Operation]]:
    return [(CONTAINER, operation) for operation in operations]


def status_of(text: str) -> dict[str, str]:
    """proc_pid_status(5) as a table."""
    rows = (line.partition(":") for line in text.splitlines())
    return {key: value.strip() for key, _, value in rows}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_dead(pidfd: int, within_s: float = 5) -> bool:
    """Whether a process ends; takes the pidfd."""
    try:
        return bool(select.select([pidfd], [], [], within_s)[0])
    finally:
        os.close(pidfd)


def hook(tmp_path: Path, script: str, timeout_ms: int = 0, state: tuple[str, ...] = ()) -> RunHook:
    path = tmp_path / "hook"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return RunHook(str(path), ("hook", "one"), ("A=b", f"PATH={PATH}"), state, timeout_ms)


def wait_for_pid(running: Launch) -> int:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        pid = running.read_report().pid
        if pid:
            return pid
        time.sleep(0.002)  # the report has no event for a clone
    raise AssertionError("no clone")


def wait_gone(pid: int) -> bool:
    try:
        return wait_dead(os.pidfd_open(pid))
    except ProcessLookupError:
        return True
