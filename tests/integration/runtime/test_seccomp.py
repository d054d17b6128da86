"""linux.seccomp: what a filter lets through, and what it does with the rest.

See: runtime-spec config-linux.md#seccomp.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import notifications
from tests.integration.support.bundles import BundleFactory, Json
from tests.integration.support.processes import parse_status
from tests.integration.support.runtimes import Runtime
from tests.integration.support.terminals import DescriptorSocket

pytestmark = pytest.mark.requires_root

SYSCALLS = {
    "x86_64": {"getpriority": 140, "syslog": 103, "mseal": 462, "mkdir": 83},
    "aarch64": {"getpriority": 141, "syslog": 116, "mseal": 462},
}.get(platform.machine(), {})

ARCHITECTURE = f"SCMP_ARCH_{platform.machine().upper()}"
NEEDED = """
    access arch_prctl brk capget capset chdir clock_gettime close dup3 epoll_create1
    epoll_ctl epoll_pwait execve execveat exit exit_group faccessat faccessat2 fchown fcntl
    fstat fstatfs futex getcwd getdents64 getgid getpid getppid getrandom gettid getuid
    ioctl lseek madvise mmap mprotect munmap nanosleep newfstatat openat pipe2 prctl
    prlimit64 read readlinkat rseq rt_sigaction rt_sigprocmask rt_sigreturn
    sched_getaffinity sched_yield set_robust_list set_tid_address setgid setgroups setsid
    setuid sigaltstack stat statx tgkill umask uname wait4 write writev
""".split()  # noqa: SIM905 - easier to read
"""What the runtime, after the filter is in force, and the probe need."""


def filtering(action: str, *names: str, **more: Any) -> Json:
    """A profile that does `action` with some system calls and allows the others."""
    rule: Json = {"names": list(names), "action": action, **more}
    return {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}}


def call(name: str, *arguments: int) -> list[str]:
    """A command that makes a system call and prints what it answered."""
    return ["probe", "syscall", str(SYSCALLS[name]), *map(str, arguments)]


class TestActions:
    def test_errno(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(call("getpriority"), linux=filtering("SCMP_ACT_ERRNO", "getpriority"))
        assert runtime.run(made).ok().out == f"errno {errno.EPERM}\n"

    def test_other_errno(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            call("getpriority"), linux=filtering("SCMP_ACT_ERRNO", "getpriority", errnoRet=77)
        )
        assert runtime.run(made).ok().out == "errno 77\n"

    def test_others_are_allowed(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(call("getpriority"), linux=filtering("SCMP_ACT_ERRNO", "syslog"))
        assert runtime.run(made).ok().out.startswith("ok ")

    @pytest.mark.parametrize(
        "action",
        ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP"],
    )
    def test_kill(self, runtime: Runtime, bundle: BundleFactory, action: str) -> None:
        script = f"{' '.join(call('getpriority'))}; echo status $?"
        made = bundle(script, linux=filtering(action, "getpriority"))
        assert runtime.run(made).out.endswith(f"status {128 + signal.SIGSYS}\n")

    def test_kill_of_the_first_process(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(call("getpriority"), linux=filtering("SCMP_ACT_KILL_PROCESS", "getpriority"))
        assert runtime.run(made).status == 128 + signal.SIGSYS

    def test_log(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(call("getpriority"), linux=filtering("SCMP_ACT_LOG", "getpriority"))
        assert runtime.run(made).ok().out.startswith("ok ")

    def test_trace_without_a_tracer(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(call("getpriority"), linux=filtering("SCMP_ACT_TRACE", "getpriority"))
        assert runtime.run(made).ok().out == f"errno {errno.ENOSYS}\n"

    def test_filter_is_in_force(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            ["cat", "/proc/self/status"], linux=filtering("SCMP_ACT_ERRNO", "getpriority")
        )
        assert parse_status(runtime.run(made).ok().out)["Seccomp"] == "2"

    def test_without_a_profile_there_is_none(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["cat", "/proc/self/status"])
        assert parse_status(runtime.run(made).ok().out)["Seccomp"] == "0"

    def test_without_no_new_privileges(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            call("getpriority"),
            process={"noNewPrivileges": False},
            linux=filtering("SCMP_ACT_ERRNO", "getpriority"),
        )
        assert runtime.run(made).ok().out == f"errno {errno.EPERM}\n"

    def test_exec_is_filtered_too(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(linux=filtering("SCMP_ACT_ERRNO", "getpriority")))
        assert container.exec(call("getpriority")).ok().out == f"errno {errno.EPERM}\n"


class TestArguments:
    @pytest.mark.parametrize(
        ("operator", "value", "value_two", "stopped"),
        [
            ("SCMP_CMP_EQ", 5, 0, {5}),
            ("SCMP_CMP_NE", 5, 0, {4, 6, 8}),
            ("SCMP_CMP_LT", 5, 0, {4}),
            ("SCMP_CMP_LE", 5, 0, {4, 5}),
            ("SCMP_CMP_GT", 5, 0, {6, 8}),
            ("SCMP_CMP_GE", 5, 0, {5, 6, 8}),
            ("SCMP_CMP_MASKED_EQ", 4, 4, {4, 5, 6}),
        ],
    )
    def test_operators(
        self,
        runtime: Runtime,
        bundle: BundleFactory,
        operator: str,
        value: int,
        value_two: int,
        stopped: set[int],
    ) -> None:
        condition = {"index": 1, "value": value, "valueTwo": value_two, "op": operator}
        script = "; ".join(" ".join(call("getpriority", 0, n)) for n in (4, 5, 6, 8))
        linux = filtering("SCMP_ACT_ERRNO", "getpriority", errnoRet=77, args=[condition])
        lines = runtime.run(bundle(script, linux=linux)).ok().lines()
        assert {n for n, line in zip((4, 5, 6, 8), lines, strict=True) if line == "errno 77"} == (
            stopped
        )

    def test_all_conditions_must_hold(self, runtime: Runtime, bundle: BundleFactory) -> None:
        conditions = [
            {"index": 0, "value": 0, "op": "SCMP_CMP_EQ"},
            {"index": 1, "value": 5, "op": "SCMP_CMP_EQ"},
        ]
        linux = filtering("SCMP_ACT_ERRNO", "getpriority", errnoRet=77, args=conditions)
        script = "; ".join(" ".join(call("getpriority", *pair)) for pair in ((0, 5), (0, 0)))
        lines = runtime.run(bundle(script, linux=linux)).ok().lines()
        assert lines[0] == "errno 77"
        assert lines[1].startswith("ok")

    def test_two_rules_for_one_call(self, runtime: Runtime, bundle: BundleFactory) -> None:
        rules = [
            {
                "names": ["getpriority"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": number,
                "args": [{"index": 1, "value": number, "op": "SCMP_CMP_EQ"}],
            }
            for number in (71, 72)
        ]
        linux = {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}}
        script = "; ".join(" ".join(call("getpriority", 0, n)) for n in (71, 72))
        assert runtime.run(bundle(script, linux=linux)).ok().lines() == ["errno 71", "errno 72"]


class TestAllowList:
    def test_everything_else_is_refused(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(call("syslog"), linux=self.profile())
        assert runtime.run(made).ok().out == f"errno {errno.EPERM}\n"

    def test_default_errno(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(call("syslog"), linux=self.profile(defaultErrnoRet=77))
        assert runtime.run(made).ok().out == "errno 77\n"

    def test_what_is_newer_than_the_profile_does_not_exist(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        # Programs fall back on ENOSYS, not on EPERM: the rule that runc 1.0.0-rc93 brought.
        made = bundle(call("mseal"), linux=self.profile())
        assert runtime.run(made).ok().out == f"errno {errno.ENOSYS}\n"

    def test_names_that_do_not_exist_are_passed_over(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        linux = filtering("SCMP_ACT_ERRNO", "no_such_call", "getpriority")
        made = bundle(call("getpriority"), linux=linux)
        assert runtime.run(made).ok().out == f"errno {errno.EPERM}\n"

    @staticmethod
    def profile(**more: Any) -> Json:
        rule = {"names": NEEDED, "action": "SCMP_ACT_ALLOW"}
        profile = {
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": [ARCHITECTURE],
            "syscalls": [rule],
        }
        return {"seccomp": {**profile, **more}}


class TestSettings:
    @pytest.mark.runc_lacks("1.2", "seccomp flags")
    @pytest.mark.parametrize(
        "flags",
        [
            ["SECCOMP_FILTER_FLAG_LOG"],
            ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
            ["SECCOMP_FILTER_FLAG_TSYNC"],
            [],
        ],
        ids=str,
    )
    def test_flags(self, runtime: Runtime, bundle: BundleFactory, flags: list[str]) -> None:
        linux = filtering("SCMP_ACT_ERRNO", "getpriority")
        linux["seccomp"]["flags"] = flags
        made = bundle(call("getpriority"), linux=linux)
        assert runtime.run(made).ok().out == f"errno {errno.EPERM}\n"

    def test_architectures(self, runtime: Runtime, bundle: BundleFactory) -> None:
        linux = filtering("SCMP_ACT_ERRNO", "getpriority")
        linux["seccomp"]["architectures"] = [
            "SCMP_ARCH_X86_64",
            "SCMP_ARCH_X86",
            "SCMP_ARCH_X32",
            "SCMP_ARCH_AARCH64",
            "SCMP_ARCH_ARM",
        ]
        made = bundle(call("getpriority"), linux=linux)
        assert runtime.run(made).ok().out == f"errno {errno.EPERM}\n"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"defaultAction": "SCMP_ACT_NONSENSE"},
            {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_NONSENSE"]},
            {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_NONSENSE"]},
            {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": ["getpriority"], "action": "NONSENSE"}],
            },
            {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [
                    {
                        "names": ["getpriority"],
                        "action": "SCMP_ACT_ERRNO",
                        "args": [{"index": 1, "value": 1, "op": "NONSENSE"}],
                    }
                ],
            },
            {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [
                    {
                        "names": ["getpriority"],
                        "action": "SCMP_ACT_ERRNO",
                        "args": [{"index": 9, "value": 1, "op": "SCMP_CMP_EQ"}],
                    }
                ],
            },
        ],
        ids=["action", "architecture", "flag", "rule", "operator", "index"],
    )
    def test_wrong_ones(self, runtime: Runtime, bundle: BundleFactory, wrong: Json) -> None:
        made = bundle(["echo", "hello"], linux={"seccomp": wrong})
        assert "hello" not in runtime.run(made).refused().out


@pytest.fixture
def listener(workspace: Path) -> Iterator[DescriptorSocket]:
    """What the profile's listenerPath leads to."""
    listener = DescriptorSocket(workspace / "listener")
    yield listener
    listener.close()


class TestNotify:
    def test_listener_answers_for_the_kernel(
        self, runtime: Runtime, bundle: BundleFactory, listener: DescriptorSocket
    ) -> None:
        linux = filtering("SCMP_ACT_NOTIFY", "getpriority")
        linux["seccomp"]["listenerPath"] = str(listener.path)
        command = f"{' '.join(call('getpriority', 0, 3))}; {' '.join(call('getpriority', 0, 4))}"
        container = runtime.create(bundle(command, linux=linux))
        container.start()
        _, descriptor = listener.receive()
        first = notifications.receive(descriptor)
        assert first.number == SYSCALLS["getpriority"]
        assert first.arguments[:2] == (0, 3)
        notifications.answer(descriptor, first, value=1234)
        assert container.out.line() == "ok 1234"
        second = notifications.receive(descriptor)
        notifications.answer(descriptor, second, errno=errno.EXDEV)
        assert container.out.line() == f"errno {errno.EXDEV}"

    def test_listener_is_told_about_the_container(
        self, runtime: Runtime, bundle: BundleFactory, listener: DescriptorSocket
    ) -> None:
        linux = filtering("SCMP_ACT_NOTIFY", "getpriority")
        linux["seccomp"]["listenerPath"] = str(listener.path)
        linux["seccomp"]["listenerMetadata"] = "some metadata"
        made = bundle(linux=linux, annotations={"color": "blue"})
        container = runtime.start(made)
        text, _ = listener.receive()
        told = json.loads(text)
        assert told["fds"] == ["seccompFd"]
        assert told["pid"] == container.pid
        assert told["metadata"] == "some metadata"
        assert told["state"]["id"] == container.id
        assert told["state"]["bundle"] == str(made.path)
        assert told["state"]["annotations"] == {"color": "blue"}
        assert told["ociVersion"].startswith("1.")

    def test_exec_is_reported_too(
        self, runtime: Runtime, bundle: BundleFactory, listener: DescriptorSocket
    ) -> None:
        linux = filtering("SCMP_ACT_NOTIFY", "getpriority")
        linux["seccomp"]["listenerPath"] = str(listener.path)
        container = runtime.start(bundle(linux=linux))
        listener.receive()
        running = runtime.foreground("exec", container.id, *call("getpriority"))
        text, descriptor = listener.receive()
        assert json.loads(text)["pid"] != container.pid
        notifications.answer(descriptor, notifications.receive(descriptor), value=7)
        assert running.finish().ok().out == "ok 7\n"

    def test_without_a_listener(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"], linux=filtering("SCMP_ACT_NOTIFY", "getpriority"))
        assert "hello" not in runtime.run(made).refused("listenerPath").out

    def test_listener_that_is_not_there(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        linux = filtering("SCMP_ACT_NOTIFY", "getpriority")
        linux["seccomp"]["listenerPath"] = str(workspace / "none")
        made = bundle(["echo", "hello"], linux=linux)
        assert "hello" not in runtime.run(made).refused().out
        assert runtime.ids() == []


@pytest.mark.runc_differs("it compiles a profile at every start")
class TestKeptFilters:
    def test_compiled_once(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(call("getpriority"), linux=filtering("SCMP_ACT_ERRNO", "getpriority"))
        found = []
        for _ in range(2):
            assert runtime.run(made).ok().out == f"errno {errno.EPERM}\n"
            (file,) = runtime.root.glob("@*/*")
            found.append((file.name, file.stat().st_ino))
        assert found[0] == found[1]

    def test_out_of_reach_of_others(self, runtime: Runtime, bundle: BundleFactory) -> None:
        runtime.run(bundle(["true"], linux=filtering("SCMP_ACT_ERRNO", "getpriority"))).ok()
        (directory,) = runtime.root.glob("@*")
        assert directory.stat().st_mode & 0o777 == 0o700
        assert directory.stat().st_uid == os.geteuid()

    def test_no_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        runtime.run(bundle(["true"], linux=filtering("SCMP_ACT_ERRNO", "getpriority"))).ok()
        (directory,) = runtime.root.glob("@*")
        assert runtime("list", "-q").ok().out == ""
        runtime("delete", "--force", directory.name).refused("not valid")
