"""What strace(1) sees of a launcher, and what of a notation is in it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orlop.insight.notation import notate
from orlop.insight.notation.syntax import Call
from orlop.launch.plan import Operation, Plan, SendSeccompListener
from orlop.launch.wire import op_name

# What one libc calls with a directory and another one without.
_ALSO = {"open": "openat", "mkdir": "mkdirat", "dup2": "dup3", "stat": "newfstatat"}
# What Debian's strace has no name for, or does not look into.
_UNDECODED = (
    r"RTM_\w+|IFLA_\w+|IFF_UP|IFA_LOCAL|AF_INET6?|NETLINK_ROUTE|BPF_PROG_TYPE_CGROUP_DEVICE|_.*"
    r"|IOPRIO_PRIO_VALUE|MOUNT_ATTR__ATIME|SECCOMP_FILTER_FLAG_\w+|MPOL_F_\w+|PER_LINUX32|SCM_RIGHTS"
)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"(?!\.\.\.)')
_SYMBOL = re.compile(r"\b(?!HELPER)[A-Z][A-Z0-9_]{4,}\b")
_NUMBER = re.compile(r'"(?:PID|HELPER|self)(?=["/])|/N"')  # a number takes its place
_OTHERS = re.compile(r"~\[[^]]*\]")
_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)")


@dataclass(frozen=True)
class Line:
    """One system call that was made, in the order in which they began."""

    pid: int
    name: str
    text: str


@contextmanager
def strace(output: Path) -> Iterator[None]:
    """Afterwards the file has all system calls of this process and of those that it starts."""
    words = ["strace", "-f", "-y", "-s", "4096", "-o", str(output), "-p", str(os.getpid())]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        try:
            yield
        finally:
            tracer.terminate()
            tracer.communicate()


def of_launcher(output: Path) -> list[Line]:
    """The calls of the launcher and of what it has started."""
    lines: list[Line] = []
    unfinished: dict[int, int] = {}
    others: set[int] = set()
    began = False
    for pid, name, text, resumed in _rows(output):
        if name == "execve" and "orlop-launch" in text:
            began, others = True, others - {pid}
        if not began:
            others.add(pid)
        elif resumed and pid in unfinished:
            at = unfinished.pop(pid)
            lines[at] = Line(pid, name, lines[at].text + text)
        elif pid not in others and not resumed:
            unfinished[pid] = len(lines)
            lines.append(Line(pid, name, text))
    return lines


def _rows(output: Path) -> Iterator[tuple[int, str, str, bool]]:
    for row in output.read_text(errors="surrogateescape").splitlines():
        found = _LINE.match(row)
        if found:
            pid, resumed, name, text = found.groups()
            yield int(pid), resumed or name, text, bool(resumed)


def is_seen(call: Call, line: Line) -> bool:
    """Whether the line is of this call, with all its strings and symbols."""
    if line.name not in (call.name, _ALSO.get(call.name)):
        return False
    arguments = _OTHERS.sub("", ", ".join(call.arguments))
    symbols = _SYMBOL.findall(_STRING.sub("", arguments))
    strings = [
        _NUMBER.sub("", string) for string in _STRING.findall(arguments) if "$PATH" not in string
    ]
    known = [symbol for symbol in symbols if not re.fullmatch(_UNDECODED, symbol)]
    if call.name == "sendto":  # its strings are in the bytes
        strings = []
    if call.name == "ioctl":  # what else there is depends on the request
        known = known[:1]
    return all(word in line.text for word in (*known, *strings))


@dataclass
class Comparison:
    """A plan's notation beside what was seen.

    Attributes:
        missing: calls that are always made and were not seen in their place.
        seen: operation and call, of those that were.
        unseen: those that depend on what is found, and were not seen.
    """

    missing: list[str]
    seen: set[tuple[type[Operation], str]]
    unseen: set[tuple[type[Operation], str]]


def compare(plan: Plan, lines: Sequence[Line]) -> Comparison:
    """Looks for the calls of each operation, in order."""
    result = Comparison([], set(), set())
    at = previous = 0
    for step, calls in zip(plan.steps, notate(plan), strict=True):
        kind = type(step.op)
        # The listener's step begins while the container's process still loads the filter.
        at, previous = (previous if kind is SendSeccompListener else at), at
        for call in calls:
            found = next((n for n in range(at, len(lines)) if is_seen(call, lines[n])), None)
            if found is None:
                result.unseen.add((kind, call.name))
                if call.always:
                    result.missing.append(f"{op_name(kind)}: {call.text}")
                continue
            result.seen.add((kind, call.name))
            if call.always:
                at = found + 1
    return result
