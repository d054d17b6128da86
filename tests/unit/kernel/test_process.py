from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from orlop.errors import NotFound, SyscallError
from orlop.kernel import idmap, process
from orlop.kernel.capabilities import CapabilitySets
from orlop.kernel.process import Identity

STATUS = """\
Name:	a b
Umask:	0022
State:	S (sleeping)
Tgid:	12
Ngid:	0
Pid:	12
PPid:	1
TracerPid:	0
Uid:	1	2	3	4
Gid:	5	6	7	8
FDSize:	64
Groups:	9 10 4294967294
NStgid:	12	1
NSpid:	12	1
Threads:	3
CapInh:	0000000000000001
CapPrm:	000001ffffffffff
CapEff:	0000000000000002
CapBnd:	00000000a80425fb
CapAmb:	0000000000000004
NoNewPrivs:	1
Seccomp:	2
Seccomp_filters:	3
"""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as child:
        yield child
        child.kill()


def unused_pid() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


@pytest.mark.parametrize("comm", ["sleep", "a b", ") R 1 2 3", "((", "x) (y", "\r) S 7", ""])
def test_stat_is_parsed_whatever_the_name(comm: str) -> None:
    text = f"77 ({comm}) D 5 " + " ".join(str(number) for number in range(5, 53)) + "\n"
    assert process.parse_stat(text) == process.Stat(77, comm, "D", 5, 22, 9)


def test_status() -> None:
    assert process.parse_status(STATUS) == process.Status(
        name="a b",
        state="S",
        pid=12,
        ppid=1,
        uids=(1, 2, 3, 4),
        gids=(5, 6, 7, 8),
        groups=(9, 10, 4294967294),
        namespace_pids=(12, 1),
        threads=3,
        capabilities=CapabilitySets(2, 0x1FFFFFFFFFF, 1, 0xA80425FB, 4),
        no_new_privileges=True,
        seccomp_mode=2,
        seccomp_filters=3,
    )


def test_a_name_cannot_forge_status() -> None:
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None)
        libc.prctl(15, b"\rUid:\t9 9 9 9", 0, 0, 0)  # PR_SET_NAME
        status = process.read_status()
        os._exit(0 if status.uids[0] == os.getuid() and status.name == "\rUid:\t9 9 9 9" else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_own_status_is_true() -> None:
    status = process.read_status()
    assert status.pid == os.getpid()
    assert status.ppid == os.getppid()
    assert status.uids[:2] == (os.getuid(), os.geteuid())
    assert set(status.groups) == set(os.getgroups())
    assert status == process.read_status(os.getpid()).replace(state=status.state)


def test_own_stat_is_true() -> None:
    stat = process.read_stat(os.getpid())
    assert (stat.pid, stat.ppid, stat.state) == (os.getpid(), os.getppid(), "R")


def test_a_process_that_is_gone_is_not_found() -> None:
    pid = unused_pid()
    for look in (
        process.read_stat,
        process.read_status,
        process.namespaces,
        process.identify,
        process.open_pidfd,
    ):
        with pytest.raises(NotFound, match=str(pid)):
            look(pid)
    assert process.children(pid) == ()


def test_rlimits_of_another_process(sleeper: subprocess.Popen[bytes]) -> None:
    resource.prlimit(sleeper.pid, resource.RLIMIT_NOFILE, (7, 11))
    found = process.read_rlimits(sleeper.pid)
    assert found["RLIMIT_NOFILE"] == (7, 11)
    assert len(found) == 16
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    assert found["RLIMIT_CORE"] == (soft & (1 << 64) - 1, hard & (1 << 64) - 1)


def test_namespaces_are_those_of_the_links() -> None:
    inodes = process.namespaces(os.getpid())
    assert os.readlink("/proc/self/ns/net") == f"net:[{inodes['network']}]"
    assert os.readlink("/proc/self/ns/mnt") == f"mnt:[{inodes['mount']}]"
    assert {"pid", "user", "ipc", "uts"} <= inodes.keys()


def test_children_of_all_threads(sleeper: subprocess.Popen[bytes]) -> None:
    assert sleeper.pid in process.children(os.getpid())
    assert process.children(sleeper.pid) == ()


def test_an_identity_lives_until_its_process_has_ended(sleeper: subprocess.Popen[bytes]) -> None:
    identity = process.identify(sleeper.pid)
    assert process.is_alive(identity)
    pidfd = process.open_pidfd(identity)
    try:
        assert not process.wait(pidfd, timeout_s=0)
        process.send_signal(pidfd, signal.SIGKILL)
        assert process.wait(pidfd, timeout_s=10)
        # It is not reaped yet: its id is taken, but nobody runs.
        assert process.read_stat(sleeper.pid).state == "Z"
        assert not process.is_alive(identity)
        sleeper.wait()
        assert not process.is_alive(identity)
        with pytest.raises(NotFound):
            process.send_signal(pidfd, signal.SIGKILL)
    finally:
        os.close(pidfd)


def test_an_identity_is_not_another_process_with_the_same_id(
    sleeper: subprocess.Popen[bytes],
) -> None:
    now = process.identify(sleeper.pid)
    earlier = Identity(now.pid, now.start_ticks - 1)
    assert not process.is_alive(earlier)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(NotFound):
        process.open_pidfd(earlier)
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_process_whose_first_thread_has_ended_is_alive() -> None:
    program = (
        "import ctypes, os, threading\n"
        "threading.Thread(target=os.read, args=(0, 1)).start()\n"
        "os.write(1, b'x')\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.read(1)
        while process.read_stat(child.pid).state != "Z":
            os.sched_yield()
        assert process.is_alive(process.identify(child.pid))
        child.kill()


def test_pidfds_are_not_inherited(sleeper: subprocess.Popen[bytes]) -> None:
    pidfd = process.open_pidfd(sleeper.pid)
    try:
        assert not os.get_inheritable(pidfd)
    finally:
        os.close(pidfd)


def test_a_wrong_signal_is_an_error(sleeper: subprocess.Popen[bytes]) -> None:
    pidfd = process.open_pidfd(sleeper.pid)
    try:
        with pytest.raises(SyscallError, match="pidfd_send_signal"):
            process.send_signal(pidfd, 4711)
    finally:
        os.close(pidfd)


def test_oom_scores() -> None:
    score, adjusted = process.oom_scores(os.getpid())
    assert 0 <= score <= 2000
    assert -1000 <= adjusted <= 1000


def test_everybody_is_there() -> None:
    pids = process.everybody()
    assert os.getpid() in pids
    assert list(pids) == sorted(pids)


def test_command_line() -> None:
    argv = ("sh", "-c", "echo ready; read line", "")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        # The arguments are there a moment after execve(2) has let go of the old program's files.
        assert child.stdout.readline() == b"ready\n"
        assert process.command_line(child.pid) == argv
    with pytest.raises(NotFound):
        process.command_line(unused_pid())


def test_cgroup_paths_are_absolute() -> None:
    paths = process.cgroup_paths(os.getpid())
    assert paths
    assert all(path.startswith("/") for path in paths.values())


def test_threads_and_their_namespaces() -> None:
    pid = os.getpid()
    assert pid in process.threads(pid)
    assert process.namespaces(pid, pid) == process.namespaces(pid)
    assert process.threads(unused_pid()) == ()


def test_open_namespaces() -> None:
    fd = os.open("/proc/self/ns/ipc", os.O_RDONLY)
    try:
        kind, inode = process.open_namespaces(os.getpid())[fd]
        assert (kind.name, inode) == ("ipc", os.fstat(fd).st_ino)
    finally:
        os.close(fd)
    assert fd not in process.open_namespaces(os.getpid())
    assert process.open_namespaces(unused_pid()) == {}


def test_start_time(sleeper: subprocess.Popen[bytes]) -> None:
    assert abs(process.started_at(process.identify(sleeper.pid)) - time.time()) < 60


def test_a_thread_is_no_process() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        with pytest.raises(NotFound):
            process.open_pidfd(thread.native_id)
    finally:
        done.set()
        thread.join()


def test_kernel_threads_have_a_flag() -> None:
    assert not process.read_stat(os.getpid()).is_kernel_thread
    assert process.Stat(2, "kthreadd", "S", 0, 1, flags=0x208040).is_kernel_thread


def test_id_maps() -> None:
    users, groups = process.id_maps(os.getpid())
    assert idmap.to_container(users, os.getuid()) == os.getuid()
    assert idmap.to_container(groups, os.getgid()) == os.getgid()


def test_of_what_has_ended_nothing_is_known() -> None:
    for read in (process.oom_scores, process.id_maps):
        with pytest.raises(NotFound):
            read(1 << 22)
