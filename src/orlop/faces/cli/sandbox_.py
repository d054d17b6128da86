"""orlop sandbox: a command that nobody trusts, with hard limits."""

from __future__ import annotations

import os
import sys

from orlop.errors import InvalidArgument
from orlop.faces.cli import JSON
from orlop.faces.cli.exit_codes import NOT_STARTED
from orlop.faces.cli.screen import GREEN, RED, Cell, Screen
from orlop.options import FLAG, LIST, NUMBER, TEXT, Option
from orlop.records import fields, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.options import Values
    from orlop.sandbox import BoxOptions, Result, Usage

USAGE = "[OPTIONS] [--] COMMAND [ARGUMENTS]"
WORDS = (1, 100_000)
OPTIONS: tuple[Option, ...] = (
    Option(("--memory", "-m"), TEXT, "memory of all processes and their files (256m)", "SIZE"),
    Option(("--cpus",), TEXT, "how many CPUs may be busy (1)", "NUMBER"),
    Option(("--pids",), NUMBER, "processes and threads (64)", "NUMBER"),
    Option(("--timeout",), TEXT, "seconds that it may take (10); 0 for no limit", "SECONDS"),
    Option(("--cpu-time",), TEXT, "seconds of CPU time that it may use", "SECONDS"),
    Option(("--output",), TEXT, "bytes that it may write to stdout and stderr", "SIZE"),
    Option(("--disk",), TEXT, "size of the writable layer, in memory (64m)", "SIZE"),
    Option(("--network",), TEXT, "none (the default), or host", "NETWORK"),
    Option(("--root",), TEXT, "directory of a root file system instead of this machine's", "DIR"),
    Option(("--user", "-u"), TEXT, "user and group id (65534:65534)", "UID[:GID]"),
    Option(("--env", "-e"), LIST, "a variable; nothing of yours is passed on", "NAME=VALUE"),
    Option(("--workdir", "-w"), TEXT, "where it starts (/work)", "PATH"),
    Option(("--on-refused",), TEXT, "what a forbidden system call gets: errno, or kill", "ACTION"),
    Option(("--usage",), FLAG, "show the verdict and what was used, on stderr"),
    JSON.replace(help="show everything, with what it wrote, as JSON on stdout"),
)
EXAMPLE = """\
orlop sandbox --timeout 2 -- python3 -c 'print(6 * 7)'
orlop sandbox --memory 64m --usage -- sort <words"""
FAILED = NOT_STARTED

_TEXTS = {
    "memory": "memory",
    "disk": "disk",
    "network": "network",
    "root": "root",
    "user": "user",
    "workdir": "cwd",
    "on-refused": "on_refused",
    "output": "output",
}


def run(given: Values, screen: Screen) -> int:
    """Runs the command; the exit status is its own, 128 + n after signal n."""
    from orlop.sandbox.sync import Sandbox

    with Sandbox(**box_options(given)) as box:
        if screen.as_json:
            result = box.run(given.words, stdin=0)
            screen.json(document(result))
            return _status(result)
        counted = given.given("output")
        out, err = (_writer(fd) if counted else fd for fd in (1, 2))
        result = box.run(given.words, stdin=0, stdout=out, stderr=err)
    report(result, Screen(sys.stderr), usage=given.flag("usage"))
    return _status(result)


def _status(result: Result) -> int:
    """The program's own, but never 0 if it has met a limit."""
    return result.status or int(not result.ok)


def box_options(given: Values) -> BoxOptions:
    """The options of a sandbox.

    Raises:
        InvalidArgument: a number is none, or a variable has no name.
    """
    options: BoxOptions = {}
    for name, key in _TEXTS.items():
        if given.given(name):
            options[key] = given.text(name)  # type: ignore[literal-required]
    if given.given("cpus"):
        options["cpus"] = _number(given, "cpus")
    pids = given.number("pids")
    if pids is not None:
        options["pids"] = pids
    if given.given("timeout"):
        options["timeout_s"] = _number(given, "timeout") or None
    if given.given("cpu-time"):
        options["cpu_time_s"] = _number(given, "cpu-time")
    options["env"] = dict(map(_variable, given.list("env")))
    return options


def _number(given: Values, name: str) -> float:
    try:
        return float(given.text(name))
    except ValueError:
        raise InvalidArgument(f"--{name} {given.text(name)!r} is not a number") from None


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidArgument(f"--env {text!r} is not NAME=VALUE")
    return name, value


def _writer(fd: int) -> Callable[[bytes], object]:
    def write(data: bytes) -> None:
        while data:
            data = data[os.write(fd, data) :]

    return write


def report(result: Result, screen: Screen, *, usage: bool) -> None:
    """The verdict, if there is more to say than the exit status does; with `usage`, all of it."""
    from orlop.sandbox.result import Verdict

    plain = result.verdict in (Verdict.OK, Verdict.NONZERO, Verdict.SIGNAL)
    if usage:
        tone = GREEN if result.ok else RED
        rows = [("verdict", Cell(result.verdict, tone)), ("status", str(result.status))]
        screen.table([*rows, *_rows(result.usage)])
    elif not plain:
        screen.line(f"orlop: sandbox: {result.verdict}")


def _rows(usage: Usage) -> list[tuple[str, str]]:
    table = zip(fields(usage), values(usage), strict=True)
    return [(_LABELS[name][0], _LABELS[name][1](value)) for name, value in table]


def _milliseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:.1f} ms"


def _kibibytes(count: int) -> str:
    return f"{count / 1024:.0f} KiB"


_LABELS: dict[str, tuple[str, Callable[[int], str]]] = {
    "cpu_ns": ("CPU time", _milliseconds),
    "user_ns": ("  of it user", _milliseconds),
    "system_ns": ("  of it system", _milliseconds),
    "wall_ns": ("wall-clock time", _milliseconds),
    "memory_peak_bytes": ("most memory", _kibibytes),
    "disk_bytes": ("files", _kibibytes),
    "read_bytes": ("read from disks", _kibibytes),
    "written_bytes": ("written to disks", _kibibytes),
    "processes": ("processes", str),
    "oom_kills": ("killed for memory", str),
    "refused_forks": ("processes refused", str),
}


def document(result: Result) -> dict[str, object]:
    """The result as JSON has it: output as text, in which what is no UTF-8 is replaced."""
    return {
        "verdict": str(result.verdict),
        "status": result.status,
        "exit_code": result.exit_code,
        "signal": result.signal,
        "stdout": result.stdout.decode("utf-8", "replace"),
        "stderr": result.stderr.decode("utf-8", "replace"),
        "usage": dict(zip(fields(result.usage), values(result.usage), strict=True)),
    }
