"""Filters read back from live threads, which must not notice."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import signal
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orlop.errors import Conflict, DeadlineExceeded, NotFound, OrlopError
from orlop.kernel import process, seccomp_live
from orlop.kernel.seccomp_live import LiveFilter, read_filters
from tests.integration.support import cgroups, filtered
from tests.integration.support.deadlines import eventually
from tests.integration.support.filtered import Filtered, call, libc
from tests.integration.support.processes import state_letter, status

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64"),
]

READ, GETPPID, CLONE, EXIT, PAUSE = 0, 110, 56, 60, 34
FLAG_LOG = 1 << 1
CLONE_VFORK = 0x4000


def bpf(*instructions: tuple[int, int, int, int]) -> bytes:
    return b"".join(struct.pack("=HBBI", *row) for row in instructions)


ALLOW = bpf((0x06, 0, 0, 0x7FFF0000))
LOAD_AND_ALLOW = bpf((0x20, 0, 0, 0), (0x06, 0, 0, 0x7FFF0000))


def is_free(pid: int) -> bool:
    return status(pid)["TracerPid"] == "0"


class TestWhatIsRead:
    def test_none(self) -> None:
        with Filtered() as subject:
            assert read_filters(subject.identity) == ()

    def test_one(self) -> None:
        with Filtered(LOAD_AND_ALLOW) as subject:
            assert read_filters(subject.identity) == (LiveFilter(LOAD_AND_ALLOW),)
            assert is_free(subject.pid)
            assert subject.call(GETPPID) == os.getpid()

    def test_several_come_as_they_were_loaded(self) -> None:
        with Filtered(ALLOW, LOAD_AND_ALLOW, ALLOW, flags=[0, FLAG_LOG]) as subject:
            expected = (LiveFilter(ALLOW), LiveFilter(LOAD_AND_ALLOW, FLAG_LOG), LiveFilter(ALLOW))
            assert read_filters(subject.identity) == expected

    def test_the_longest_program(self) -> None:
        program = LOAD_AND_ALLOW[:8] * 4095 + ALLOW
        with Filtered(program) as subject:
            assert read_filters(subject.identity) == (LiveFilter(program),)

    def test_each_thread_has_its_own(self) -> None:
        with Filtered(first=one_thread_under(ALLOW)) as subject:
            (other,) = set(process.threads(subject.pid)) - {subject.pid}
            assert read_filters(subject.identity) == ()
            assert read_filters(subject.identity, other) == (LiveFilter(ALLOW),)
            assert is_free(other)

    def test_a_first_thread_that_has_ended(self) -> None:
        with Filtered(first=one_thread_under(ALLOW)) as subject:
            subject.ask(EXIT)
            eventually(lambda: state_letter(subject.pid) == "Z", "the first thread to end")
            assert seccomp_live.first_thread(subject.pid) != subject.pid
            assert read_filters(subject.identity) == (LiveFilter(ALLOW),)
            with pytest.raises(NotFound):
                # Not a zombie that has no other threads: its mode is still that of a filter.
                read_filters(subject.identity, subject.pid + 100_000)


def one_thread_under(program: bytes) -> Callable[[], None]:
    """Starts a thread that loads a filter for itself and waits forever."""

    def start() -> None:
        ready = threading.Event()

        def work() -> None:
            filtered.load(program)
            ready.set()
            call(PAUSE)

        threading.Thread(target=work, daemon=True).start()
        assert ready.wait(10)

    return start


class TestNobodyNotices:
    def test_a_stopped_process_stays_stopped(self) -> None:
        with Filtered(ALLOW) as subject:
            os.kill(subject.pid, signal.SIGSTOP)
            assert os.waitpid(subject.pid, os.WUNTRACED)[1] >> 8 == signal.SIGSTOP
            assert read_filters(subject.identity) == (LiveFilter(ALLOW),)
            eventually(lambda: state_letter(subject.pid) == "T", "it to be stopped again")
            subject.ask(GETPPID)
            assert state_letter(subject.pid) == "T"
            # Its parent is not told a second time.
            assert os.waitid(os.P_PID, subject.pid, os.WSTOPPED | os.WNOHANG) is None
            os.kill(subject.pid, signal.SIGCONT)
            assert subject.answer() == os.getpid()

    @pytest.mark.requires_cgroup_v1
    def test_a_process_frozen_by_v1_is_left_alone(self) -> None:
        with Filtered(ALLOW) as subject, frozen("freezer", subject.pid) as thaw:
            with pytest.raises(Conflict, match="freezer"):
                read_filters(subject.identity)
            assert is_free(subject.pid)
            thaw()
            assert read_filters(subject.identity) == (LiveFilter(ALLOW),)
            assert subject.call(GETPPID) == os.getpid()

    def test_a_process_frozen_by_v2_stays_frozen(self) -> None:
        with Filtered(ALLOW) as subject, frozen("", subject.pid) as thaw:
            assert read_filters(subject.identity) == (LiveFilter(ALLOW),)
            directory = v2_directory(subject.pid)
            eventually(lambda: "frozen 1" in (directory / "cgroup.events").read_text(), "frozen")
            assert is_free(subject.pid)
            thaw()
            assert subject.call(GETPPID) == os.getpid()

    def test_a_waiting_system_call_goes_on(self) -> None:
        inward, outward = os.pipe()
        with Filtered(ALLOW) as subject, open(inward, "rb"), open(outward, "wb") as pipe:
            buffer = subject.call(9, 0, 4096, 3, 0x22, -1)  # mmap
            subject.ask(READ, inward, buffer, 1)
            eventually(lambda: state_letter(subject.pid) == "S", "it to wait for the pipe")
            for _ in range(20):
                assert read_filters(subject.identity) == (LiveFilter(ALLOW),)
            pipe.write(b"x")
            pipe.flush()
            assert subject.answer() == 1

    def test_no_signal_is_lost(self) -> None:
        inward, outward = os.pipe()
        heard: list[bytes] = []

        def send() -> None:
            for _ in range(300):
                os.kill(subject.pid, signal.SIGUSR1)
                heard.append(os.read(inward, 1))

        def answer() -> None:
            signal.signal(signal.SIGUSR1, lambda *_: os.write(outward, b"x"))

        with Filtered(ALLOW, first=answer) as subject, open(inward, "rb"):
            os.close(outward)
            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            readings = 0
            while sender.is_alive() and readings < 20_000:
                assert read_filters(subject.identity) == (LiveFilter(ALLOW),)
                readings += 1
            assert len(heard) == 300

    def test_one_that_dies_meanwhile(self) -> None:
        outcomes = []
        for _ in range(25):
            with Filtered(ALLOW) as subject:
                killer = threading.Timer(
                    random.uniform(0, 0.002), os.kill, (subject.pid, signal.SIGKILL)
                )
                killer.start()
                try:
                    while True:
                        assert read_filters(subject.identity) == (LiveFilter(ALLOW),)
                        outcomes.append("read")
                except NotFound:
                    outcomes.append("gone")
                killer.join()
                assert subject.end() == -signal.SIGKILL
        assert outcomes.count("gone") == 25

    def test_one_that_stops_and_goes_on_meanwhile(self) -> None:
        with Filtered(ALLOW) as subject:
            for _ in range(50):
                os.kill(subject.pid, signal.SIGSTOP)
                os.kill(subject.pid, signal.SIGCONT)
                assert read_filters(subject.identity) == (LiveFilter(ALLOW),)
            assert subject.call(GETPPID) == os.getpid()


@contextlib.contextmanager
def frozen(controller: str, pid: int) -> Iterator[Callable[[], object]]:
    """The process is frozen in a cgroup of its own; gives what thaws it."""
    root = next(
        found.root
        for found in cgroups.hierarchies()
        if (found.v2 if not controller else controller in found.controllers)
    )
    directory = root / f"frozen-{os.getpid()}"
    directory.mkdir()
    (directory / "cgroup.procs").write_text(str(pid))
    file, on, off = (
        ("freezer.state", "FROZEN", "THAWED") if controller else ("cgroup.freeze", "1", "0")
    )
    (directory / file).write_text(on)

    def is_frozen() -> bool:
        if controller:
            return (directory / file).read_text().strip() == on
        return "frozen 1" in (directory / "cgroup.events").read_text()

    eventually(is_frozen, "the cgroup to be frozen")
    try:
        yield lambda: (directory / file).write_text(off)
    finally:
        (directory / file).write_text(off)
        (root / "cgroup.procs").write_text(str(pid))
        directory.rmdir()


def v2_directory(pid: int) -> Path:
    root = next(found.root for found in cgroups.hierarchies() if found.v2)
    (line,) = (
        line for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines() if line[:2] == "0:"
    )
    return root / line.partition("::")[2].lstrip("/")


class TestRefusals:
    def test_a_thread_that_cannot_be_stopped(self) -> None:
        with Filtered(ALLOW) as subject:
            subject.ask(CLONE, CLONE_VFORK | signal.SIGCHLD)  # it waits for its child's end
            child = eventually(lambda: process.children(subject.pid), "a child")[0]
            eventually(lambda: state_letter(subject.pid) == "D", "it to wait for its child")
            with pytest.raises(DeadlineExceeded, match="state D"):
                read_filters(subject.identity, timeout_s=0.1)
            assert is_free(subject.pid)
            assert state_letter(subject.pid) == "D"
            os.kill(child, signal.SIGKILL)
            assert 0 in (subject.answer(), subject.answer())  # the child's answer comes first
            assert read_filters(subject.identity) == (LiveFilter(ALLOW),)

    @pytest.mark.requires_strace
    def test_a_traced_one(self, tmp_path: Path) -> None:
        with Filtered(ALLOW) as subject:
            tracer = subprocess.Popen(["strace", "-o", tmp_path / "out", "-p", str(subject.pid)])
            try:
                eventually(lambda: not is_free(subject.pid), "strace to attach")
                with pytest.raises(Conflict, match=rf"process {tracer.pid} \(strace\)"):
                    read_filters(subject.identity)
                assert subject.call(GETPPID) == os.getpid()
            finally:
                tracer.terminate()
                tracer.wait()

    def test_one_that_has_ended(self) -> None:
        with Filtered(ALLOW) as subject:
            os.kill(subject.pid, signal.SIGKILL)
            eventually(lambda: state_letter(subject.pid) == "Z", "its end")
            with pytest.raises(NotFound):
                read_filters(subject.identity)
        with pytest.raises(NotFound):
            read_filters(subject.identity)

    def test_another_process_of_that_id(self) -> None:
        with Filtered(ALLOW) as subject:
            former = subject.identity.replace(start_ticks=subject.identity.start_ticks - 1)
            with pytest.raises(NotFound):
                read_filters(former)
            assert is_free(subject.pid)
            assert read_filters(subject.identity) != ()

    def test_a_thread_of_another_process(self) -> None:
        with Filtered(ALLOW) as subject, Filtered(ALLOW) as other:
            with pytest.raises(NotFound):
                read_filters(subject.identity, other.pid)

    def test_a_caller_without_capabilities(self) -> None:
        with Filtered(ALLOW) as subject:
            assert refusal(subject, lambda: os.setuid(65534)) == (
                "PermissionDenied: cannot read seccomp filters without CAP_SYS_ADMIN (be root)"
            )

    def test_a_caller_under_seccomp(self) -> None:
        with Filtered(ALLOW) as subject:
            assert "itself under seccomp" in refusal(subject, lambda: filtered.load(ALLOW))

    def test_a_caller_without_the_right_to_trace(self) -> None:
        def drop() -> None:
            cap_sys_ptrace = 1 << 19
            all_but = process.read_status().capabilities.permitted & ~cap_sys_ptrace
            header = struct.pack("=Ii", 0x20080522, 0)
            words = struct.unpack("=II", all_but.to_bytes(8, "little"))
            data = struct.pack("=6I", words[0], words[0], 0, words[1], words[1], 0)
            assert libc.capset(header, data) == 0

        # Another user's, since what the caller has itself may be traced with less.
        with Filtered(ALLOW, first=lambda: os.setuid(65534)) as subject:
            found = refusal(subject, drop)
            assert found.startswith(f"PermissionDenied: cannot trace thread {subject.pid}")

    def test_a_caller_who_is_root_of_a_user_namespace_only(self) -> None:
        with Filtered(ALLOW) as subject:
            found = refusal(subject, lambda: libc.unshare(0x10000000))
            assert found.startswith("PermissionDenied: ")


def refusal(subject: Filtered, change: Callable[[], object]) -> str:
    """Class and text of the error that a changed process gets, and the subject is unharmed."""
    inward, outward = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            change()
            read_filters(subject.identity)
        except OrlopError as error:
            os.write(outward, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(outward)
    with open(inward) as pipe:
        found = pipe.read()
    os.waitpid(child, 0)
    assert is_free(subject.pid)
    assert subject.call(GETPPID) == os.getpid()
    return found
