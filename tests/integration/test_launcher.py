"""The launcher by itself: plans made by hand, on the real kernel.

What plans for real containers do is tested with the runtime; here it is the protocol (phases, events,
report, faults) and each operation that is not about mounts.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from orlop.errors import CommandNotExecutable, CommandNotFound, LaunchError
from orlop.launch import executor
from orlop.launch import report as reports
from orlop.launch.executor import Launch, launch
from orlop.launch.plan import (
    CGROUP_NEW,
    CONTAINER,
    FORWARD_SIGNALS,
    IF_PERMITTED,
    KEEP_GROUPS,
    KILL_ON_HANGUP,
    LAUNCHER,
    MIDDLE,
    NO_SLOT,
    OF_CONTAINER,
    SELF,
    STAY,
    SUBREAPER,
    AttachDeviceFilter,
    AwaitStart,
    ChangeDirectory,
    Clone,
    ConfigureNetDevice,
    DropBounding,
    EnterCgroup,
    Execute,
    FindProgram,
    Join,
    JoinKeyring,
    LoadSeccomp,
    MakeCgroup,
    MakeUserNamespace,
    MoveNetDevice,
    NewSession,
    NextPart,
    NoNewPrivileges,
    Open,
    Operation,
    Plan,
    RunHook,
    RunIdMapHelper,
    SendPidfd,
    SendSeccompListener,
    SetAffinity,
    SetCapabilities,
    SetDomainname,
    SetHostname,
    SetIoPriority,
    SetMemoryPolicy,
    SetPersonality,
    SetRlimit,
    SetScheduler,
    SetUmask,
    SetUser,
    Side,
    Slot,
    Step,
    Undumpable,
    Unshare,
    WriteCgroup,
    WriteProc,
    WriteSysctl,
)
from orlop.launch.wire import KILL
from tests import isolation

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

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


@pytest.fixture(autouse=True, scope="module")
def _sealed() -> None:
    executor.sealed_launcher()  # made once, so it is no leak of the first test


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


# --- a plain start ----------------------------------------------------------------------------


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
    assert all(0 <= after - before for before, after in report.times_ns)
    assert all(a - slack < b for a, b in zip(begun, begun[1:], strict=False))
    assert before - slack < begun[0]
    assert begun[-1] < time.monotonic_ns() + slack


def test_cpu_time_is_recorded() -> None:
    with started((LAUNCHER, Clone(0)), *sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")) as r:
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
            assert Path(f"/proc/{pid}/comm").read_text() == "sleep\n"
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
            *sh("ls /proc/$$/fd | tr '\\n' ' '; echo; env; exec cat /proc/self/status"),
            inherit=(leaked,),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        os.close(leaked)
        os.close(high)
    first, _, rest = shown.partition("\n")
    assert first.split() == ["0", "1", "2"]
    status = status_of(rest)
    assert int(status["SigIgn"], 16) == 0
    assert int(status["SigBlk"], 16) == 0
    assert {row for row in rest.partition("Name:")[0].splitlines() if not row.startswith("PWD=")} == {
        f"PATH={PATH}"
    }


def test_preserved_descriptors_are_moved_to_three_and_up(tmp_path: Path) -> None:
    files = []
    for n in range(5):
        (tmp_path / str(n)).write_text(str(n))
        files.append(os.open(tmp_path / str(n), os.O_RDONLY))
    try:
        shown = output(
            (CONTAINER, FindProgram("sh", PATH)),
            (CONTAINER, Execute(("sh", "-c", "cat <&3; cat <&4; cat <&5; ls /proc/$$/fd"), ENV, 1, 3)),
            inherit=files,
        )
    finally:
        for fd in files:
            os.close(fd)
    assert shown.split() == ["1230", "1", "2", "3", "4", "5"]


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


# --- direct calls -----------------------------------------------------------------------------


@pytest.mark.parametrize("descriptors", ["none", "files", "sockets"])
def test_called_directly_it_fails_and_touches_nothing(descriptors: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 4096)
    opened: list[int] = []
    pairs: list[socket.socket] = []
    if descriptors == "files":
        opened = [os.open(file, os.O_RDWR) for _ in range(3)]
    if descriptors == "sockets":
        pairs = [end for _ in range(2) for end in socket.socketpair(type=socket.SOCK_SEQPACKET)]
        opened = [os.dup(pair.fileno()) for pair in pairs[:3]]
    actions = [
        (os.POSIX_SPAWN_DUP2, fcntl.fcntl(fd, fcntl.F_DUPFD, 100), 3 + n)
        for n, fd in enumerate(opened)
    ]
    ours, theirs = os.pipe()
    pid = os.posix_spawn(
        executor.launcher_path(),
        ["orlop-launch", "x"],
        {},
        file_actions=[*actions, (os.POSIX_SPAWN_DUP2, theirs, 2)],
    )
    os.close(theirs)
    with os.fdopen(ours) as stream:
        assert "started by orlop" in stream.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 125
    assert file.read_bytes() == b"x" * 4096
    for fd in (*opened, *(high for _, high, _ in actions)):
        os.close(fd)
    for pair in pairs:
        pair.close()


@pytest.mark.parametrize("argument", ["--version", "--operations"])
def test_it_describes_itself(argument: str) -> None:
    shown = subprocess.run(
        [executor.launcher_path(), argument], check=True, capture_output=True, text=True
    )
    assert shown.stdout.startswith({"--version": "orlop-launch 0", "--operations": "1 make_"}[argument])


# --- namespaces -------------------------------------------------------------------------------


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
    assert shown.split() == "0 0 0 5 6 0 100000 65536 0 200000 65536".split()


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
    other = [(LAUNCHER, Clone(NEWPID | NEWUTS)), (CONTAINER, SetHostname("first")), *sh("sleep 100")]
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


# --- control groups ---------------------------------------------------------------------------


@pytest.mark.requires_cgroup_v1
def test_the_container_moves_itself_into_v1_cgroups() -> None:
    found = {h.options: h.at / "launcher" for h in isolation.hierarchies() if h.fstype == "cgroup"}
    memory, cpuset = found["memory"], found["cpuset"]
    try:
        shown = output(
            *[(LAUNCHER, MakeCgroup(str(path), CGROUP_NEW)) for path in found.values()],
            (LAUNCHER, WriteCgroup(f"{memory}/memory.limit_in_bytes", "67108864")),
            *[
                (LAUNCHER, Open(Slot(n), f"{path}/tasks", os.O_WRONLY))
                for n, path in enumerate(found.values())
            ],
            *_inherit_cpuset(str(cpuset)),
            (LAUNCHER, Clone(0)),
            *[(CONTAINER, EnterCgroup(Slot(n))) for n in range(len(found))],
            *sh("cat /proc/self/cgroup"),
            slots=len(found),
        )
        assert (memory / "memory.limit_in_bytes").read_text() == "67108864\n"
    finally:
        for path in found.values():
            isolation.remove_cgroup(path)
    rows = {line.split(":")[1]: line.split(":")[2] for line in shown.splitlines()}
    assert all(rows[options] == "/launcher" for options in found)


def _inherit_cpuset(path: str) -> list[tuple[Side, Operation]]:
    from orlop.launch.plan import InheritCpuset

    return [(LAUNCHER, InheritCpuset(path))]


def test_the_container_is_born_in_a_v2_cgroup() -> None:
    found = [h.at for h in isolation.hierarchies() if h.fstype == "cgroup2"]
    if not found:
        pytest.skip("no cgroup2 file system is mounted")
    path = found[0] / "launcher-born"
    try:
        shown = output(
            (LAUNCHER, MakeCgroup(str(path))),
            (LAUNCHER, Open(Slot(0), str(path), os.O_RDONLY | os.O_DIRECTORY)),
            (LAUNCHER, AttachDeviceFilter(Slot(0), _allow_all_devices())),
            (LAUNCHER, Clone(0, Slot(0))),
            *sh("grep 0:: /proc/self/cgroup"),
            slots=1,
        )
    finally:
        isolation.remove_cgroup(path)
    assert shown == "0::/launcher-born\n"


def _allow_all_devices() -> bytes:
    instruction = struct.Struct("<BBhi")
    return instruction.pack(0xB7, 0, 0, 1) + instruction.pack(0x95, 0, 0, 0)  # r0 = 1; exit


def test_a_cgroup_that_has_to_be_new() -> None:
    path = isolation.hierarchies()[0].at / "launcher-new"
    path.mkdir()
    try:
        error = failure((LAUNCHER, MakeCgroup(str(path), CGROUP_NEW)), (LAUNCHER, Clone(0)), *sh(""))
        assert (error.op, error.errno, error.path) == ("make_cgroup", errno.EEXIST, str(path))
        assert output((LAUNCHER, MakeCgroup(str(path))), (LAUNCHER, Clone(0)), *sh("echo x")) == "x\n"
    finally:
        path.rmdir()


# --- hooks ------------------------------------------------------------------------------------


def hook(tmp_path: Path, script: str, timeout_ms: int = 0, state: tuple[str, ...] = ()) -> RunHook:
    path = tmp_path / "hook"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return RunHook(str(path), ("hook", "one"), ("A=b", f"PATH={PATH}"), state, timeout_ms)


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
    error = failure((LAUNCHER, Clone(0)), (LAUNCHER, RunHook("/no/hook", ("x",), (), (), 0)), *sh(""))
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


# --- network devices --------------------------------------------------------------------------


@pytest.mark.requires_iproute2
def test_a_device_is_moved_renamed_and_configured() -> None:
    subprocess.run("ip link add launcher0 type veth peer name launcher1".split(), check=True)
    subprocess.run("ip link set launcher0 up".split(), check=True)
    four = struct.pack("<BBH", socket.AF_INET, 24, 0) + bytes([10, 1, 2, 3]).ljust(16, b"\0")
    six = struct.pack("<BBH", socket.AF_INET6, 64, 0) + socket.inet_pton(
        socket.AF_INET6, "fd00::2"
    )
    steps: Steps = [
        (LAUNCHER, Clone(NEWNET)),
        (LAUNCHER, MoveNetDevice("launcher0", "lan7")),
        (CONTAINER, ConfigureNetDevice("lan7", four + six)),
        (CONTAINER, ConfigureNetDevice("lo")),
        *sh("ip -o link; ip -o addr"),
    ]
    try:
        shown = output(*steps)
    finally:
        subprocess.run("ip link del launcher1".split(), check=False, capture_output=True)
    assert " lan7" in shown
    assert "UP" in next(line for line in shown.splitlines() if " lan7" in line)
    assert "inet 10.1.2.3/24" in shown
    assert "inet6 fd00::2/64" in shown
    assert "tentative" not in next(line for line in shown.splitlines() if "fd00::2" in line)
    assert "inet 127.0.0.1/8" in shown


def test_a_device_that_is_not_there() -> None:
    error = failure((LAUNCHER, Clone(NEWNET)), (LAUNCHER, MoveNetDevice("nope0", "x")), *sh(""))
    assert (error.op, error.errno, error.path) == ("move_net_device", errno.ENODEV, "nope0")


# --- what the process is and may --------------------------------------------------------------


def test_names_and_sysctls() -> None:
    shown = output(
        *in_container(
            SetHostname("a-host"),
            SetDomainname("a-domain"),
            WriteSysctl("net/ipv4/ip_forward", "1"),
            WriteSysctl("kernel/shm_rmid_forced", "1"),
        ),
        *sh(
            "hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward"
            " /proc/sys/kernel/shm_rmid_forced"
        ),
        clone=NEWUTS | NEWNET | NEWIPC,
    )
    assert shown.split() == ["a-host", "a-domain", "1", "1"]
    assert Path("/proc/sys/kernel/shm_rmid_forced").read_text() == "0\n"


@pytest.mark.parametrize("name", ["../self/comm", "/etc/hostname", "net/../../self/comm", "nope"])
def test_sysctls_stay_inside_their_directory(name: str) -> None:
    error = failure((LAUNCHER, Clone(0)), (CONTAINER, WriteSysctl(name, "x")), *sh(""))
    assert error.op == "write_sysctl"
    assert error.errno in (errno.EXDEV, errno.ENOENT)


def test_limits_priorities_and_policies() -> None:
    shown = output(
        *in_container(
            SetRlimit(7, 99, 123),
            SetUmask(0o027),
            SetIoPriority(2 << 13 | 5),
            SetScheduler(3, 7, 0, 0, 0, 0, 0),  # SCHED_BATCH
            SetAffinity(b"\1\0\0\0\0\0\0\0"),
            SetMemoryPolicy(1, b"\1"),  # MPOL_PREFERRED, node 0
            SetPersonality(0x0040000),  # ADDR_NO_RANDOMIZE
        ),
        *sh("cat /proc/self/limits /proc/self/status; ionice; echo sched $(cut -d' ' -f19,41 "
            "/proc/$$/stat); cat /proc/self/personality; grep -m1 -o prefer:0 /proc/self/numa_maps"),
    )  # fmt: skip
    rows = shown.splitlines()
    limit = next(row for row in rows if row.startswith("Max open files"))
    assert limit.split()[3:5] == ["99", "123"]
    status = status_of(shown)
    assert status["Umask"] == "0027"
    assert status["Cpus_allowed_list"] == "0"
    assert "best-effort: prio 5" in rows
    assert "sched 7 3" in rows
    assert "00040000" in rows
    assert "prefer:0" in rows


def test_user_groups_and_capabilities() -> None:
    net_bind, chown = 1 << 10, 1
    keep = net_bind | chown
    shown = output(
        *in_container(
            NoNewPrivileges(),
            DropBounding(keep),
            SetUser(1234, 2345, struct.pack("<3I", 7, 8, 4000000000)),
            SetCapabilities(keep, keep, net_bind, net_bind),
        ),
        *sh("cat /proc/self/status"),
    )
    status = status_of(shown)
    assert status["Uid"].split() == ["1234"] * 4
    assert status["Gid"].split() == ["2345"] * 4
    assert status["Groups"].split() == ["7", "8", "4000000000"]
    assert int(status["CapBnd"], 16) == keep
    assert int(status["CapInh"], 16) == net_bind
    assert int(status["CapAmb"], 16) == net_bind
    assert int(status["CapPrm"], 16) == net_bind  # ambient ones survive execve for such a user
    assert status["NoNewPrivs"] == "1"


def test_root_without_any_capability() -> None:
    shown = output(
        *in_container(DropBounding(0), SetUser(0, 0, b""), SetCapabilities(0, 0, 0, 0)),
        *sh("cat /proc/self/status"),
    )
    status = status_of(shown)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["Groups"] == ""


@pytest.mark.requires_userns
def test_groups_are_left_alone_where_setgroups_is_denied() -> None:
    steps = [
        (LAUNCHER, Clone(NEWUSER)),
        (LAUNCHER, WriteProc(OF_CONTAINER, "setgroups", b"deny")),
        (LAUNCHER, WriteProc(OF_CONTAINER, "uid_map", b"0 0 1\n")),
        (LAUNCHER, WriteProc(OF_CONTAINER, "gid_map", b"0 0 1\n")),
    ]
    error = failure(*steps, (CONTAINER, SetUser(0, 0, b"")), *sh(""))
    assert (error.op, error.errno) == ("set_user", errno.EPERM)
    shown = output(*steps, (CONTAINER, SetUser(0, 0, b"", KEEP_GROUPS)), *sh("id -u"))
    assert shown == "0\n"


def test_a_session_keyring_of_its_own() -> None:
    shown = output(*in_container(JoinKeyring("launcher-test")), *sh("cat /proc/keys"))
    assert "launcher-test" in shown


def test_working_directory(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    os.chmod(tmp_path, 0o711)
    steps = in_container(
        SetUser(65534, 65534, b""),
        ChangeDirectory(str(private), IF_PERMITTED),
        ChangeDirectory("/usr"),
        ChangeDirectory("/etc"),
    )
    assert output(*steps, *sh("pwd")) == "/usr\n"
    error = failure((LAUNCHER, Clone(0)), *steps[:1], (CONTAINER, ChangeDirectory(str(private))), *sh(""))
    assert (error.op, error.errno, error.path) == ("change_directory", errno.EACCES, str(private))


@pytest.mark.parametrize("flags", [0, IF_PERMITTED])
def test_a_working_directory_that_is_not_there(flags: int) -> None:
    error = failure((LAUNCHER, Clone(0)), (CONTAINER, ChangeDirectory("/no/dir", flags)), *sh(""))
    assert (error.op, error.errno, error.path) == ("change_directory", errno.ENOENT, "/no/dir")


def find(name: str, search: str, *more: Operation) -> list[tuple[Side, Operation]]:
    steps = in_container(*more, FindProgram(name, search), Execute((name, "-c", "echo found $0"), ENV))
    return [(LAUNCHER, Clone(0)), *steps]


def test_programs_are_found_along_the_path(tmp_path: Path) -> None:
    for name in ("file", "directory", "good"):
        (tmp_path / name).mkdir()
    (tmp_path / "file" / "tool").write_text("not executable")
    (tmp_path / "directory" / "tool").mkdir()
    (tmp_path / "good" / "tool").symlink_to("/bin/sh")
    places = [str(tmp_path / name) for name in ("missing", "file", "directory", "good")]
    assert output(*find("tool", ":".join(places))) == "found tool\n"
    assert output(*find(f"{places[3]}/tool", "")).startswith("found ")
    assert output(*find("./tool", "", ChangeDirectory(places[3]))) == "found ./tool\n"
    assert output(*find("tool", "/nowhere:", ChangeDirectory(places[3]))) == "found tool\n"


@pytest.mark.parametrize(
    ("name", "search", "number"),
    [
        ("tool", "{0}/missing", errno.ENOENT),
        ("tool", "{0}/file", errno.EACCES),
        ("tool", "{0}/missing:{0}/directory:{0}/other", errno.EACCES),
        ("tool", "", errno.ENOENT),
        ("", "/bin", errno.ENOENT),
        ("{0}/missing/tool", "/bin", errno.ENOENT),
        ("{0}/file/tool", "/bin", errno.EACCES),
        ("{0}/directory/tool", "/bin", errno.EISDIR),
        ("{0}/file/tool/x", "/bin", errno.ENOTDIR),
    ],
)
def test_programs_that_cannot_be_run(tmp_path: Path, name: str, search: str, number: int) -> None:
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "tool").write_text("not executable")
    (tmp_path / "directory" / "tool").mkdir(parents=True)
    name = name.format(tmp_path)
    error = failure(*find(name, search.format(tmp_path)))
    assert (error.op, error.errno, error.path) == ("find_program", number, name)
    expected = CommandNotFound if number in (errno.ENOENT, errno.ENOTDIR) else CommandNotExecutable
    assert isinstance(error, expected)


def test_a_program_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELFnot really")
    path.chmod(0o755)
    error = failure(*find(str(path), ""))
    assert (error.op, error.errno, error.path) == ("execute", errno.ENOEXEC, str(path))


# --- seccomp ----------------------------------------------------------------------------------

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
    backlog = tmp_path / "agent"
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(backlog))
        agent.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(backlog))  # the backlog is full: connect(2) of the launcher blocks
            with started(
                (LAUNCHER, Clone(NEWPID)),
                (CONTAINER, LoadSeccomp(bpf((0x06, 0, 0, RET_NOTIFY)), NEW_LISTENER)),
                (LAUNCHER, SendSeccompListener(str(backlog), ("", ""))),
                *sh(""),
            ) as running:
                pidfd = os.pidfd_open(_wait_for_pid(running))
                os.kill(running.pid, signal.SIGKILL)
                assert wait_dead(pidfd)


def _wait_for_pid(running: Launch) -> int:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        pid = running.read_report().pid
        if pid:
            return pid
        time.sleep(0.002)  # the report has no event for a clone
    raise AssertionError("no clone")


# --- failures ---------------------------------------------------------------------------------


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
        assert (report.phase, report.failed_op, report.errno) == (reports.FAILED, index, errno.EXFULL)
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


def wait_gone(pid: int) -> bool:
    try:
        return wait_dead(os.pidfd_open(pid))
    except ProcessLookupError:
        return True


def test_a_container_killed_by_others_while_it_starts(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    run = hook(tmp_path, f"cat; cat {fifo}", 0)
    with started((LAUNCHER, Clone(NEWPID)), (CONTAINER, run), *sh("")) as running:
        pid = _wait_for_pid(running)
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


# --- waiting for the start --------------------------------------------------------------------


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
    with listening(tmp_path) as (listener, connect):
        with started(*waiting(), inherit=(listener.fileno(),)) as running:
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
    steps = waiting(*bad)
    if what == "program":
        broken = tmp_path / "broken"
        broken.write_bytes(b"\x7fELF")
        broken.chmod(0o755)
        steps = [
            *steps[:-2],
            *in_container(FindProgram(str(broken), ""), Execute((str(broken),), ())),
        ]
    with listening(tmp_path) as (listener, connect):
        with started(*steps, flags=flags, inherit=(listener.fileno(),)) as running:
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
    expected = (2, errno.ENOENT, "/no/dir") if what == "operation" else (3, errno.ENOEXEC, str(broken))
    assert (told.failed_op, told.errno, told.path) == expected


def test_a_created_container_that_is_killed_has_ended(tmp_path: Path) -> None:
    with listening(tmp_path) as (listener, _):
        with started(*waiting(), inherit=(listener.fileno(),)) as running:
            running.wait_created()
            running.send_signal(signal.SIGKILL)
            assert running.wait_exit() == 137
            assert running.read_report().phase == reports.EXITED


def test_a_caller_that_hangs_up_after_created_leaves_the_container(tmp_path: Path) -> None:
    with listening(tmp_path) as (listener, connect):
        with started(*waiting(), inherit=(listener.fileno(),)) as running:
            running.wait_created()
            running._control.close()
            with connect() as connection:
                assert received(connection) == b"S"
            assert running.wait_exit() == 4


def test_whoever_starts_may_go_away(tmp_path: Path) -> None:
    with listening(tmp_path) as (listener, connect):
        with started(*waiting(), inherit=(listener.fileno(),)) as running:
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


# --- staying ----------------------------------------------------------------------------------

CATCH = "trap 'echo USR1; exit 3' USR1; trap 'echo TERM; exit 4' TERM; echo ready; while :; do sleep 0.01; done"


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


# --- parts ------------------------------------------------------------------------------------


def send_part(running: Launch, part: Plan, descriptors: Sequence[int] = ()) -> None:
    from orlop.launch.wire import encode

    plan = executor._plan_memfd(encode(part))
    try:
        socket.send_fds(
            running._control, [struct.pack("<III", 1, 0, 0)], [plan, *descriptors]  # type: ignore[list-item]
        )
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
        pid = _wait_for_pid(running)
        rest = [(LAUNCHER, WriteProc(OF_CONTAINER, "oom_score_adj", b"200")),
                *sh("hostname; cat /proc/self/oom_score_adj")]  # fmt: skip
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
        send_part(running, plan_of(rest, STAY, 3, 2), (theirs, other.fileno()))
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
        pidfd = os.pidfd_open(_wait_for_pid(running))
        if how == "hang up":
            running._control.close()
        elif how == "kill":
            os.kill(running.pid, signal.SIGKILL)
        elif how == "bad plan":
            running.send_part(plan_of([(LAUNCHER, Clone(0)), *sh("")], STAY, 0, 0))
        else:
            memfd = os.memfd_create("x")
            os.write(memfd, bytes(1000))
            socket.send_fds(running._control, [struct.pack("<III", 1, 0, 0)], [memfd])  # type: ignore[list-item]
            os.close(memfd)
        assert wait_dead(pidfd)
        assert running.reap() == (256 - signal.SIGKILL if how == "kill" else 1)
