"""What is said of live filters, beside what the kernel does when the calls are really made."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orlop.errors import Conflict, NotFound, PermissionDenied
from orlop.insight.filters import (
    FILTER,
    NONE,
    Action,
    FilterReading,
    SyscallAnswer,
    ThreadMode,
    answers,
    differences,
    docker_default,
    read_filters,
    reading_of,
)
from orlop.kernel import process, seccomp
from orlop.kernel.capabilities import DOCKER_DEFAULT
from orlop.kernel.seccomp import ArgRule, Profile, SyscallRule
from orlop.runtime.config_document import document
from orlop.runtime.seccomp_default import default_profile
from tests import bpf
from tests.integration.support import filtered
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.dockerd import Docker, running_daemon
from tests.integration.support.filtered import Filtered
from tests.integration.support.images import archive
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import Runtime
from tests.preconditions import need
from tests.random_filters import any_programs, constants

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64"),
]

READ, SOCKET, UMASK, GETPPID, GETPRIORITY, PERSONALITY = 0, 41, 95, 110, 140, 135
FAR_AWAY = 1 << 33

# Of these, the kernel itself refuses none with EPERM or ENOSYS.
ALLOWED_CALLS = [
    (READ, FAR_AWAY, 0, 0),
    (UMASK, 0o22),
    (GETPPID,),
    (PERSONALITY, 0xFFFFFFFF),
    (PERSONALITY, 0),
    (SOCKET, 1, 1, 0),
]
REFUSED_CALLS = [
    (250, 99),  # keyctl
    (248,),  # add_key
    (321, 99),  # bpf
    (323, 0),  # userfaultfd
    (425, 1, 0),  # io_uring_setup
    (435, 0, 0),  # clone3: ENOSYS
    (56, 0x10000000),  # clone with CLONE_NEWUSER
    (PERSONALITY, 0x1234),
    (700,),  # of the future: ENOSYS
]


def read(pid: int) -> FilterReading:
    return read_filters(process.identify(pid))


def by_number(reading: FilterReading) -> dict[int, SyscallAnswer]:
    (found,) = answers(reading, ("x86_64",))
    return {answer.number: answer for answer in (*found.answers, found.newer)}


def words(call: tuple[int, ...]) -> list[str]:
    return ["probe", "syscall", *map(str, call)]


def check(reading: FilterReading, shown: list[str], calls: list[tuple[int, ...]]) -> None:
    """What the probe has shown for these calls is what was said of them."""
    told = by_number(reading)
    for line, (number, *args) in zip(shown, calls, strict=True):
        answer = told.get(number) or told[max(told)]
        action = answer.action_for(tuple(args))
        if action == Action("allow"):
            assert line not in ("errno 1", "errno 38"), (number, args)
        else:
            assert action is not None
            assert line == f"errno {action.data}", (number, args, answer.text)


class TestContainers:
    def test_of_orlop(self, runtime: Runtime, bundle: BundleFactory) -> None:
        profile = default_profile(DOCKER_DEFAULT, platform.machine())
        container = runtime.start(bundle(linux={"seccomp": document(profile)}))
        reading = read(container.pid)
        assert (reading.mode, reading.problem, len(reading.filters)) == (FILTER, None, 1)
        assert differences(reading, docker_default(DOCKER_DEFAULT)) == ()
        calls = [*ALLOWED_CALLS, *REFUSED_CALLS]
        script = "; ".join(" ".join(words(call)) for call in calls)
        check(reading, container.exec(script).ok().lines(), calls)

    def test_without_a_profile(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        reading = read(container.pid)
        assert (reading.mode, reading.filters, reading.problem) == (NONE, (), None)
        missing = differences(reading, docker_default(DOCKER_DEFAULT), ("x86_64",))
        assert {"keyctl", "bpf"} <= {it.live.name for it in missing}

    @pytest.mark.requires_cgroup_v1
    def test_a_paused_one(self, runtime: Runtime, bundle: BundleFactory) -> None:
        rule = SyscallRule(("getpriority",), "SCMP_ACT_ERRNO")
        profile = Profile("SCMP_ACT_ALLOW", default_errno_ret=None, syscalls=(rule,))
        container = runtime.start(bundle(linux={"seccomp": document(profile)}))
        container("pause").ok()
        try:
            reading = read(container.pid)
            assert reading.mode == FILTER
            assert isinstance(reading.problem, Conflict)
            with pytest.raises(Conflict):
                answers(reading)
        finally:
            container("resume").ok()
        assert by_number(read(container.pid))[GETPRIORITY].text == "errno(EPERM)"


@pytest.fixture(scope="module")
def daemon(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Docker]:
    """A dockerd whose runtime is the machine's own runc."""
    need("docker")
    directory = session_directory / "docker-filters"
    directory.mkdir()
    runc = Path(shutil.which("runc") or "")
    with running_daemon(directory, runc, archive(rootfs_template, directory)) as docker:
        yield docker


class TestDocker:
    @pytest.mark.requires_docker
    def test_its_own_profile(self, daemon: Docker) -> None:
        name = daemon.start("--", "probe", "wait")
        try:
            reading = read(daemon.pid(name))
            assert (reading.mode, reading.problem) == (FILTER, None)
            calls = [*ALLOWED_CALLS, *REFUSED_CALLS]
            script = "; ".join(" ".join(words(call)) for call in calls)
            check(reading, daemon("exec", name, "sh", "-c", script).ok().lines(), calls)
            self.check_differences(reading)
        finally:
            daemon.remove_all()

    @staticmethod
    def check_differences(reading: FilterReading) -> None:
        """Ours is stricter with sockets, and knows later calls; each example shows a difference."""
        ours = docker_default(DOCKER_DEFAULT)
        found = differences(reading, ours, ("x86_64",))
        assert "read" not in {it.live.name for it in found}
        (live,), (expected,) = reading.filters, ours.filters
        for it in found:
            number = it.live.number
            assert bpf.decide(live.program, number, args=it.example) != bpf.decide(
                expected.program, number, args=it.example
            )


@pytest.mark.requires_bwrap
def test_bwrap(workspace: Path, rootfs_template: RootfsTemplate) -> None:
    rootfs = rootfs_template.copy_to(workspace / "rootfs")
    profile = Profile(
        "SCMP_ACT_ALLOW",
        syscalls=(
            SyscallRule(("getpriority",), "SCMP_ACT_ERRNO", 77, (ArgRule(1, 5, 0, "SCMP_CMP_GE"),)),
            SyscallRule(("umask",), "SCMP_ACT_ERRNO", 78),
        ),
    )
    program = seccomp.compile(profile).program
    file = workspace / "filter"
    file.write_bytes(program)
    calls: list[tuple[int, ...]] = [(GETPRIORITY, 0, 4), (GETPRIORITY, 0, 5), (UMASK, 0)]
    script = "; ".join(" ".join(words(call)) for call in calls)
    with file.open("rb") as opened:
        command = ["bwrap", "--bind", str(rootfs), "/", "--unshare-pid", "--die-with-parent"]
        command += [
            "--seccomp",
            str(opened.fileno()),
            "/bin/sh",
            "-c",
            f"{script}; exec probe wait",
        ]
        os.set_inheritable(opened.fileno(), True)
        inside = subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=(opened.fileno(),))
    assert inside.stdout is not None
    try:
        shown = [inside.stdout.readline().decode().strip() for _ in calls]
        assert inside.stdout.readline() == b"ready\n"
        (first,) = process.children(inside.pid)
        (second,) = process.children(first)
        reading = read(second)
        assert [found.program for found in reading.filters] == [program]
        assert by_number(reading)[GETPRIORITY].text == "allow if arg1 <= 4, else errno(EBADFD)"
        check(reading, shown, calls)
    finally:
        inside.kill()
        inside.wait()
        inside.stdout.close()


class TestStacks:
    def test_two_filters(self) -> None:
        one, two = (
            seccomp.compile(
                Profile(
                    "SCMP_ACT_ALLOW",
                    syscalls=tuple(
                        SyscallRule((name,), "SCMP_ACT_ERRNO", number) for name, number in rules
                    ),
                )
            ).program
            for rules in (
                [("getpriority", 71), ("umask", 72)],
                [("getpriority", 73), ("getuid", 74)],
            )
        )
        with Filtered(one, two) as subject:
            reading = read(subject.pid)
            assert [found.program for found in reading.filters] == [one, two]
            told = by_number(reading)
            for number, expected in ((GETPRIORITY, 73), (UMASK, 72), (102, 74)):
                assert told[number].action == Action("errno", expected)
                assert subject.call(number) == -expected

    def test_none(self) -> None:
        with Filtered() as subject:
            assert read(subject.pid) == FilterReading(NONE, thread=subject.pid)

    # As the kernel executes them: every instruction, with arguments of all kinds.
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(any_programs.filter(lambda it: not looks_at_the_pointer(it)), max_size=2),
        st.lists(constants | st.integers(0, (1 << 64) - 1), min_size=6, max_size=6),
    )
    def test_random_ones(self, bodies: list[bytes], args: list[int]) -> None:
        programs = [guarded(body) for body in bodies]
        with Filtered(*programs) as subject:
            reading = read(subject.pid)
            assert [found.program for found in reading.filters] == programs
            answer = by_number(reading)[GETPRIORITY]
            action = answer.action_for(tuple(args))
            subject.ask(GETPRIORITY, *args)
            if action is None:  # computed
                return
            match action.kind:
                case "allow" | "log":
                    assert subject.answer() == filtered.call(GETPRIORITY, *args)
                case "errno":
                    assert subject.answer() == -action.data
                case "trace" | "notify":
                    assert subject.answer() == -38  # nobody traces or listens
                case _:
                    assert subject.end() == -signal.SIGSYS


def looks_at_the_pointer(program: bytes) -> bool:
    """Whether a filter reads from where the call is made, which is not known here."""
    return any(code == 0x20 and value in (8, 12) for code, _, _, value in bpf.instructions(program))


def guarded(program: bytes) -> bytes:
    """The program for getpriority(2), while all other calls are allowed."""
    guard = ((0x20, 0, 0, 0), (0x15, 1, 0, GETPRIORITY), (0x06, 0, 0, bpf.ALLOW))
    return bpf.assemble(*guard, (0x00, 0, 0, 0), *bpf.instructions(program))


class TestReading:
    ALLOW = bpf.assemble((0x06, 0, 0, bpf.ALLOW))

    def test_threads_that_differ(self) -> None:
        def one_thread() -> None:
            ready = threading.Event()

            def work() -> None:
                filtered.load(self.ALLOW)
                ready.set()
                filtered.call(34)  # pause

            threading.Thread(target=work, daemon=True).start()
            assert ready.wait(10)

        with Filtered(first=one_thread) as subject:
            (other,) = set(process.threads(subject.pid)) - {subject.pid}
            assert read(subject.pid) == FilterReading(
                NONE, thread=subject.pid, other_threads=(ThreadMode(other, FILTER, 1),)
            )
            theirs = read_filters(subject.identity, other)
            assert [found.program for found in theirs.filters] == [self.ALLOW]
            assert theirs.other_threads == (ThreadMode(subject.pid, NONE, 0),)

    def test_strict_mode(self) -> None:
        def strict() -> None:
            os.close(0)
            filtered.libc.prctl(22, 1, 0, 0, 0)  # PR_SET_SECCOMP, SECCOMP_MODE_STRICT

        # Its first answer is a write(2), and it then waits in read(2): both are allowed.
        with Filtered(first=strict) as subject:
            reading = read(subject.pid)
            assert (reading.mode, reading.filters) == ("strict", ())
            assert by_number(reading)[UMASK].text == "kill thread"
            assert by_number(reading)[READ].text == "allow"
            subject.ask(UMASK)
            assert subject.end() == -signal.SIGKILL

    def test_without_rights(self) -> None:
        with Filtered(self.ALLOW) as subject:
            inward, outward = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    os.setuid(65534)
                    reading = read_filters(subject.identity)
                    is_refused = isinstance(reading.problem, PermissionDenied)
                    os.write(outward, struct.pack("??", reading.mode == FILTER, is_refused))
                finally:
                    os._exit(0)
            os.close(outward)
            with open(inward, "rb") as pipe:
                assert pipe.read() == struct.pack("??", True, True)
            os.waitpid(child, 0)

    def test_one_that_ends_meanwhile(self) -> None:
        for step in range(10):
            with Filtered(self.ALLOW) as subject:
                killer = threading.Timer(step / 5000, os.kill, (subject.pid, signal.SIGKILL))
                killer.start()
                with pytest.raises(NotFound):
                    while True:
                        reading = read_filters(subject.identity)
                        assert reading.problem is None
                        assert len(reading.filters) == 1
                killer.join()


def test_a_profile_is_what_is_read_of_it() -> None:
    profile = default_profile(DOCKER_DEFAULT, platform.machine())
    with Filtered(seccomp.compile(profile).program) as subject:
        assert read(subject.pid).filters == reading_of(profile).filters
