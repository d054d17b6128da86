"""The launcher that stays: signals, hang-ups, orphans."""

from __future__ import annotations

import os
import select
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orlop.launch import report as reports
from orlop.launch.executor import Launch
from orlop.launch.plan import (
    CONTAINER,
    FORWARD_SIGNALS,
    KILL_ON_HANGUP,
    LAUNCHER,
    STAY,
    SUBREAPER,
    Clone,
    NewSession,
)
from tests.integration.launcher.driver import (
    NEWPID,
    hook,
    sh,
    started,
    wait_dead,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

CATCH = (
    "trap 'echo USR1; exit 3' USR1; trap 'echo TERM; exit 4' TERM; echo ready;"
    "while :; do sleep 0.01; done"
)


@contextmanager
def catching(flags: int) -> Iterator[tuple[Launch, int]]:
    """A container that says which signal it got; yields when it is ready."""
    ours, theirs = os.pipe()
    steps = [(LAUNCHER, Clone(NEWPID)), (CONTAINER, NewSession()), *sh(CATCH)]
    with started(*steps, flags=flags, stdout=theirs) as running:
        os.close(theirs)
        with os.fdopen(ours) as stream:
            running.wait_running()
            assert stream.readline() == "ready\n"
            yield running, stream.fileno()


def test_signals_are_sent_by_command() -> None:
    with catching(STAY) as (running, stream):
        running.send_signal(signal.SIGUSR1)
        assert running.wait_exit() == 3
        assert os.read(stream, 100) == b"USR1\n"


def test_signals_are_forwarded() -> None:
    with catching(STAY | FORWARD_SIGNALS) as (running, stream):
        for ignored in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGTTIN, signal.SIGTTOU):
            os.kill(running.pid, ignored)
        os.kill(running.pid, signal.SIGTERM)
        assert running.wait_exit() == 4
        assert os.read(stream, 100) == b"TERM\n"


def test_a_signal_during_the_start_is_forwarded_after_it(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    run = hook(tmp_path, f"cat {fifo}")
    steps = [(LAUNCHER, Clone(0)), (LAUNCHER, run), *sh("exec sleep 100")]
    with started(*steps, flags=STAY | FORWARD_SIGNALS) as running:
        with fifo.open("w"):
            os.kill(running.pid, signal.SIGTERM)
        running.wait_running()
        assert running.wait_exit() == 143


def test_without_forwarding_a_signal_ends_the_launcher_only() -> None:
    with started((LAUNCHER, Clone(0)), *sh("exec sleep 100")) as running:
        pidfd = os.pidfd_open(running.wait_running())
        os.kill(running.pid, signal.SIGTERM)
        assert running.reap() == 256 - signal.SIGTERM
        assert not select.select([pidfd], [], [], 0.1)[0]
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        assert wait_dead(pidfd)


@pytest.mark.parametrize("flags", [STAY, STAY | KILL_ON_HANGUP])
def test_hanging_up_on_a_running_container(flags: int) -> None:
    with started((LAUNCHER, Clone(NEWPID)), *sh("exec sleep 100"), flags=flags) as running:
        pidfd = os.pidfd_open(running.wait_running())
        running._control.close()
        if flags & KILL_ON_HANGUP:
            assert wait_dead(pidfd)
        else:
            assert not select.select([pidfd], [], [], 0.1)[0]
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)
        assert running.wait_exit() == 137
        assert running.read_report().phase == reports.EXITED


def test_exited_is_told() -> None:
    with started((LAUNCHER, Clone(0)), *sh("exit 6")) as running:
        running.wait_running()
        assert struct.unpack("<Ii", running._control.recv(8)) == (4, 6 << 8)
        running.wait_exit()


def test_a_subreaper_reaps_what_is_left_to_it(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script = f"(sh -c 'echo $$ > {fifo}; sleep 0.01' &) ; exec sleep 100"
    with started((LAUNCHER, Clone(0)), *sh(script), flags=STAY | SUBREAPER) as running:
        running.wait_running()
        number = int(fifo.read_text())
        deadline = time.monotonic() + 5
        while Path(f"/proc/{number}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.005)  # nobody tells when somebody else's child is reaped
        assert not running.has_ended()
        running.send_signal(signal.SIGKILL)
        assert running.wait_exit() == 137
