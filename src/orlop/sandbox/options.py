"""What can be chosen for a sandbox and for a run in it: as callers write it, and as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict, TypeVar

from orlop.errors import InvalidArgument
from orlop.intent.units import size
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orlop.sandbox.streams import HasFileno

    Input = bytes | str | int | HasFileno | None
    Output = Callable[[bytes], object] | int | HasFileno | None
    Size = int | str

Network = Literal["none", "host"]
Refusal = Literal["errno", "kill"]

NOBODY = 65534
WORK = "/work"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENV = (f"PATH={PATH}", f"HOME={WORK}", "LANG=C.UTF-8")


class BoxOptions(TypedDict, total=False):
    """What a box is. Sizes are bytes, or texts as "256m".

    Attributes:
        memory: of all processes and all files that they write, together. 256m.
        cpus: how many CPUs may be busy. 1.
        pids: processes and threads, with the box's own first process. 64.
        disk: the size of the writable layer, which is in memory. 64m.
        network: "none", or "host" for the host's own. "none".
        root: "host" for this machine's own programs, or the directory of a root file system, which
            is not changed. "host".
        user: user and group id of the programs, which have no capabilities. "65534:65534".
        on_refused: what a forbidden system call gets: "errno", or "kill". "errno".
        hostname: the name of the machine that programs see. "sandbox".
        env: variables besides PATH, HOME and LANG; nothing of the caller's own is passed on.
        cwd: where programs start. "/work".
        timeout_s: wall-clock time of each run; None is no limit, here and below. 10.
        cpu_time_s: CPU time of each run, of all its processes together. None.
        output: bytes that a run may write to stdout and stderr together. 1m.
    """

    memory: Size
    cpus: float
    pids: int
    disk: Size
    network: Network
    root: str
    user: str
    on_refused: Refusal
    hostname: str
    env: Mapping[str, str]
    cwd: str
    timeout_s: float | None
    cpu_time_s: float | None
    output: Size | None


class RunOptions(TypedDict, total=False):
    """What is special about a run; what is not said is as the box has it.

    Attributes:
        stdin: what it reads: bytes, a text, or an open file or descriptor. Nothing.
        stdout: where its output goes: an open file or descriptor (then nobody counts it), or a
            function that is called with each piece. By default it is in the result.
        stderr: as well.
        env: variables besides those of the box.
        cwd: where it starts.
        timeout_s, cpu_time_s, output: its limits.
        keep_background: processes that it leaves behind go on in the box, and are not killed.
    """

    stdin: Input
    stdout: Output
    stderr: Output
    env: Mapping[str, str]
    cwd: str
    timeout_s: float | None
    cpu_time_s: float | None
    output: Size | None
    keep_background: bool


class Environment(Record):
    """What is set when a box starts, and is the same for every run in it; see `BoxOptions`."""

    memory_bytes: int = 256 << 20
    cpus: float = 1.0
    pids: int = 64
    disk_bytes: int = 64 << 20
    network: Network = "none"
    root: str = "host"
    uid: int = NOBODY
    gid: int = NOBODY
    on_refused: Refusal = "errno"
    hostname: str = "sandbox"


class RunLimits(Record):
    """What one run may use; see `BoxOptions`. None is no limit."""

    timeout_s: float | None = 10.0
    cpu_time_s: float | None = None
    output_bytes: int | None = 1 << 20


class Habits(Record):
    """What a run in a box is like unless it is told otherwise; `env` has entries NAME=VALUE."""

    limits: RunLimits = RunLimits()
    env: tuple[str, ...] = ENV
    cwd: str = WORK


class Job(Record):
    """One program to run.

    Attributes:
        args: the program and its arguments; the program is looked for along PATH.
        env: NAME=VALUE.
        cwd: a directory in the box.
        limits: see there.
        keep_background: see `RunOptions`.
    """

    args: tuple[str, ...]
    env: tuple[str, ...]
    cwd: str
    limits: RunLimits
    keep_background: bool = False


_LEAST_MEMORY = 4 << 20
_LEAST_DISK = 1 << 16
_LEAST_PIDS = 2  # the box's first process, and a program
_LAST_ID = 0xFFFFFFFE


def environment_of(options: BoxOptions) -> Environment:
    """The environment that these options ask for.

    Raises:
        InvalidArgument: a value makes no sense, or there is no such option.
    """
    _check_names(options, BoxOptions)
    usual = Environment()
    uid, gid = _parse_user(options.get("user", f"{NOBODY}:{NOBODY}"))
    memory = parse_size("memory", options.get("memory", usual.memory_bytes))
    disk = parse_size("disk", options.get("disk", usual.disk_bytes))
    return Environment(
        memory_bytes=_at_least("memory", memory, _LEAST_MEMORY),
        cpus=_positive("cpus", options.get("cpus", usual.cpus)),
        pids=_at_least("pids", options.get("pids", usual.pids), _LEAST_PIDS),
        disk_bytes=_at_least("disk", disk, _LEAST_DISK),
        network=_one_of("network", options.get("network", usual.network), ("none", "host")),
        root=options.get("root", usual.root),
        uid=uid,
        gid=gid,
        on_refused=_one_of(
            "on_refused", options.get("on_refused", usual.on_refused), ("errno", "kill")
        ),
        hostname=options.get("hostname", usual.hostname),
    )


def habits_of(options: BoxOptions) -> Habits:
    """What runs are like in a box with these options.

    Raises:
        InvalidArgument: a value makes no sense.
    """
    return Habits(
        limits=_limits(RunLimits(), options),
        env=_env(ENV, options.get("env", {})),
        cwd=options.get("cwd", WORK),
    )


def job_of(habits: Habits, args: tuple[str, ...], options: RunOptions) -> Job:
    """A job with these options.

    Raises:
        InvalidArgument: a value makes no sense, or there is no such option.
    """
    _check_names(options, RunOptions)
    return Job(
        args=args,
        env=_env(habits.env, options.get("env", {})),
        cwd=options.get("cwd", habits.cwd),
        limits=_limits(habits.limits, options),
        keep_background=options.get("keep_background", False),
    )


def parse_size(what: str, given: Size) -> int:
    """A number of bytes, given as one or as a text ("64m", "1.5g").

    Raises:
        InvalidArgument: it is neither, or not positive.
    """
    try:
        found = size(str(given))
    except InvalidArgument as error:
        raise InvalidArgument(f"{what} {given!r} {error.message}") from None
    if found <= 0:
        raise InvalidArgument(f"{what} {given!r} is not positive")
    return found


def _limits(usual: RunLimits, options: BoxOptions | RunOptions) -> RunLimits:
    timeout_s = options.get("timeout_s", usual.timeout_s)
    cpu_time_s = options.get("cpu_time_s", usual.cpu_time_s)
    output = options.get("output", usual.output_bytes)
    return RunLimits(
        timeout_s=None if timeout_s is None else _positive("timeout_s", timeout_s),
        cpu_time_s=None if cpu_time_s is None else _positive("cpu_time_s", cpu_time_s),
        output_bytes=None if output is None else parse_size("output", output),
    )


def _env(base: tuple[str, ...], changes: Mapping[str, str]) -> tuple[str, ...]:
    if not changes:
        return base
    values = dict(entry.split("=", 1) for entry in base)
    for name, value in changes.items():
        if not name or "=" in name or "\0" in name + value:
            raise InvalidArgument(f"{name!r} cannot be an environment variable with {value!r}")
        values[name] = value
    return tuple(f"{name}={value}" for name, value in values.items())


def _check_names(options: BoxOptions | RunOptions, known: type) -> None:
    for name in options:
        if name not in known.__annotations__:
            raise InvalidArgument(f"there is no option {name!r}")


def _parse_user(user: str) -> tuple[int, int]:
    uid, colon, gid = user.partition(":")
    numbers = []
    for word in (uid, gid if colon else uid):
        if not (word.isascii() and word.isdecimal()) or int(word) > _LAST_ID:
            raise InvalidArgument(f"user {user!r} is not UID[:GID] in numbers")
        numbers.append(int(word))
    return numbers[0], numbers[1]


def _positive(what: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise InvalidArgument(f"{what} {value!r} is not a positive number")
    return value


def _at_least(what: str, value: int, least: int) -> int:
    if value < least:
        raise InvalidArgument(f"{what} {value} is too little: at least {least}")
    return value


_Word = TypeVar("_Word", bound=str)


def _one_of(what: str, value: _Word, known: tuple[str, ...]) -> _Word:
    if value not in known:
        raise InvalidArgument(f"{what} {value!r} is not one of {', '.join(known)}")
    return value
