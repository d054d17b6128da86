"""Plans in parts: prepared launchers."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct

import pytest

from orlop.errors import LaunchError
from orlop.launch import executor
from orlop.launch.executor import Launch
from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    OF_CONTAINER,
    STAY,
    ChangeDirectory,
    Clone,
    Execute,
    FindProgram,
    NewSession,
    NextPart,
    Open,
    Plan,
    SendPidfd,
    SetHostname,
    Slot,
    WriteProc,
)
from orlop.launch.wire import encode
from tests.integration.launcher.driver import (
    ENV,
    NEWPID,
    NEWUTS,
    PATH,
    Steps,
    plan_of,
    sh,
    started,
    wait_dead,
    wait_for_pid,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


def send_descriptors(running: Launch, *descriptors: int) -> None:
    """Sends them with the command "part"."""
    with socket.socket(fileno=os.dup(running.fileno())) as control:
        socket.send_fds(control, [struct.pack("<III", 1, 0, 0)], list(descriptors))


def send_part(running: Launch, part: Plan, *descriptors: int) -> None:
    """Sends a part with descriptors for its inherited slots."""
    plan = executor.plan_memfd(encode(part))
    try:
        send_descriptors(running, plan, *descriptors)
    finally:
        os.close(plan)


def test_a_plan_in_two_parts() -> None:
    ours, theirs = os.pipe()
    steps: Steps = [
        (LAUNCHER, Clone(NEWPID | NEWUTS)),
        (CONTAINER, SetHostname("part-one")),
        (LAUNCHER, NextPart()),
    ]
    with started(*steps, stdout=theirs) as running:
        pid = wait_for_pid(running)
        rest = [
            (LAUNCHER, WriteProc(OF_CONTAINER, "oom_score_adj", b"200")),
            *sh("hostname; cat /proc/self/oom_score_adj"),
        ]
        running.send_part(plan_of(rest, STAY, 0, 0))
        assert running.wait_running() == pid
        assert running.wait_exit() == 0
    os.close(theirs)
    with os.fdopen(ours) as stream:
        assert stream.read() == "part-one\n200\n"


def test_a_part_brings_descriptors_for_both_sides() -> None:
    """A launcher that was prepared without knowing anything of the container."""
    ours, theirs = os.pipe()
    control, other = socket.socketpair()
    with started((LAUNCHER, Clone(NEWPID)), (LAUNCHER, NextPart()), slots=1) as running:
        rest = [
            (LAUNCHER, SendPidfd(Slot(2))),
            (CONTAINER, FindProgram("sh", PATH)),
            (CONTAINER, Execute(("sh", "-c", "echo $$ >&3; exit 8"), ENV, 1, 1)),
        ]
        send_part(running, plan_of(rest, STAY, 3, 2), theirs, other.fileno())
        os.close(theirs)
        running.wait_running()
        assert running.wait_exit() == 8
    with os.fdopen(ours) as stream:
        assert stream.read() == "1\n"
    _, descriptors, _, _ = socket.recv_fds(control, 100, 4)
    os.close(descriptors[0])
    control.close()
    other.close()


def test_a_clone_may_come_in_a_later_part() -> None:
    with started((LAUNCHER, Open(Slot(0), "/", os.O_RDONLY)), (LAUNCHER, NextPart()), slots=1) as r:
        r.send_part(plan_of([(LAUNCHER, NextPart())], STAY, 1, 0))
        r.send_part(plan_of([(LAUNCHER, Clone(NEWPID)), *sh("exit 2")], STAY, 1, 0))
        r.wait_running()
        assert r.wait_exit() == 2


def test_failures_in_a_part_are_counted_over_all_parts() -> None:
    with started((LAUNCHER, Clone(NEWPID)), (LAUNCHER, NextPart())) as running:
        rest = [(CONTAINER, NewSession()), (CONTAINER, ChangeDirectory("/nope")), *sh("")]
        running.send_part(plan_of(rest, STAY, 0, 0))
        with pytest.raises(LaunchError):
            running.wait_running()
        report = running.read_report()
    assert (report.failed_op, report.errno, report.path) == (3, errno.ENOENT, "/nope")


@pytest.mark.parametrize("how", ["hang up", "kill", "bad plan", "not sealed"])
def test_a_prepared_launcher_that_is_not_used(how: str) -> None:
    with started((LAUNCHER, Clone(NEWPID)), (LAUNCHER, NextPart())) as running:
        pidfd = os.pidfd_open(wait_for_pid(running))
        if how == "hang up":
            running._control.close()
        elif how == "kill":
            os.kill(running.pid, signal.SIGKILL)
        elif how == "bad plan":
            running.send_part(plan_of([(LAUNCHER, Clone(0)), *sh("")], STAY, 0, 0))
        else:
            memfd = os.memfd_create("x")
            os.write(memfd, bytes(1000))
            send_descriptors(running, memfd)
            os.close(memfd)
        assert wait_dead(pidfd)
        assert running.reap() == (256 - signal.SIGKILL if how == "kill" else 1)
