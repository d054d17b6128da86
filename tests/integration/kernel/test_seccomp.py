"""Compiled filters in the kernel, and beside those that runc makes of the same profile."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orlop.kernel import process, seccomp, seccomp_live
from orlop.kernel.capabilities import DOCKER_DEFAULT
from orlop.kernel.seccomp import ArgRule, Filter, Profile, SyscallRule
from orlop.runtime.seccomp_default import default_profile
from tests.bpf import AARCH64, X32_BIT, X86, X86_64, decide
from tests.integration.support import filtered
from tests.integration.support.filtered import call, libc

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64"),
]

GETPPID, MKDIR, SOCKET, CLONE3, IO_URING_SETUP, KEYCTL = 110, 83, 41, 435, 425, 250


def load(found: Filter) -> int:
    """Load a filter for this process for good; the listener's descriptor if it has one."""
    return filtered.load(found.program, found.flags)


def under(profile: Profile, numbers: list[tuple[int, ...]]) -> list[int] | int:
    """Results of these calls in a process under the profile, or the signal that ended it."""
    found = seccomp.compile(profile)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        load(found)
        results = [call(*number) for number in numbers]
        os.write(writer, struct.pack(f"{len(results)}q", *results))
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        answer = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    return [number for (number,) in struct.iter_unpack("q", answer)]


def deny(*rules: SyscallRule) -> Profile:
    """All is allowed but what the rules say."""
    return Profile("SCMP_ACT_ALLOW", syscalls=rules)


def test_errno_and_conditions() -> None:
    profile = deny(
        SyscallRule(("getppid",), "SCMP_ACT_ERRNO"),
        SyscallRule(("mkdir",), "SCMP_ACT_ERRNO", errno_ret=errno.EXDEV),
        SyscallRule(("socket",), "SCMP_ACT_ERRNO", args=(ArgRule(0, 4711), ArgRule(1, 2))),
    )
    results = under(profile, [(GETPPID,), (MKDIR, 0), (SOCKET, 4711, 2), (SOCKET, 4711, 1)])
    assert results == [-errno.EPERM, -errno.EXDEV, -errno.EPERM, -errno.EAFNOSUPPORT]


def test_newer_calls_do_not_exist() -> None:
    results = under(default_profile(DOCKER_DEFAULT, "x86_64"), [(463,), (4000,), (KEYCTL, 0)])
    assert results == [-errno.ENOSYS, -errno.ENOSYS, -errno.EPERM]


def test_kill() -> None:
    assert under(deny(SyscallRule(("getppid",), "SCMP_ACT_KILL")), [(GETPPID,)]) == signal.SIGSYS
    by_default = Profile(
        "SCMP_ACT_KILL_PROCESS", syscalls=(SyscallRule(("fork",), "SCMP_ACT_LOG"),)
    )
    assert under(by_default, [(GETPPID,)]) == signal.SIGSYS


def test_trap() -> None:
    assert under(deny(SyscallRule(("getppid",), "SCMP_ACT_TRAP")), [(GETPPID,)]) == signal.SIGSYS


def test_log_lets_pass() -> None:
    profile = Profile(
        "SCMP_ACT_ALLOW",
        flags=("SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"),
        syscalls=(SyscallRule(("getppid",), "SCMP_ACT_LOG"),),
    )
    assert under(profile, [(GETPPID,)]) == [os.getpid()]


def test_the_default_profile_in_the_kernel() -> None:
    new_user_namespace = (56, 0x10000000 | signal.SIGCHLD)
    families = [(SOCKET, family, 5, 0) for family in (38, 40, 1 << 32 | 38, 1 << 32 | 40)]
    results = under(
        default_profile(DOCKER_DEFAULT, "x86_64"),
        [(GETPPID,), new_user_namespace, (CLONE3, 0, 0), (IO_URING_SETUP, 1, 0), *families],
    )
    assert results == [
        os.getpid(),
        -errno.EPERM,
        -errno.ENOSYS,
        -errno.EPERM,
        *[-errno.EPERM] * 4,
    ]


def test_a_program_runs_under_the_default_profile() -> None:
    found = seccomp.compile(default_profile(DOCKER_DEFAULT, "x86_64"))
    done = subprocess.run(
        [sys.executable, "-c", "import subprocess; subprocess.run(['ls', '/'], check=True)"],
        check=False,
        capture_output=True,
        preexec_fn=lambda: load(found),
    )
    assert done.stderr == b""
    assert b"usr" in done.stdout


NOTIFICATION = struct.Struct("QIIiIQ6Q")  # struct seccomp_notif
RESPONSE = struct.Struct("QqiI")  # struct seccomp_notif_resp
SECCOMP_IOCTL_NOTIF_RECV = 0xC0502100
SECCOMP_IOCTL_NOTIF_SEND = 0xC0182101


def answer_one(listener: int, result: int) -> tuple[int, int, int]:
    """Number and first arguments of the next call, which gets this result (or negative errno)."""
    request = ctypes.create_string_buffer(NOTIFICATION.size)
    assert libc.ioctl(listener, ctypes.c_ulong(SECCOMP_IOCTL_NOTIF_RECV), request) == 0
    ident, _, _, number, _, _, first, second, *_ = NOTIFICATION.unpack(request)
    reply = RESPONSE.pack(ident, max(result, 0), min(result, 0), 0)
    assert libc.ioctl(listener, ctypes.c_ulong(SECCOMP_IOCTL_NOTIF_SEND), reply) == 0
    return number, first, second


def test_notification() -> None:
    profile = Profile(
        "SCMP_ACT_ALLOW",
        flags=("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",)
        if "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" in seccomp.supported_flags()
        else (),
        listener_path="/run/agent.sock",
        syscalls=(SyscallRule(("mkdir",), "SCMP_ACT_NOTIFY"),),
    )
    found = seccomp.compile(profile)
    assert found.notify
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = os.fork()
        if child == 0:
            listener = load(found)
            socket.send_fds(theirs, [b"x"], [listener])
            first, second = call(MKDIR, 7, 8), call(MKDIR, 9, 10)
            os._exit(0 if (first, second) == (42, -errno.EDOM) else 1)
        _, (listener,), _, _ = socket.recv_fds(ours, 1, 1)
        seen = [answer_one(listener, 42), answer_one(listener, -errno.EDOM)]
        os.close(listener)
        assert os.waitpid(child, 0)[1] == 0
        assert seen == [(MKDIR, 7, 8), (MKDIR, 9, 10)]


def as_json(profile: Profile) -> dict[str, object]:
    """The profile in the words of config.json."""

    def rule_as_json(rule: SyscallRule) -> dict[str, object]:
        entry: dict[str, object] = {"names": rule.names, "action": rule.action}
        if rule.errno_ret is not None:
            entry["errnoRet"] = rule.errno_ret
        entry["args"] = [
            {"index": arg.index, "value": arg.value, "valueTwo": arg.value_two, "op": arg.op}
            for arg in rule.args
        ]
        return entry

    document: dict[str, object] = {
        "defaultAction": profile.default_action,
        "architectures": profile.architectures,
        "syscalls": [rule_as_json(rule) for rule in profile.syscalls],
    }
    if profile.default_errno_ret is not None:
        document["defaultErrnoRet"] = profile.default_errno_ret
    return document


@pytest.fixture
def runc_filter(tmp_path: Path) -> Callable[[Profile], bytes]:
    """Gives the filter that runc loads for a profile."""
    rootfs = tmp_path / "rootfs"
    (rootfs / "bin").mkdir(parents=True)
    (rootfs / "proc").mkdir()
    busybox = Path("/bin/busybox")
    (rootfs / "bin/busybox").write_bytes(busybox.read_bytes())
    (rootfs / "bin/busybox").chmod(0o755)
    state = str(tmp_path / "state")

    def runc(*arguments: str) -> None:
        output = tmp_path / "output"
        with output.open("wb") as file:
            done = subprocess.run(
                ["runc", "--root", state, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                check=False,
            )
        assert done.returncode == 0, output.read_text()

    def start(profile: Profile) -> bytes:
        config = {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": 0, "gid": 0},
                "cwd": "/",
                "args": ["/bin/busybox", "sleep", "1000"],
                "env": ["PATH=/bin"],
                "noNewPrivileges": True,
            },
            "root": {"path": "rootfs"},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "linux": {
                "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
                "cgroupsPath": f"/kernel-seccomp-{os.getpid()}",
                "seccomp": as_json(profile),
            },
        }
        (tmp_path / "config.json").write_text(json.dumps(config))
        pid_file = tmp_path / "pid"
        runc("run", "--detach", "--bundle", str(tmp_path), "--pid-file", str(pid_file), "box")
        try:
            pid = int(pid_file.read_text())
            (found,) = seccomp_live.read_filters(process.identify(pid))
            return found.program
        finally:
            runc("delete", "--force", "box")

    return start


THREE = ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32")


@pytest.mark.requires_runc
@pytest.mark.requires_busybox
@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(default_profile(DOCKER_DEFAULT, "x86_64"), id="default"),
        pytest.param(default_profile(("CAP_SYS_ADMIN",), "x86_64"), id="with CAP_SYS_ADMIN"),
        pytest.param(
            deny(
                SyscallRule(("getppid", "no_such_call"), "SCMP_ACT_TRAP"),
                SyscallRule(("mkdir",), "SCMP_ACT_KILL", args=(ArgRule(0, 1), ArgRule(1, 2))),
                SyscallRule(("socket",), "SCMP_ACT_ERRNO", 5, (ArgRule(0, 1), ArgRule(0, 9))),
            ),
            id="a list of denied calls",
        ),
        pytest.param(
            default_profile(DOCKER_DEFAULT, "x86_64").replace(
                default_errno_ret=errno.EACCES, architectures=THREE[:2]
            ),
            id="without x32",
        ),
    ],
)
def test_decisions_are_those_of_runc(
    runc_filter: Callable[[Profile], bytes], profile: Profile
) -> None:
    theirs, ours = runc_filter(profile), seccomp.compile(profile).program
    values = ((), (38,), (9,), (1,), (1, 2), (0x10000000,), (0x20008,), (7,))
    for arch, base in ((X86_64, 0), (X86_64, X32_BIT), (X86, 0), (AARCH64, 0)):
        for number in (*range(600), 4000, 0xFFFFFFFF):
            for args in values:
                expected = decide(theirs, base | number, arch, args)
                assert decide(ours, base | number, arch, args) == expected, (arch, number, args)
