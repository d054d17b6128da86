"""A plain start: exit status, report, what the program inherits, what the launcher costs."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from orlop.launch import report as reports
from orlop.launch.executor import sealed_copy
from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    ChangeRoot,
    Clone,
    Execute,
    FindProgram,
    NewSession,
    Slot,
    UseProgram,
)
from tests.integration.launcher.driver import (
    ALL_BUT_USER,
    ENV,
    PATH,
    failure,
    in_container,
    output,
    sh,
    started,
    status_of,
    wait_dead,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_the_exit_status_is_the_containers(script: str, status: int) -> None:
    with started((LAUNCHER, Clone(0)), *sh(script)) as running:
        running.wait_running()
        assert running.wait_exit() == status
        report = running.read_report()
    assert report.phase == reports.EXITED
    assert report.exit is not None
    wait_status = report.exit.status
    code = os.waitstatus_to_exitcode(wait_status)
    assert (code if code >= 0 else 128 - code) == status
    assert abs(report.exit.at_ns - time.time_ns()) < 60e9
    assert report.exit.max_rss_kib > 100


def test_the_report_has_all_times_in_order() -> None:
    before = time.monotonic_ns()
    with started((LAUNCHER, Clone(ALL_BUT_USER)), *in_container(NewSession()), *sh("")) as running:
        running.wait_running()
        report = running.read_report()
        running.wait_exit()
    begun = [report.began_ns, *(pair[0] for pair in report.times_ns), report.running_ns]
    assert all(begun)
    # To a microsecond: two clocks are read one after the other.
    slack = 1000
    assert all(before <= after for before, after in report.times_ns)
    assert all(a - slack < b for a, b in itertools.pairwise(begun))
    assert before - slack < begun[0]
    assert begun[-1] < time.monotonic_ns() + slack


def test_cpu_time_is_recorded() -> None:
    with started(
        (LAUNCHER, Clone(0)), *sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
    ) as r:
        r.wait_running()
        r.wait_exit()
        ended = r.read_report().exit
    assert ended is not None
    assert ended.user_us + ended.system_us > 5000


def test_without_stay_the_launcher_leaves_and_the_container_goes_on() -> None:
    with started((LAUNCHER, Clone(0)), *sh("exec sleep 100"), flags=0) as running:
        pid = running.wait_running()
        assert running.reap() == 0
        pidfd = os.pidfd_open(pid)
        try:
            assert Path(f"/proc/{pid}/comm").read_text() in ("sh\n", "sleep\n")
        finally:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            assert wait_dead(pidfd)


def test_the_program_gets_nothing_but_its_stdio(tmp_path: Path) -> None:
    """Neither the launcher's descriptors, nor its signals, nor what the caller has leaked."""
    leaked = os.open("/", os.O_RDONLY)
    high = fcntl.fcntl(leaked, fcntl.F_DUPFD, 900)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    try:
        shown = output(
            *sh("ls /proc/$$/fd; echo --; env; exec cat /proc/self/status"),
            inherit=(leaked,),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        os.close(leaked)
        os.close(high)
    first, _, rest = shown.partition("--\n")
    assert first.split() == ["0", "1", "2"]
    status = status_of(rest)
    assert int(status["SigIgn"], 16) == 0
    assert int(status["SigBlk"], 16) == 0
    assert {
        row for row in rest.partition("Name:")[0].splitlines() if not row.startswith("PWD=")
    } == {f"PATH={PATH}"}


def test_preserved_descriptors_are_moved_to_three_and_up(tmp_path: Path) -> None:
    files = []
    for n in range(5):
        (tmp_path / str(n)).write_text(str(n))
        files.append(os.open(tmp_path / str(n), os.O_RDONLY))
    try:
        shown = output(
            (CONTAINER, FindProgram("sh", PATH)),
            (
                CONTAINER,
                Execute(("sh", "-c", "cat <&3; cat <&4; cat <&5; ls /proc/$$/fd"), ENV, 1, 3),
            ),
            inherit=files,
        )
    finally:
        for fd in files:
            os.close(fd)
    assert shown.split() == ["1230", "1", "2", "3", "4", "5"]


def test_a_program_by_descriptor_needs_no_file(tmp_path: Path) -> None:
    """It runs in a root that is empty, and no preserved descriptor is in its way."""
    busybox = shutil.which("busybox")
    assert busybox
    program = sealed_copy(busybox, "some-program")
    (tmp_path / "file").write_text("kept\n")
    (tmp_path / "root").mkdir()
    files = [os.open(tmp_path / "file", os.O_RDONLY) for _ in range(6)]
    root = os.open(tmp_path / "root", os.O_PATH)
    script = "read a <&3; read b <&8; echo $a $b *"
    try:
        shown = output(
            (CONTAINER, ChangeRoot(Slot(1))),
            (CONTAINER, UseProgram(Slot(0))),
            (CONTAINER, Execute(("busybox", "sh", "-c", script), ENV, 2, len(files))),
            inherit=(program, root, *files),
        )
    finally:
        for fd in (program, root, *files):
            os.close(fd)
    assert shown == "kept kept *\n"


def test_a_script_by_descriptor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "script").chmod(0o755)
    script = os.open(tmp_path / "script", os.O_RDONLY)
    try:
        error = failure(
            (LAUNCHER, Clone(0)),
            (CONTAINER, UseProgram(Slot(0))),
            (CONTAINER, Execute(("script",), ENV)),
            inherit=(script,),
        )
    finally:
        os.close(script)
    assert (error.op, error.errno) == ("execute", errno.ENOENT)


def test_nobody_but_the_container_holds_its_output() -> None:
    """A reader sees the end when the program closes it, though the launcher stays."""
    ours, theirs = os.pipe()
    script = "echo hello; exec >/dev/null; exec sleep 100"
    with started((LAUNCHER, Clone(0)), *sh(script), inherit=(theirs,), stdout=theirs) as running:
        os.close(theirs)
        running.wait_running()
        with os.fdopen(ours) as stream:
            assert stream.read() == "hello\n"
        running.send_signal(signal.SIGKILL)
        assert running.wait_exit() == 137


def test_a_waiting_launcher_is_small() -> None:
    with started((LAUNCHER, Clone(0)), *sh("exec sleep 100")) as running:
        running.wait_running()
        rollup = status_of(Path(f"/proc/{running.pid}/smaps_rollup").read_text())
        assert int(rollup["Pss"].split()[0]) < 300
        running.send_signal(signal.SIGKILL)
        running.wait_exit()


def test_a_waiting_launcher_does_nothing() -> None:
    """No busy loop, no polling: its CPU time stands still."""
    with started((LAUNCHER, Clone(0)), *sh("exec sleep 100")) as running:
        running.wait_running()
        switches = "voluntary_ctxt_switches"
        time.sleep(0.05)  # to see that nothing happens takes a while
        before = status_of(Path(f"/proc/{running.pid}/status").read_text())[switches]
        time.sleep(0.3)
        assert status_of(Path(f"/proc/{running.pid}/status").read_text())[switches] == before
        running.send_signal(signal.SIGKILL)
        running.wait_exit()
