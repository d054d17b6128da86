"""A container that waits for its start."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orlop.errors import LaunchError
from orlop.launch import report as reports
from orlop.launch.plan import (
    LAUNCHER,
    STAY,
    AwaitStart,
    ChangeDirectory,
    Clone,
    Execute,
    FindProgram,
    NewSession,
    Operation,
    Side,
    Slot,
)
from orlop.launch.wire import KILL
from tests.integration.launcher.driver import (
    KILL_LAUNCHER,
    NEWPID,
    in_container,
    sh,
    started,
    wait_dead,
    wait_gone,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@contextmanager
def listening(tmp_path: Path) -> Iterator[tuple[socket.socket, Callable[[], socket.socket]]]:
    """A listening socket for the plan, and a function that connects to it."""
    path = str(tmp_path / "start")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(1)

        def connect() -> socket.socket:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(10)
            connection.connect(path)
            return connection

        yield listener, connect


def waiting(*before: Operation, script: str = "exit 4") -> list[tuple[Side, Operation]]:
    return [(LAUNCHER, Clone(NEWPID)), *in_container(AwaitStart(Slot(0)), *before), *sh(script)]


def received(connection: socket.socket) -> bytes:
    data = b""
    while piece := connection.recv(4096):
        data += piece
    return data


def test_a_container_waits_for_its_start(tmp_path: Path) -> None:
    with (
        listening(tmp_path) as (listener, connect),
        started(*waiting(), inherit=(listener.fileno(),)) as running,
    ):
        pid = running.wait_created()
        report = running.read_report()
        assert (report.phase, report.pid) == (reports.CREATED, pid)
        assert report.times_ns[1][0] != 0
        assert report.times_ns[1][1] == 0
        with connect() as connection:
            assert received(connection) == b"S"
        assert running.wait_running() == pid
        assert running.wait_exit() == 4


def test_the_launcher_leaves_a_created_container(tmp_path: Path) -> None:
    with listening(tmp_path) as (listener, connect):
        steps = waiting(script="exec sleep 100")
        with started(*steps, flags=0, inherit=(listener.fileno(),)) as running:
            pid = running.wait_created()
            assert running.reap() == 0
            pidfd = os.pidfd_open(pid)
            assert not select.select([pidfd], [], [], 0.1)[0]  # it does not die with it
            with connect() as connection:
                assert received(connection) == b"S"
            assert running.read_report().phase == reports.RUNNING
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            assert wait_dead(pidfd)


@pytest.mark.parametrize("flags", [0, STAY])
@pytest.mark.parametrize("what", ["operation", "program"])
def test_a_failure_after_the_start_is_told_over_the_connection(
    tmp_path: Path, flags: int, what: str
) -> None:
    bad: list[Operation] = [ChangeDirectory("/no/dir")] if what == "operation" else []
    broken = tmp_path / "broken"
    steps = waiting(*bad)
    if what == "program":
        broken.write_bytes(b"\x7fELF")
        broken.chmod(0o755)
        steps = [
            *steps[:-2],
            *in_container(FindProgram(str(broken), ""), Execute((str(broken),), ())),
        ]
    with (
        listening(tmp_path) as (listener, connect),
        started(*steps, flags=flags, inherit=(listener.fileno(),)) as running,
    ):
        pidfd = os.pidfd_open(running.wait_created())
        with connect() as connection:
            data = received(connection)
        assert wait_dead(pidfd)
        if flags & STAY:
            with pytest.raises(LaunchError):
                running.wait_running()
        assert running.reap() == (1 if flags & STAY else 0)
        report = running.read_report()
    if what == "program":
        assert data[:1] == b"S"
        data = data[1:]
    assert len(data) == reports.FAILURE_SIZE
    told = reports.parse_failure(data)
    assert told.phase == report.phase == reports.FAILED
    expected = (
        (2, errno.ENOENT, "/no/dir") if what == "operation" else (3, errno.ENOEXEC, str(broken))
    )
    assert (told.failed_op, told.errno, told.path) == expected


def test_a_created_container_that_is_killed_has_ended(tmp_path: Path) -> None:
    with (
        listening(tmp_path) as (listener, _),
        started(*waiting(), inherit=(listener.fileno(),)) as running,
    ):
        running.wait_created()
        running.send_signal(signal.SIGKILL)
        assert running.wait_exit() == 137
        assert running.read_report().phase == reports.EXITED


def test_a_caller_that_hangs_up_after_created_leaves_the_container(tmp_path: Path) -> None:
    with (
        listening(tmp_path) as (listener, connect),
        started(*waiting(), inherit=(listener.fileno(),)) as running,
    ):
        running.wait_created()
        running._control.close()
        with connect() as connection:
            assert received(connection) == b"S"
        assert running.wait_exit() == 4


def test_whoever_starts_may_go_away(tmp_path: Path) -> None:
    with (
        listening(tmp_path) as (listener, connect),
        started(*waiting(), inherit=(listener.fileno(),)) as running,
    ):
        running.wait_created()
        connect().close()
        assert running.wait_exit() == 4


@pytest.mark.parametrize("whom", [KILL, KILL_LAUNCHER])
def test_killed_at_each_operation_around_the_start(tmp_path: Path, whom: int) -> None:
    steps = waiting(NewSession(), script="exit 9")
    for index in range(1, len(steps)):
        where = tmp_path / str(index)
        where.mkdir()
        with listening(where) as (listener, connect):
            fault = {"fault_op": index, "fault_errno": whom}
            with started(*steps, inherit=(listener.fileno(),), **fault) as running:
                if index == 1:
                    with pytest.raises(LaunchError):
                        running.wait_created()
                    assert wait_gone(running.read_report().pid)
                    continue
                pidfd = os.pidfd_open(running.wait_created())
                with connect() as connection:
                    said = received(connection)
                assert wait_dead(pidfd)
                # Once created, the container does not need the launcher to go on.
                assert said == (b"S" if whom == KILL_LAUNCHER else b"")
                assert running.reap() != 0
