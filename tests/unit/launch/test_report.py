"""What the launcher reports, and what people are told of it."""

from __future__ import annotations

import errno
import struct

import pytest

from orlop.errors import CommandNotExecutable, CommandNotFound, LaunchError
from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    MIDDLE,
    Execute,
    FindProgram,
    MakeCgroup,
    Operation,
    Plan,
    RunHook,
    SetRlimit,
    Side,
    Step,
    Unshare,
)
from orlop.launch.report import (
    EXITED,
    FAILED,
    FAILURE_SIZE,
    HEAD_SIZE,
    RUNNING,
    Exit,
    Report,
    error,
    parse,
    parse_failure,
    size,
)

NO_OPERATION = 0xFFFFFFFF
SETUP = 0xFFFFFFFE
TIMED_OUT = 1000

FIELDS = {  # docs/launch-plan.md#report: offset and form
    "magic": (0, "4s", b"ORLR"),
    "version": (4, "I", 1),
    "phase": (8, "I", 0),
    "pid": (12, "i", 0),
    "failed": (16, "I", NO_OPERATION),
    "errno": (20, "i", 0),
    "detail": (24, "I", 0),
    "call": (32, "32s", b""),
    "path": (64, "448s", b""),
    "status": (512, "i", 0),
    "ended": (520, "Q", 0),
    "user": (528, "Q", 0),
    "system": (536, "Q", 0),
    "rss": (544, "Q", 0),
    "began": (552, "Q", 0),
    "running": (560, "Q", 0),
    "output": (584, "440s", b""),
}


def report(operations: int = 0, **values: object) -> bytes:
    """The bytes of a report; the fields that are not given have nothing in them."""
    data = bytearray(size(operations))
    for name, (offset, form, default) in FIELDS.items():
        struct.pack_into(f"<{form}", data, offset, values.pop(name, default))
    assert not values
    return bytes(data)


def failed(index: int = 0, **values: object) -> Report:
    """A report of a failure."""
    values = {"phase": FAILED, "failed": index, "call": b"call", **values}
    return parse(report(10, **values))


def plan(op: Operation, reason: str = "why", side: Side = CONTAINER) -> Plan:
    """A plan of one step."""
    return Plan((Step(side, op, reason),), 0)


class TestParse:
    def test_nothing_yet(self) -> None:
        assert parse(report()) == Report(0, 0, None, 0, 0, "", "")

    def test_failure(self) -> None:
        data = report(
            phase=FAILED,
            pid=7,
            failed=3,
            errno=2,
            detail=5,
            call=b"open",
            path=b"/a",
            output=b"x\n",
        )
        expected = Report(FAILED, 7, 3, 2, 5, "open", "/a")
        assert parse_failure(data[:FAILURE_SIZE]) == expected
        assert parse(data) == expected.replace(output="x")

    def test_strings_may_fill_their_fields(self) -> None:
        found = parse(report(call=b"c" * 32, path=b"p" * 448))
        assert (found.call, found.path) == ("c" * 32, "p" * 448)

    def test_strings_end_at_the_first_nul(self) -> None:
        assert parse(report(path=b"new\0old")).path == "new"

    def test_paths_are_bytes(self) -> None:
        assert parse(report(path=b"/\xff")).path.encode("utf-8", "surrogateescape") == b"/\xff"
        assert parse(report(output=b"\xff")).output == "\ufffd"

    def test_end(self) -> None:
        values = {"status": 0x100, "ended": 1, "user": 2, "system": 3, "rss": 4}
        assert parse(report(phase=EXITED, **values)).exit == Exit(0x100, 1, 2, 3, 4)
        assert parse(report(phase=RUNNING, **values)).exit is None

    def test_times(self) -> None:
        data = report(2, began=10, running=40)[:HEAD_SIZE] + struct.pack("<4Q", 11, 12, 13, 0)
        found = parse(data)
        assert (found.began_ns, found.running_ns) == (10, 40)
        assert found.times_ns == ((11, 12), (13, 0))


class TestError:
    @pytest.mark.parametrize(
        ("side", "name"), [(LAUNCHER, "launcher"), (MIDDLE, "middle"), (CONTAINER, "container")]
    )
    def test_says_what_who_and_why(self, side: Side, name: str) -> None:
        found = failed(errno=errno.EEXIST, call=b"mkdir", path=b"/sys/c")
        told = error(plan(MakeCgroup("/sys/c"), "the cgroup", side), found)
        assert type(told) is LaunchError
        expected = f"cannot make cgroup in the {name}: mkdir /sys/c: file exists [the cgroup]"
        assert str(told) == expected
        place = (told.op, told.op_index, told.errno, told.path)
        assert place == ("make_cgroup", 0, errno.EEXIST, "/sys/c")

    def test_without_path_errno_and_reason(self) -> None:
        told = error(plan(Unshare(0), ""), failed(call=b"unshare"))
        assert str(told) == "cannot unshare in the container: unshare"

    def test_names_the_operation_that_failed(self) -> None:
        steps = tuple(Step(LAUNCHER, MakeCgroup(f"/{n}"), f"reason {n}") for n in range(3))
        told = error(Plan(steps, 0), failed(1))
        assert told.op_index == 1
        assert "[reason 1]" in str(told)

    @pytest.mark.parametrize("index", [SETUP, 1])
    def test_of_the_set_up(self, index: int) -> None:
        found = failed(index, errno=errno.ENOTSUP, call=b"check", path=b"/proc")
        told = error(plan(Unshare(0)), found)
        expected = "cannot start the launcher: check /proc: operation not supported"
        assert (told.op, str(told)) == ("setup", expected)

    def test_hint_about_hard_limits(self) -> None:
        told = error(plan(SetRlimit(7, 1, 2)), failed(errno=errno.EPERM))
        assert "CAP_SYS_RESOURCE" in told.hint
        assert error(plan(SetRlimit(7, 1, 2)), failed(errno=errno.EINVAL)).hint == ""


class TestDeath:
    def test_of_the_process(self) -> None:
        found = failed(call=b"", detail=128 + 9)
        told = error(plan(Unshare(0)), found)
        assert "in the container: the new process was ended by signal 9 [why]" in str(told)

    def test_of_the_process_by_itself(self) -> None:
        assert "the new process ended [why]" in str(error(plan(Unshare(0)), failed(call=b"")))

    def test_during_a_hook(self) -> None:
        """Not to be taken for an end of the hook."""
        hook = RunHook("/hook", ("/hook",), (), (), 0)
        told = error(plan(hook, side=LAUNCHER), failed(call=b"", detail=128 + 9))
        expected = "cannot run hook in the launcher: the new process was ended by signal 9 [why]"
        assert str(told) == expected

    def test_of_the_launcher(self) -> None:
        """Then nobody has written what failed; the times tell how far it came."""
        steps = tuple(Step(LAUNCHER, MakeCgroup(f"/{n}"), f"reason {n}") for n in range(4))
        times = ((1, 2), (3, 4), (5, 0), (0, 0))
        told = error(Plan(steps, 0), parse(report()).replace(times_ns=times))
        assert told.op_index == 2
        expected = "cannot make cgroup in the launcher: the launcher was killed [reason 2]"
        assert str(told) == expected

    def test_of_the_launcher_before_it_began(self) -> None:
        told = error(plan(Unshare(0)), parse(report(1)))
        assert told.op == "setup"
        assert str(told) == "cannot start the launcher: the launcher was killed"


class TestHook:
    PLAN = plan(RunHook("/hook", ("/hook",), (), (), 0), "OCI hooks.prestart[0]")

    @pytest.mark.parametrize(
        ("values", "end"),
        [
            ({"detail": 3}, "ended with exit status 3"),
            ({"detail": 128 + 15}, "was ended by signal 15"),
            (
                {"detail": TIMED_OUT, "errno": errno.ETIMEDOUT},
                "ran longer than its timeout and was killed",
            ),
            (
                {"errno": errno.ENOENT, "call": b"execve", "path": b"/hook"},
                "could not be run: execve /hook: no such file or directory",
            ),
        ],
    )
    def test_end(self, values: dict[str, object], end: str) -> None:
        told = error(self.PLAN, failed(0, **{"call": b"run", **values}))
        assert str(told) == f"hook /hook {end} [OCI hooks.prestart[0]]"

    def test_what_it_said(self) -> None:
        told = error(self.PLAN, failed(call=b"run", detail=1, output=b"no disk\n"))
        assert "ended with exit status 1: no disk [" in str(told)


class TestProgram:
    """In the words of runc, by which docker and podman know what to make of it."""

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("nothing", "executable file not found in $PATH"),
            ("/bin/nothing", "stat /bin/nothing: no such file or directory"),
            ("./nothing", "stat ./nothing: no such file or directory"),
        ],
    )
    @pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR])
    def test_that_is_not_there(self, name: str, why: str, number: int) -> None:
        found = failed(errno=number, call=b"find", path=name.encode())
        told = error(plan(FindProgram(name, "/bin")), found)
        assert type(told) is CommandNotFound
        assert str(told) == f'exec: "{name}": {why}'

    @pytest.mark.parametrize(
        ("number", "why"),
        [
            (errno.EACCES, "permission denied"),
            (errno.EISDIR, "permission denied"),
            (errno.EPERM, "operation not permitted"),
            (errno.ENOEXEC, "exec format error"),
        ],
    )
    @pytest.mark.parametrize(
        "op", [FindProgram("/etc", "/bin"), Execute(("x",), (), 0, 0)], ids=["find", "execute"]
    )
    def test_that_cannot_be_executed(self, op: Operation, number: int, why: str) -> None:
        told = error(plan(op), failed(errno=number, call=b"execve", path=b"/etc"))
        assert type(told) is CommandNotExecutable
        assert str(told) == f'exec: "/etc": {why}'

    def test_whose_interpreter_is_not_there(self) -> None:
        found = failed(errno=errno.ENOENT, call=b"execve", path=b"/script")
        told = error(plan(Execute(("script",), (), 0, 0)), found)
        assert type(told) is CommandNotFound
        assert str(told) == 'exec: "/script": stat /script: no such file or directory'

    def test_that_fails_otherwise(self) -> None:
        found = failed(errno=errno.E2BIG, call=b"execve", path=b"/bin/sh")
        told = error(plan(Execute(("sh",), (), 0, 0)), found)
        assert type(told) is LaunchError
        assert str(told) == 'exec: "/bin/sh": execve /bin/sh: argument list too long'

    def test_that_died_before(self) -> None:
        told = error(plan(Execute(("sh",), (), 0, 0)), failed(call=b"", detail=137))
        assert type(told) is LaunchError
        assert str(told) == 'exec: "sh": the new process was ended by signal 9'
