"""Failures: what the report says, and that nothing is left, whatever fails or is killed when."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path

import pytest

from orlop.errors import LaunchError
from orlop.launch import report as reports
from orlop.launch.plan import (
    CONTAINER,
    KILL_ON_HANGUP,
    LAUNCHER,
    MIDDLE,
    NO_SLOT,
    OF_CONTAINER,
    SELF,
    STAY,
    AwaitStart,
    Clone,
    ConfigureNetDevice,
    EnterCgroup,
    Join,
    LoadSeccomp,
    MakeCgroup,
    MakeUserNamespace,
    NewSession,
    Open,
    Operation,
    RunHook,
    SendPidfd,
    SetAffinity,
    SetCapabilities,
    SetHostname,
    SetIoPriority,
    SetMemoryPolicy,
    SetRlimit,
    SetScheduler,
    SetUser,
    Side,
    Slot,
    Undumpable,
    Unshare,
    WriteCgroup,
    WriteProc,
)
from orlop.launch.wire import KILL
from tests.integration.launcher.driver import (
    ENV,
    KILL_LAUNCHER,
    NEWIPC,
    NEWNET,
    NEWNS,
    NEWPID,
    NEWUSER,
    NEWUTS,
    Steps,
    alive,
    hook,
    in_container,
    sh,
    started,
    wait_dead,
    wait_for_pid,
    wait_gone,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@pytest.mark.parametrize(
    ("side", "operation", "number", "call", "path"),
    [
        (LAUNCHER, MakeCgroup("/nope/x"), errno.ENOENT, "mkdir", "/nope/x"),
        (LAUNCHER, WriteCgroup("/proc/self/nope", "1"), errno.ENOENT, "write", "/proc/self/nope"),
        (LAUNCHER, Open(Slot(0), "/nope", 0), errno.ENOENT, "open", "/nope"),
        (LAUNCHER, WriteProc(OF_CONTAINER, "oom_score_adj", b"x"), errno.EINVAL, "write", None),
        (LAUNCHER, SendPidfd(Slot(0)), errno.EBADF, "slot", ""),
        (LAUNCHER, MakeUserNamespace(Slot(0), "x", "y"), errno.EINVAL, "write", None),
        (CONTAINER, EnterCgroup(NO_SLOT), errno.EBADF, "slot", ""),
        (CONTAINER, Unshare(0xFFFFFFFF), errno.EINVAL, "unshare", ""),
        (CONTAINER, Join(Slot(0), 0), errno.EBADF, "slot", ""),
        (CONTAINER, WriteProc(SELF, "nope", b""), errno.ENOENT, "open", None),
        (CONTAINER, SetHostname("x" * 300), errno.EINVAL, "sethostname", "x" * 300),
        (CONTAINER, SetRlimit(7, 2, 1), errno.EINVAL, "prlimit", ""),
        (CONTAINER, SetScheduler(99, 0, 0, 0, 0, 0, 0), errno.EINVAL, "sched_setattr", ""),
        (CONTAINER, SetAffinity(bytes(8)), errno.EINVAL, "sched_setaffinity", ""),
        (CONTAINER, SetMemoryPolicy(999, b""), errno.EINVAL, "set_mempolicy", ""),
        (CONTAINER, SetIoPriority(0xFFFF), errno.EINVAL, "ioprio_set", ""),
        (CONTAINER, LoadSeccomp(b"\xff" * 8, 0), errno.EINVAL, "seccomp", ""),
        (CONTAINER, SetCapabilities(1, 0, 0, 0), errno.EPERM, "capset", ""),
        (CONTAINER, ConfigureNetDevice("nope0"), errno.ENODEV, "find device", "nope0"),
        (CONTAINER, AwaitStart(Slot(0)), errno.EBADF, "slot", ""),
    ],
)
def test_the_report_says_what_failed(
    side: Side, operation: Operation, number: int, call: str, path: str | None
) -> None:
    with started((LAUNCHER, Clone(NEWPID)), (side, operation), *sh(""), slots=1) as running:
        with pytest.raises(LaunchError):
            running.wait_running()
        report = running.read_report()
        assert running.reap() == 1
    assert (report.phase, report.failed_op) == (reports.FAILED, 1)
    assert (report.errno, report.call) == (number, call)
    assert path is None or report.path == path


def test_a_plan_that_is_none_is_refused() -> None:
    steps: Steps = [(CONTAINER, NewSession()), *sh("")]
    with started(*steps) as running:
        with pytest.raises(LaunchError) as caught:
            running.wait_running()
        report = running.read_report()
    assert (caught.value.op, report.failed_op, report.errno) == ("setup", 0xFFFFFFFE, errno.EINVAL)
    assert report.path == "an operation of the container before the clone at operation 0"


def full_plan(tmp_path: Path) -> list[tuple[Side, Operation]]:
    """All three sides, in turns, with processes of their own (hooks, a user namespace)."""
    helper = tmp_path / "true"
    helper.write_text("#!/bin/sh\n")
    helper.chmod(0o755)
    run = RunHook(str(helper), ("true",), ENV, ("", ""), 5000)
    return [
        (LAUNCHER, MakeUserNamespace(Slot(0), "0 0 65536\n", "0 0 65536\n")),
        (MIDDLE, Undumpable()),
        (LAUNCHER, Open(Slot(1), "/dev/null", os.O_RDONLY)),
        (MIDDLE, Join(Slot(0), NEWUSER)),
        (MIDDLE, SetUser(0, 0, b"")),
        (MIDDLE, Clone(NEWPID | NEWNS | NEWUTS | NEWIPC | NEWNET)),
        (LAUNCHER, WriteProc(OF_CONTAINER, "oom_score_adj", b"300")),
        (CONTAINER, NewSession()),
        (CONTAINER, SetHostname("x")),
        (LAUNCHER, run),
        (CONTAINER, run),
        (CONTAINER, SetUser(1, 1, b"")),
        (CONTAINER, SetCapabilities(0, 0, 0, 0)),
        *sh("exec sleep 100"),
    ]


def operations_of_full_plan() -> list[int]:
    return list(range(len(full_plan(Path("/tmp")))))


@pytest.fixture
def full(tmp_path: Path) -> list[tuple[Side, Operation]]:
    return full_plan(tmp_path)


def test_every_operation_can_fail(full: list[tuple[Side, Operation]]) -> None:
    with started(*full, slots=2) as running:
        running.wait_running()
        running.send_signal(signal.SIGKILL)
        running.wait_exit()
    for index in range(len(full)):
        with started(*full, slots=2, fault_op=index, fault_errno=errno.EXFULL) as running:
            with pytest.raises(LaunchError):
                running.wait_running()
            report = running.read_report()
            assert running.reap() == 1
        assert (report.phase, report.failed_op, report.errno) == (
            reports.FAILED,
            index,
            errno.EXFULL,
        )
        assert report.call == "fault"
        assert report.pid == 0 or not alive(report.pid)


@pytest.mark.parametrize("whom", [KILL, KILL_LAUNCHER])
def test_every_process_can_be_killed_at_every_operation(
    full: list[tuple[Side, Operation]], whom: int
) -> None:
    for index, (side, _) in enumerate(full):
        with started(*full, slots=2, fault_op=index, fault_errno=whom) as running:
            with pytest.raises(LaunchError):
                running.wait_running()
            report = running.read_report()
            status = running.reap()
            assert report.pid == 0 or wait_gone(report.pid)
        if side == LAUNCHER or whom == KILL_LAUNCHER:
            assert status == 256 - signal.SIGKILL
        else:
            assert status == 1
            assert (report.phase, report.failed_op, report.errno) == (reports.FAILED, index, 0)
            assert report.detail in (128 + signal.SIGKILL, 128 + signal.SIGILL)


@pytest.mark.parametrize("whom", ["launcher", "container"])
def test_killed_while_a_hook_runs_as_another_user(whom: str) -> None:
    """A change of credentials ends the bond between the processes, unless it is renewed."""
    hook_index = 3
    steps: Steps = [
        (LAUNCHER, Clone(NEWPID)),
        *in_container(
            SetUser(1, 1, b""),
            SetCapabilities(0, 0, 0, 0),
            RunHook("/bin/sleep", ("sleep", "100"), (), (), 0),
        ),
        *sh(""),
    ]
    with started(*steps) as running:
        pidfd = os.pidfd_open(wait_for_pid(running))
        deadline = time.monotonic() + 5
        while not running.read_report().times_ns[hook_index][0]:
            assert time.monotonic() < deadline
            time.sleep(0.002)  # the report has no event for an operation
        if whom == "launcher":
            os.kill(running.pid, signal.SIGKILL)
        else:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        assert wait_dead(pidfd)


def test_a_container_killed_by_others_while_it_starts(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    run = hook(tmp_path, f"cat; cat {fifo}", 0)
    with started((LAUNCHER, Clone(NEWPID)), (CONTAINER, run), *sh("")) as running:
        pid = wait_for_pid(running)
        with fifo.open("w"):  # the hook runs
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(LaunchError):
                running.wait_running()
        report = running.read_report()
    assert (report.failed_op, report.errno, report.detail) == (1, 0, 128 + signal.SIGKILL)


@pytest.mark.parametrize("side", [LAUNCHER, CONTAINER])
@pytest.mark.parametrize("flags", [0, STAY, STAY | KILL_ON_HANGUP])
def test_a_caller_that_hangs_up_undoes_the_start(tmp_path: Path, side: Side, flags: int) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    run = hook(tmp_path, f"echo x > {fifo}; exec sleep 100")
    with started((LAUNCHER, Clone(0)), (side, run), *sh(""), flags=flags) as running:
        fifo.read_text()
        pid = running.read_report().pid
        running._control.close()
        assert running.reap() == 1
        assert not alive(pid)
        assert running.read_report().phase == reports.FAILED
