"""Filters that refuse what the launcher would like to use, and listeners."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    OF_CONTAINER,
    Clone,
    LoadSeccomp,
    NoNewPrivileges,
    SendSeccompListener,
    SetUmask,
    WriteProc,
)
from tests.integration.launcher.driver import (
    NEWPID,
    failure,
    in_container,
    output,
    sh,
    started,
    wait_dead,
    wait_for_pid,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

NEW_LISTENER = 1 << 3
RET_ALLOW, RET_NOTIFY, RET_ERRNO = 0x7FFF0000, 0x7FC00000, 0x00050000


def bpf(*instructions: tuple[int, int, int, int]) -> bytes:
    return b"".join(struct.pack("<HBBI", *row) for row in instructions)


def refuse(*numbers: int) -> bytes:
    """A filter that refuses these system calls (of this architecture) with EPERM."""
    rows = [(0x20, 0, 0, 0)]
    for number in numbers:
        rows += [(0x15, 0, 1, number), (0x06, 0, 0, RET_ERRNO | errno.EPERM)]
    return bpf(*rows, (0x06, 0, 0, RET_ALLOW))


SENDTO, RECVFROM, SENDMSG, RT_SIGACTION_ = 44, 45, 46, 13
PRCTL, CLOSE_RANGE, FACCESSAT2 = 157, 436, 439


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system call numbers of x86-64")
def test_a_filter_may_refuse_what_the_launcher_would_like_to_use() -> None:
    """What is left to do behind it, is done without, or by what programs cannot do without."""
    refused = refuse(SENDTO, RECVFROM, SENDMSG, PRCTL, CLOSE_RANGE, FACCESSAT2)
    steps = in_container(NoNewPrivileges(), LoadSeccomp(refused, 0))
    shown = output(*steps, *sh("grep Seccomp: /proc/self/status; echo still here"))
    assert shown.split(maxsplit=2) == ["Seccomp:", "2", "still here\n"]
    with started((LAUNCHER, Clone(0)), *steps, *sh("exec sleep 100"), flags=0) as running:
        pidfd = os.pidfd_open(running.wait_running())
        assert running.reap() == 0
        assert not select.select([pidfd], [], [], 0.2)[0]  # it does not die with the launcher
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        assert wait_dead(pidfd)


LISTENER = 572  # where the report has it


class Agent(threading.Thread):
    """A seccomp agent: gets a listener over a socket, and lets every system call go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.state = b""
        self.seen: list[int] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()

    def run(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            self.state, (listener,), _, _ = socket.recv_fds(connection, 4096, 1)
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while not poll.poll()[0][1] & select.POLLHUP:
            request = bytearray(80)
            try:
                fcntl.ioctl(listener, 0xC0502100, request)  # SECCOMP_IOCTL_NOTIF_RECV
                number, _, _, call = struct.unpack_from("<QIII", request)[:4]
                self.seen.append(call)
                answer = struct.pack("<QqiI", number, 0, 0, 1)  # ..._FLAG_CONTINUE
                fcntl.ioctl(listener, 0xC0182101, bytearray(answer))  # ..._NOTIF_SEND
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EINTR):
                    raise
        os.close(listener)
        self._socket.close()


def test_the_listener_is_handed_over_though_the_filter_stops_everything(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "agent")
    agent.start()
    everything = bpf((0x06, 0, 0, RET_NOTIFY))
    with started(
        (LAUNCHER, Clone(NEWPID)),
        (CONTAINER, LoadSeccomp(everything, NEW_LISTENER)),
        (LAUNCHER, SendSeccompListener(str(tmp_path / "agent"), ('{"pid":', "}"))),
        (LAUNCHER, WriteProc(OF_CONTAINER, "oom_score_adj", b"123")),
        (CONTAINER, SetUmask(0o77)),
        *sh("exit 5"),
    ) as running:
        pid = running.wait_running()
        assert running.wait_exit() == 5
    agent.join(10)
    assert not agent.is_alive()
    assert agent.state == b'{"pid":%d}' % pid
    assert len(agent.seen) > 10


@pytest.mark.parametrize("where", ["nobody", "missing"])
def test_an_agent_that_does_not_answer(tmp_path: Path, where: str) -> None:
    path = tmp_path / "agent"
    if where == "nobody":
        with socket.socket(socket.AF_UNIX) as unheard:
            unheard.bind(str(path))
    error = failure(
        (LAUNCHER, Clone(NEWPID)),
        (CONTAINER, LoadSeccomp(bpf((0x06, 0, 0, RET_NOTIFY)), NEW_LISTENER)),
        (LAUNCHER, SendSeccompListener(str(path), ("", ""))),
        *sh(""),
    )
    expected = errno.ECONNREFUSED if where == "nobody" else errno.ENOENT
    assert (error.op, error.errno, error.path) == ("send_seccomp_listener", expected, str(path))


def test_a_launcher_killed_while_the_filter_stops_everything(tmp_path: Path) -> None:
    """The container's process, which may make no system call, sees it all the same."""
    path = tmp_path / "agent"
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(path))
        agent.listen()
        too_much = ("x" * 1_000_000, "")  # nobody reads, so the launcher's sendmsg(2) blocks
        with started(
            (LAUNCHER, Clone(NEWPID)),
            (CONTAINER, LoadSeccomp(bpf((0x06, 0, 0, RET_NOTIFY)), NEW_LISTENER)),
            (LAUNCHER, SendSeccompListener(str(path), too_much)),
            *sh(""),
        ) as running:
            pidfd = os.pidfd_open(wait_for_pid(running))
            deadline = time.monotonic() + 5
            while not any(os.pread(running._report, 4, LISTENER)):
                assert time.monotonic() < deadline
                time.sleep(0.002)  # the container's process can tell in this way only
            assert not select.select([pidfd], [], [], 0.05)[0]
            os.kill(running.pid, signal.SIGKILL)
            assert wait_dead(pidfd)
