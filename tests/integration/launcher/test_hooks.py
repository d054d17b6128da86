"""Hooks and helpers: programs that are run to their end during a start."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from orlop.errors import LaunchError
from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    Clone,
    RunHook,
    RunIdMapHelper,
    Side,
)
from tests.integration.launcher.driver import (
    NEWPID,
    Steps,
    failure,
    hook,
    output,
    sh,
    started,
    wait_dead,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@pytest.mark.parametrize("side", [LAUNCHER, CONTAINER])
def test_a_hook_gets_the_state_and_a_clean_world(tmp_path: Path, side: Side) -> None:
    script = f"(cat; echo; pwd; echo $0 $1; ls /proc/self/fd | tr '\\n' ' '; env) > {tmp_path}/out"
    run = hook(tmp_path, script, state=('{"pid":', ',"again":', "}"))
    with started((LAUNCHER, Clone(NEWPID)), (side, run), *sh("")) as running:
        pid = running.wait_running()
        running.wait_exit()
    state, directory, argv, descriptors_and_env = (tmp_path / "out").read_text().split("\n", 3)
    assert state == f'{{"pid":{pid},"again":{pid}}}'
    assert directory == "/"
    assert argv == f"{tmp_path}/hook one"
    assert descriptors_and_env.startswith("0 1 2 3 ")
    assert "A=b" in descriptors_and_env
    assert "HOME" not in descriptors_and_env


@pytest.mark.parametrize("side", [LAUNCHER, CONTAINER])
@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("exit 3", 3),
        ("kill -USR1 $$", 128 + signal.SIGUSR1),
        ("sleep 100 & sleep 100", 1000),
    ],
)
def test_a_hook_that_fails(tmp_path: Path, side: Side, script: str, detail: int) -> None:
    run = hook(tmp_path, f"echo about to fail >&2; {script}", 300 if detail == 1000 else 5000)
    steps: Steps = [(LAUNCHER, Clone(NEWPID)), (side, run), *sh("")]
    with started(*steps) as running:
        with pytest.raises(LaunchError) as caught:
            running.wait_running()
        report = running.read_report()
        text = os.pread(running._report, 440, 584).rstrip(b"\0")
    assert (caught.value.op, report.failed_op, report.detail) == ("run_hook", 1, detail)
    assert report.path == run.path
    assert text == b"about to fail\n"


def test_a_hook_that_is_not_there() -> None:
    error = failure(
        (LAUNCHER, Clone(0)), (LAUNCHER, RunHook("/no/hook", ("x",), (), (), 0)), *sh("")
    )
    assert (error.op, error.errno, error.path) == ("run_hook", errno.ENOENT, "/no/hook")


def test_a_hook_need_not_read_its_input_and_may_say_a_lot(tmp_path: Path) -> None:
    """Neither side blocks: half a megabyte of state, and more output than a pipe takes."""
    run = hook(tmp_path, "head -c 300000 /dev/zero; exit 0", 20_000, ("x" * 500_000, "y" * 500_000))
    assert output((LAUNCHER, Clone(0)), (LAUNCHER, run), *sh("echo ok")) == "ok\n"
    run = hook(tmp_path, f"wc -c > {tmp_path}/size", 20_000, ("x" * 500_000, "y" * 500_000))
    assert output((LAUNCHER, Clone(0)), (LAUNCHER, run), *sh("echo ok")) == "ok\n"
    assert 1_000_000 < int((tmp_path / "size").read_text()) < 1_000_010


def test_a_hook_may_leave_a_daemon(tmp_path: Path) -> None:
    run = hook(tmp_path, f"sleep 100 & echo $! > {tmp_path}/pid", 5000)
    assert output((LAUNCHER, Clone(0)), (LAUNCHER, run), *sh("echo ok")) == "ok\n"
    daemon = int((tmp_path / "pid").read_text())
    pidfd = os.pidfd_open(daemon)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    assert wait_dead(pidfd)


def test_the_id_map_helper_gets_the_pid_and_the_ranges(tmp_path: Path) -> None:
    helper = tmp_path / "helper"
    helper.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/args\n')
    helper.chmod(0o755)
    steps = [(LAUNCHER, RunIdMapHelper(str(helper), ("0", "1000", "1"))), *sh("exit 0")]
    with started((LAUNCHER, Clone(0)), *steps) as running:
        pid = running.wait_running()
        running.wait_exit()
    assert (tmp_path / "args").read_text() == f"{pid} 0 1000 1\n"


def test_a_hook_dies_when_the_caller_hangs_up(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    run = hook(tmp_path, f"echo $$ > {fifo}; exec sleep 100")
    with started((LAUNCHER, Clone(0)), (LAUNCHER, run), *sh("")) as running:
        pidfd = os.pidfd_open(int(fifo.read_text()))
        running._control.close()
        assert wait_dead(pidfd)
        assert running.reap() == 1
