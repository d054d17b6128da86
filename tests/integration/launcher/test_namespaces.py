"""Namespaces: made, joined, mapped."""

from __future__ import annotations

import os
import signal
import socket
import struct
from pathlib import Path

import pytest

from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    MIDDLE,
    OF_CONTAINER,
    SELF,
    Clone,
    Join,
    MakeUserNamespace,
    NewSession,
    SendPidfd,
    SetHostname,
    SetUser,
    Slot,
    Undumpable,
    Unshare,
    WriteProc,
)
from tests.integration.launcher.driver import (
    NAMESPACES,
    NEWNET,
    NEWPID,
    NEWUSER,
    NEWUTS,
    Steps,
    in_container,
    output,
    sh,
    started,
    status_of,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@pytest.mark.requires_timens
@pytest.mark.requires_userns
@pytest.mark.parametrize("name", [*NAMESPACES, "all"])
def test_clone_makes_the_namespaces_that_are_asked_for(name: str) -> None:
    flags = NAMESPACES.get(name, sum(NAMESPACES.values()))
    with started((LAUNCHER, Clone(flags)), *sh("exec sleep 100")) as running:
        pid = running.wait_running()
        for kind, flag in NAMESPACES.items():
            same = os.readlink(f"/proc/{pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")
            assert same == (flags & flag == 0), kind
        status = status_of(Path(f"/proc/{pid}/status").read_text())
        assert (status["NSpid"].split()[-1] == "1") == bool(flags & NEWPID)
        assert int(status["PPid"]) == running.pid
        running.send_signal(signal.SIGKILL)
        running.wait_exit()


def test_unshare_in_the_container() -> None:
    shown = output(*in_container(Unshare(NEWUTS), SetHostname("other")), *sh("hostname; uname -n"))
    assert shown == "other\nother\n"
    assert os.uname().nodename != "other"


@pytest.mark.requires_userns
def test_maps_of_a_user_namespace_are_written_from_outside() -> None:
    shown = output(
        (LAUNCHER, Clone(NEWUSER)),
        (LAUNCHER, WriteProc(OF_CONTAINER, "uid_map", b"0 100000 65536\n")),
        (LAUNCHER, WriteProc(OF_CONTAINER, "gid_map", b"0 200000 65536\n")),
        *in_container(SetUser(0, 0, struct.pack("<2I", 5, 6))),
        *sh("id -u; id -g; id -G; cat /proc/self/uid_map /proc/self/gid_map"),
    )
    assert " ".join(shown.split()) == "0 0 0 5 6 0 100000 65536 0 200000 65536"


@pytest.mark.requires_userns
def test_the_middle_process_joins_and_clones_for_the_launcher() -> None:
    """The new namespaces belong to a user namespace that was there before; the PID 1 is ours."""
    steps: Steps = [
        (LAUNCHER, MakeUserNamespace(Slot(0), "0 100000 65536\n", "0 100000 65536\n")),
        (MIDDLE, Join(Slot(0), NEWUSER)),
        (MIDDLE, SetUser(0, 0, b"")),
        (MIDDLE, Clone(NEWPID | NEWUTS | NEWNET)),
        (LAUNCHER, WriteProc(OF_CONTAINER, "oom_score_adj", b"500")),
        (CONTAINER, SetHostname("inside")),
        *sh("exec sleep 100"),
    ]
    with started(*steps, slots=1) as running:
        pid = running.wait_running()
        status = status_of(Path(f"/proc/{pid}/status").read_text())
        assert int(status["PPid"]) == running.pid
        assert status["NSpid"].split()[-1] == "1"
        assert status["Uid"].split()[0] == "100000"
        assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "500\n"
        assert os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user")
        running.send_signal(signal.SIGKILL)
        assert running.wait_exit() == 137


@pytest.mark.requires_userns
def test_the_launcher_writes_the_maps_of_the_middle_process() -> None:
    shown = output(
        (MIDDLE, Unshare(NEWUSER)),
        (LAUNCHER, WriteProc(OF_CONTAINER, "uid_map", b"0 1000 10\n")),
        (LAUNCHER, WriteProc(OF_CONTAINER, "gid_map", b"0 1000 10\n")),
        (MIDDLE, SetUser(0, 0, b"")),
        (MIDDLE, Clone(NEWPID)),
        *sh("echo $$; cat /proc/self/uid_map; id -u"),
    )
    assert shown.split() == ["1", "0", "1000", "10", "0"]


def test_namespaces_of_another_process_are_joined() -> None:
    other = [
        (LAUNCHER, Clone(NEWPID | NEWUTS)),
        (CONTAINER, SetHostname("first")),
        *sh("sleep 100"),
    ]
    with started(*other) as first:
        pid = first.wait_running()
        pidfd = os.pidfd_open(pid)
        try:
            shown = output(
                (MIDDLE, Undumpable()),
                (MIDDLE, Join(Slot(0), NEWPID | NEWUTS)),
                (MIDDLE, Clone(0)),
                *in_container(NewSession()),
                *sh("hostname; echo $$"),
                inherit=(pidfd,),
            )
        finally:
            os.close(pidfd)
        name, number = shown.split()
        assert name == "first"
        assert 1 < int(number) < 20
        first.send_signal(signal.SIGKILL)
        first.wait_exit()


def test_proc_is_written_by_the_process_itself() -> None:
    shown = output(
        *in_container(WriteProc(SELF, "oom_score_adj", b"700")), *sh("cat /proc/self/oom_score_adj")
    )
    assert shown == "700\n"


def test_the_pidfd_is_sent() -> None:
    ours, theirs = socket.socketpair()
    with started(
        (LAUNCHER, Clone(0)), (LAUNCHER, SendPidfd(Slot(0))), *sh("exec sleep 100"),
        inherit=(theirs.fileno(),),
    ) as running:  # fmt: skip
        theirs.close()
        pid = running.wait_running()
        _, descriptors, _, _ = socket.recv_fds(ours, 100, 4)
        (pidfd,) = descriptors
        info = status_of(Path(f"/proc/self/fdinfo/{pidfd}").read_text())
        assert int(info["Pid"]) == pid
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)
        assert running.wait_exit() == 137
    ours.close()
