"""A first process that serves: programs one after the other, and the end of all of it."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from orlop.errors import CommandNotFound, InvalidArgument
from orlop.launch import report as reports
from orlop.launch.executor import Launch, plan_memfd
from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    STAY,
    Clone,
    Execute,
    FindProgram,
    ListDirectory,
    NewSession,
    NextPart,
    Operation,
    Plan,
    ReceiveFile,
    SendFile,
    Serve,
    Side,
    Slot,
    Step,
    UseStdio,
)
from orlop.launch.serving import KEEP_THE_REST, Answer, Server
from orlop.launch.wire import KILL, encode
from tests.integration.launcher.driver import (
    ENV,
    NEWPID,
    PATH,
    failure,
    in_container,
    sh,
    started,
    wait_dead,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

STDIO = UseStdio(Slot(0), Slot(1), Slot(1))


@contextmanager
def serving(flags: int = STAY) -> Iterator[tuple[Launch, Server]]:
    """A container whose first process serves."""
    server = Server()
    steps: list[tuple[Side, Operation]] = [
        (LAUNCHER, Clone(NEWPID)),
        (CONTAINER, Serve(Slot(0), "/tmp")),
    ]
    try:
        with started(*steps, flags=flags, inherit=[server.theirs.fileno()]) as running:
            server.theirs.close()
            running.wait_running()
            yield running, server
    finally:
        server.close()


def script(text: str) -> Plan:
    return plan(STDIO, FindProgram("sh", PATH), Execute(("sh", "-c", text), ENV))


def plan(*operations: Operation) -> Plan:
    return Plan(tuple(Step(CONTAINER, op) for op in operations), 2, 2)


def ask(server: Server, plan: Plan, number: int = 1, flags: int = 0, stdin: bytes = b"") -> int:
    """Sends a request; a descriptor with its output."""
    ours, theirs = os.pipe()
    given, stdin_end = os.pipe()
    os.write(stdin_end, stdin)
    os.close(stdin_end)
    server.run(number, encode(plan), (given, theirs), flags)
    os.close(given)
    os.close(theirs)
    return ours


def answered(server: Server) -> Answer:
    answer = server.receive()
    assert answer is not None
    return answer


def run(
    server: Server, plan: Plan, number: int = 1, flags: int = 0, stdin: bytes = b""
) -> tuple[Answer, bytes]:
    with os.fdopen(ask(server, plan, number, flags, stdin), "rb") as stream:
        answer = answered(server)
        assert answer.number == number
        return answer, stream.read()


def test_programs_one_after_the_other() -> None:
    with serving() as (_, server):
        for number in range(3):
            answer, output = run(server, script(f"echo {number}; exit {number}"), number)
            assert (answer.status >> 8, output) == (number, b"%d\n" % number)
            assert answer.failure is None
            assert answer.processes == 1


def test_the_first_process_has_nothing_but_the_socket() -> None:
    with serving() as (running, server):
        pid = running.read_report().pid
        links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        assert {link for link in links if link.startswith("socket:")}
        assert len(os.listdir(f"/proc/{pid}/fd")) == 4
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert "orlop-report" not in maps
        assert run(server, script("ls /proc/self/fd >/dev/null; echo ok"))[1] == b"ok\n"


def test_what_is_left_is_killed_or_kept() -> None:
    with serving() as (_, server):
        background = script("sleep 100 >/dev/null 2>&1 & echo $!")
        answer, _ = run(server, background)
        assert answer.processes == 2
        answer, output = run(server, background, 2, KEEP_THE_REST)
        assert answer.processes == 1
        answer, _ = run(server, script(f"kill -0 {output.decode()}"), 3)
        assert answer.status == 0
        assert answer.processes == 2, "what was kept ends with the next program that is not"


def test_a_program_is_killed() -> None:
    with serving() as (_, server):
        output = ask(server, script("(exec sleep 100) & echo ready; exec sleep 100"), 7)
        assert os.read(output, 100) == b"ready\n"
        server.kill(6)
        server.kill(7)
        answer = answered(server)
        assert (answer.number, answer.status, answer.processes) == (7, signal.SIGKILL, 2)
        assert os.read(output, 100) == b""
        os.close(output)
        server.kill(7)
        assert run(server, script("echo still here"), 8)[1] == b"still here\n"


def test_usage_of_all_processes() -> None:
    burn = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"
    with serving() as (_, server):
        one, _ = run(server, script(burn))
        two, _ = run(server, script(f"({burn}) & ({burn}) & exit 0"), 2, KEEP_THE_REST)
        assert one.user_us > 1000
        assert one.max_rss_kib > 100
        assert two.processes <= 3
        assert one.disk_free > 0


@pytest.mark.parametrize(
    ("operations", "op", "number"),
    [
        ((FindProgram("nope", PATH), Execute(("nope",), ENV)), 0, errno.ENOENT),
        ((NewSession(), FindProgram("/etc", PATH), Execute(("x",), ENV)), 1, errno.EISDIR),
        ((NewSession(), STDIO, SendFile("/nowhere", 1)), 2, errno.ENOENT),
        ((STDIO, SendFile("/dev/zero", 1)), 1, errno.EINVAL),
        ((STDIO, SendFile("/etc/passwd", 1)), 1, errno.EFBIG),
        ((STDIO, ListDirectory("/etc/passwd", 100)), 1, errno.ENOTDIR),
        ((STDIO, ListDirectory("/etc", 10)), 1, errno.EFBIG),
        ((STDIO, ReceiveFile("/proc/x", 0o644, 1)), 1, errno.ENOENT),
    ],
)
def test_failures_name_the_operation(operations: Sequence[Operation], op: int, number: int) -> None:
    with serving() as (_, server):
        answer, _ = run(server, plan(*operations))
        assert answer.failure is not None
        assert (answer.failure.failed_op, answer.failure.errno) == (op, number)
        assert run(server, script("echo ok"), 2)[1] == b"ok\n"


def test_the_error_is_that_of_a_start() -> None:
    asked = plan(FindProgram("nope", PATH), Execute(("nope",), ENV))
    with serving() as (_, server):
        answer, _ = run(server, asked)
        assert answer.failure is not None
        assert isinstance(reports.error(asked, answer.failure), CommandNotFound)


def test_plans_that_may_not_be() -> None:
    steps = {
        "of the launcher": Step(LAUNCHER, NewSession()),
        "next part": Step(LAUNCHER, NextPart()),
        "clone": Step(CONTAINER, Clone(0)),
    }
    with serving() as (_, server):
        for number, step in enumerate(steps.values(), 1):
            last = script("true").steps[1:]
            answer, _ = run(server, Plan((step, *last), 2, 2), number)
            assert answer.failure is not None
            assert (answer.failure.errno, answer.failure.call) == (errno.EINVAL, "decode the plan")
        nested, _ = run(server, plan(STDIO, Serve(Slot(0), "/")), 9)
        assert nested.failure is not None
        assert nested.failure.errno == errno.EPERM


def test_requests_that_make_no_sense() -> None:
    with serving() as (_, server):
        raw = socket.socket(fileno=os.dup(server.fileno()))
        raw.send(b"short")
        raw.send(struct.pack("<III", 99, 1, 0))
        raw.send(struct.pack("<III", 1, 2, 0))  # without a plan
        answer = answered(server)
        assert (answer.number, answer.failure is None) == (2, False)
        unsealed = os.memfd_create("plan", os.MFD_ALLOW_SEALING)
        os.write(unsealed, encode(script("true")))
        socket.send_fds(raw, [struct.pack("<III", 1, 3, 0)], [unsealed])
        answer = answered(server)
        assert (answer.number, answer.failure is None) == (3, False)
        sealed = plan_memfd(encode(script("true")))
        socket.send_fds(raw, [struct.pack("<III", 1, 4, 0)], [sealed])  # descriptors are missing
        answer = answered(server)
        assert (answer.number, answer.failure is None) == (4, False)
        os.close(unsealed)
        os.close(sealed)
        raw.close()
        assert run(server, script("echo ok"), 5)[1] == b"ok\n"


def test_a_request_while_a_program_runs_is_passed_over() -> None:
    with serving() as (_, server):
        output = ask(server, script("echo ready; exec sleep 100"), 1)
        assert os.read(output, 100) == b"ready\n"
        other = ask(server, script("echo never"), 2)
        assert os.read(other, 100) == b""
        server.kill(1)
        assert answered(server).number == 1
        os.close(output)
        os.close(other)


def test_a_child_that_dies_before_its_program() -> None:
    with serving() as (_, server):
        bad = encode(script("true"), fault_op=1, fault_errno=KILL)
        ours, theirs = os.pipe()
        server.run(1, bad, (theirs, theirs))
        answer = answered(server)
        assert answer.status & 0x7F in (signal.SIGKILL, signal.SIGILL)
        os.close(ours)
        os.close(theirs)
        assert run(server, script("echo ok"), 2)[1] == b"ok\n"


@pytest.mark.parametrize("who", ["caller", "launcher"])
def test_it_ends_with(who: str) -> None:
    with serving() as (running, server):
        pidfd = os.pidfd_open(running.read_report().pid)
        output = ask(server, script("echo ready; exec sleep 100"))
        assert os.read(output, 100) == b"ready\n"
        if who == "caller":
            server.close()
        else:
            os.kill(running.pid, signal.SIGKILL)
            running.reap()
        assert wait_dead(pidfd)
        assert os.read(output, 100) == b""
        os.close(output)


def test_it_needs_a_pid_namespace() -> None:
    server = Server()
    steps = [(LAUNCHER, Clone(0)), *in_container(Serve(Slot(0), "/"))]
    error = failure(*steps, inherit=[server.theirs.fileno()])
    server.close()
    assert (error.op, error.errno) == ("serve", errno.EPERM)


def test_files(tmp_path: Path) -> None:
    path = f"{tmp_path}/new/file"
    with serving() as (_, server):
        answer, _ = run(server, plan(STDIO, ReceiveFile(path, 0o640, 5)), 1, stdin=b"12345")
        assert (answer.status, answer.failure) == (0, None)
        assert run(server, plan(STDIO, SendFile(path, 5)), 2)[1] == b"12345"
        listing = run(server, plan(STDIO, ListDirectory(f"{tmp_path}/new", 100)), 3)[1]
        assert listing == b"%d 5 file\0" % os.stat(path).st_mode
        answer, _ = run(server, plan(STDIO, ReceiveFile(path, 0o640, 5)), 4, stdin=b"123456")
        assert answer.failure is not None
        assert answer.failure.errno == errno.EFBIG
    assert os.stat(path).st_mode & 0o7777 == 0o600, "of an incomplete file"


def test_a_plan_may_not_go_on_behind_its_end() -> None:
    server = Server()
    steps = [(LAUNCHER, Clone(NEWPID)), *in_container(Serve(Slot(0), "/")), *sh("true")]
    with started(*steps, inherit=[server.theirs.fileno()]) as running:
        assert running.reap() == 1
        assert "operation behind one that ends" in running.read_report().path
    server.close()


def test_numbers_that_do_not_fit() -> None:
    with pytest.raises(InvalidArgument):
        encode(plan(SendFile("/x", 1 << 64)))
    with serving() as (_, server):
        readable, _, _ = select.select([server], [], [], 0)
        assert readable == []
