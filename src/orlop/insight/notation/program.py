"""The program: where it is, waiting for its start, and its execution (launch/start.c, home.c)."""

from __future__ import annotations

from orlop.insight.notation.syntax import Call, Calls, aside, call, descriptor, quoted, strings
from orlop.launch.plan import (
    IF_PERMITTED,
    AwaitStart,
    ChangeDirectory,
    Execute,
    FindHome,
    FindProgram,
    NextPart,
    Slot,
    UseProgram,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.notation.scene import Notations, Scene


def _change_directory(op: ChangeDirectory, s: Scene) -> Calls:
    again, s.moved = s.moved, True
    if again:
        note = "if it was refused before"
    else:
        note = "may be refused" if op.flags & IF_PERMITTED else ""
    return (
        call("chdir", quoted(op.path), note=note, always=not again),
        aside("getcwd", always=not note),
    )


def _find_program(op: FindProgram, s: Scene) -> Calls:
    s.program = op.name if "/" in op.name else f"$PATH/{op.name}"
    note = "" if "/" in op.name else f"PATH is {op.search}"
    return (
        aside("stat", quoted(s.program), note=note),
        call("faccessat2", "AT_FDCWD", quoted(s.program), "X_OK", "AT_EACCESS", note=note),
    )


def _use_program(op: UseProgram, s: Scene) -> Calls:
    s.image = s.slot(op.program)
    return (call("fcntl", s.image, "F_DUPFD_CLOEXEC", "3"),)


def _find_home(op: FindHome, _: Scene) -> Calls:
    file = descriptor("/etc/passwd")
    opening = "O_RDONLY|O_NOCTTY|O_NONBLOCK|O_CLOEXEC"
    return (
        call("open", '"/etc/passwd"', opening, result=file, note=f"HOME of user {op.uid}"),
        aside("fstat", file, always=False),
        aside("read", file, always=False),
    )


def _await_start(op: AwaitStart, s: Scene) -> Calls:
    before = () if s.filtered else (aside("prctl", "PR_SET_PDEATHSIG", "0"),)
    return (*before, call("accept4", s.slot(op.listener), "NULL", "NULL", "SOCK_CLOEXEC"))


def _execute(op: Execute, s: Scene) -> Calls:
    copies = tuple(
        aside("dup2", s.slot(Slot(op.first + number)), str(3 + number))
        for number in range(op.preserve)
    )
    program = s.program or op.argv[0]
    variables = f"[/* {len(op.env)} variables */]"
    alive = () if s.filtered else (aside("prctl", "PR_SET_PDEATHSIG", "0"),)
    return (
        *copies,
        aside("close_range", str(3 + op.preserve), "~0U", "CLOSE_RANGE_CLOEXEC"),
        *alive,
        _execution(s, quoted(program), strings(op.argv), variables),
    )


def _execution(s: Scene, program: str, argv: str, variables: str) -> Call:
    if s.image:
        return call("execveat", s.image, '""', argv, variables, "AT_EMPTY_PATH")
    return call("execve", program, argv, variables)


def _next_part(_op: NextPart, _: Scene) -> Calls:
    return (call("recvmsg", descriptor("control socket"), note="the next part of the plan"),)


CALLS: Notations = {
    ChangeDirectory: _change_directory,
    FindProgram: _find_program,
    UseProgram: _use_program,
    FindHome: _find_home,
    AwaitStart: _await_start,
    Execute: _execute,
    NextPart: _next_part,
}
