"""What the launcher says about a start: shared memory that it fills, read with pread(2).

The layout is docs/launch-plan.md#report.
"""

from __future__ import annotations

import struct

from orlop.errors import CommandNotExecutable, CommandNotFound, LaunchError
from orlop.launch.plan import SIDE_NAMES, Execute, FindProgram, Plan, RunHook, Step
from orlop.launch.wire import op_name
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PREPARING, CREATED, RUNNING, FAILED, EXITED = range(5)

HEAD_SIZE = 1024
FAILURE_SIZE = 512
_OUTPUT = 584
_NO_OP = 0xFFFFFFFF
_SETUP = 0xFFFFFFFE
_HOOK_TIMED_OUT = 1000
_BY_SIGNAL = 128  # added to the signal's number, as shells do

_FAILURE = struct.Struct("<4s I I i I i I I 32s 448s")
_EXIT = struct.Struct("<i 4x QQQQ QQ")
_MEMORY = struct.Struct("<QQQQ")
_MEMORY_AT = 992
_NO_LIMIT = 1 << 62  # v1 has a number above that for none; all ones are "nobody says"
_TIMES = struct.Struct("<QQ")


class Exit(Record):
    """How the container's first process ended, and what it used."""

    status: int
    at_ns: int
    user_us: int
    system_us: int
    max_rss_kib: int


class Memory(Record):
    """What the container's control group has counted, of a supervised container that has ended."""

    oom_kills: int = 0
    limit_hits: int = 0
    peak: int | None = None
    limit: int | None = None


class Report(Record):
    """One reading of the report.

    Times are CLOCK_MONOTONIC in ns, 0 where something was not reached. `failed_op` is the index
    of the operation that failed, None if none did, and `len(plan.steps)` or above for a failure
    of the launcher's own setup. `output` is the end of what a failed hook or helper has written.
    `cgroups_left` counts those that the launcher was to remove at its end, and could not.
    """

    phase: int
    pid: int
    failed_op: int | None
    errno: int
    detail: int
    call: str
    path: str
    output: str = ""
    exit: Exit | None = None
    memory: Memory = Memory()
    began_ns: int = 0
    running_ns: int = 0
    cgroups_left: int = 0
    times_ns: tuple[tuple[int, int], ...] = ()


def size(operations: int) -> int:
    """Bytes that the report of a plan of so many operations takes."""
    return HEAD_SIZE + _TIMES.size * operations


def parse_failure(data: bytes) -> Report:
    """The first part of a report, which also travels over a start connection."""
    _, _, phase, pid, failed, errno, detail, left, call, path = _FAILURE.unpack_from(data)
    return Report(
        phase,
        pid,
        None if failed == _NO_OP else failed,
        errno,
        detail,
        call.split(b"\0", 1)[0].decode("utf-8", "replace"),
        path.split(b"\0", 1)[0].decode("utf-8", "surrogateescape"),
        cgroups_left=left,
    )


def parse(data: bytes) -> Report:
    """A whole report."""
    status, at, user, system, rss, began, running = _EXIT.unpack_from(data, FAILURE_SIZE)
    head = parse_failure(data)
    return head.replace(
        output=data[_OUTPUT:_MEMORY_AT].split(b"\0", 1)[0].decode("utf-8", "replace").strip(),
        exit=Exit(status, at, user, system, rss) if head.phase == EXITED else None,
        memory=_memory(data),
        began_ns=began,
        running_ns=running,
        times_ns=tuple(_TIMES.iter_unpack(data[HEAD_SIZE:])),
    )


def _memory(data: bytes) -> Memory:
    found = (n if n < _NO_LIMIT else 0 for n in _MEMORY.unpack_from(data, _MEMORY_AT))
    kills, hits, peak, limit = found
    return Memory(kills, hits, peak or None, limit or None)


def error(plan: Plan, report: Report) -> LaunchError:
    """The failure of a report as the exception to raise.

    A report without a failure is that of a launcher that was killed: it names what was being done.
    """
    index = _last_begun(report) if report.failed_op is None else report.failed_op
    if index >= len(plan.steps):
        return LaunchError(
            f"cannot start the launcher: {_what_failed(report)}",
            op="setup",
            op_index=index,
            errno=report.errno,
            path=report.path,
        )
    step = plan.steps[index]
    place: dict[str, Any] = {
        "op": op_name(type(step.op)),
        "op_index": index,
        "errno": report.errno,
        "path": report.path,
    }
    if isinstance(step.op, FindProgram | Execute):
        return _program_error(step, report, place)
    if isinstance(step.op, RunHook) and report.call:
        said = f": {report.output}" if report.output else ""
        message = f"hook {step.op.path} {_hook_end(report)}{said} [{step.reason}]"
        return LaunchError(message, **place)
    because = f" [{step.reason}]" if step.reason else ""
    action = op_name(type(step.op)).replace("_", " ")
    return LaunchError(
        f"cannot {action} in the {SIDE_NAMES[step.side]}: {_what_failed(report)}{because}",
        hint=_hint(step, report),
        **place,
    )


def _last_begun(report: Report) -> int:
    begun = [index for index, (before, _) in enumerate(report.times_ns) if before]
    return begun[-1] if begun else _SETUP


def _what_failed(report: Report) -> str:
    import os

    if report.failed_op is None:
        return "the launcher was killed"
    if not report.call:
        signal = report.detail - _BY_SIGNAL
        how = f"was ended by signal {signal}" if signal > 0 else "ended"
        return f"the new process {how}"
    subject = f"{report.call} {report.path}" if report.path else report.call
    return f"{subject}: {os.strerror(report.errno).lower()}" if report.errno else subject


def _hook_end(report: Report) -> str:
    if report.detail == _HOOK_TIMED_OUT:
        return "ran longer than its timeout and was killed"
    if report.detail > _BY_SIGNAL:
        return f"was ended by signal {report.detail - _BY_SIGNAL}"
    if report.detail:
        return f"ended with exit status {report.detail}"
    return f"could not be run: {_what_failed(report)}"


def _program_error(step: Step, report: Report, place: dict[str, Any]) -> LaunchError:
    """Errors about the program itself; docker and podman know them by runc's words."""
    import errno
    import os

    name = report.path
    if isinstance(step.op, FindProgram):
        name = step.op.name
    elif isinstance(step.op, Execute) and not name:
        name = step.op.argv[0]
    if report.errno in (errno.ENOENT, errno.ENOTDIR):
        if isinstance(step.op, FindProgram) and "/" not in name:
            why = "executable file not found in $PATH"
        else:
            why = f"stat {name}: no such file or directory"
        return CommandNotFound(f'exec: "{name}": {why}', **place)
    if report.errno in (errno.EACCES, errno.EPERM, errno.ENOEXEC, errno.EISDIR):
        why = os.strerror(errno.EACCES if report.errno == errno.EISDIR else report.errno).lower()
        return CommandNotExecutable(f'exec: "{name}": {why}', **place)
    return LaunchError(f'exec: "{name}": {_what_failed(report)}', **place)


def _hint(step: Step, report: Report) -> str:
    import errno

    name = op_name(type(step.op))
    if name == "set_rlimit" and report.errno == errno.EPERM:
        return "raising a hard limit needs CAP_SYS_RESOURCE on the host"
    if report.call == "ordinary directory":
        return "it must be mounted on an ordinary directory"
    return ""
