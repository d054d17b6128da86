"""The kernel's log, and what in it concerns containers: who was killed, which calls were refused.

See: Documentation/ABI/testing/dev-kmsg; mm/oom_kill.c (dump_oom_summary); audit's record type 1326.
"""

from __future__ import annotations

import os
import time

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_ENOUGH = 1 << 13
_MOST_LINES = 1 << 16

_OOM = (
    r"oom-kill:constraint=(?P<constraint>\w+),.*?task_memcg=(?P<group>[^,]*),"
    r"task=(?P<victim>.*),pid=(?P<pid>\d+),uid=\d+"
)
_KILLED = r"Killed process (?P<pid>\d+) \(.*\) .*?anon-rss:(?P<anonymous>\d+)kB"
_REFUSED = (
    r"type=1326 .*\bpid=(?P<pid>\d+) .*\bsig=(?P<signal>\d+) arch=(?P<arch>\w+)"
    r" syscall=(?P<call>\d+)"
)


class Line(Record):
    """One message; its time in ns since 1970 moves when the clock is set."""

    at_ns: int
    text: str


class OomKill(Record):
    """A process that the kernel killed for want of memory.

    Attributes:
        at_ns: when.
        group: its memory control group, as a path from the hierarchy's root.
        victim: its name.
        pid: its host PID.
        anonymous_bytes: memory that was its own, 0 if the log does not say.
        by_limit: it was a control group's limit; else the machine had no more memory.
    """

    at_ns: int
    group: str
    victim: str
    pid: int
    anonymous_bytes: int = 0
    by_limit: bool = True


class RefusedCall(Record):
    """A system call that a seccomp filter refused and logged; `signal` is 0 if it went on."""

    at_ns: int
    pid: int
    arch: int
    number: int
    signal: int


def read_lines() -> tuple[Line, ...] | None:
    """What the log has, the oldest first; None if this process may not read it."""
    boot_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    try:
        fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return tuple(_lines(fd, boot_ns))
    finally:
        os.close(fd)


def _lines(fd: int, boot_ns: int) -> Iterable[Line]:
    for _ in range(_MOST_LINES):
        try:
            record = os.read(fd, _ENOUGH)
        except BrokenPipeError:  # some were overwritten while we read
            continue
        except OSError:  # EAGAIN at the end
            return
        head, _, text = record.decode("utf-8", "replace").partition(";")
        fields = head.split(",")
        if len(fields) > 2 and fields[2].isdecimal():
            yield Line(boot_ns + int(fields[2]) * 1000, text.split("\n", 1)[0])


def oom_kills(lines: Iterable[Line]) -> tuple[OomKill, ...]:
    """The kills that the lines tell of."""
    import re

    found: list[OomKill] = []
    for line in lines:
        if told := re.search(_OOM, line.text):
            by_limit = told["constraint"] == "CONSTRAINT_MEMCG"
            pid = int(told["pid"])
            found.append(OomKill(line.at_ns, told["group"], told["victim"], pid, by_limit=by_limit))
        killed = re.search(_KILLED, line.text)
        if killed and found and int(killed["pid"]) == found[-1].pid:
            size = int(killed["anonymous"]) * 1024
            found[-1] = found[-1].replace(anonymous_bytes=size)
    return tuple(found)


def refused_calls(lines: Iterable[Line]) -> tuple[RefusedCall, ...]:
    """The system calls that the lines tell of."""
    import re

    matches = ((line, re.search(_REFUSED, line.text)) for line in lines)
    return tuple(
        RefusedCall(line.at_ns, int(m["pid"]), int(m["arch"], 16), int(m["call"]), int(m["signal"]))
        for line, m in matches
        if m
    )
