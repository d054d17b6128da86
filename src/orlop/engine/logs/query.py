"""What can be asked of a log, and what it answers."""

from __future__ import annotations

from orlop.records import Record

STDOUT, STDERR = 1, 2


class LogQuery(Record):
    """Which lines somebody wants.

    Attributes:
        stdout: those of the standard output.
        stderr: those of the standard error output.
        since_ns: not before this time, in ns since 1970.
        until_ns: not after it; 0 for no end.
        tail: only so many at the end; None for all.
        follow: go on until the container ends.
    """

    stdout: bool = True
    stderr: bool = True
    since_ns: int = 0
    until_ns: int = 0
    tail: int | None = None
    follow: bool = False


class LogLine(Record):
    """A line, or a part of one that was too long for the log.

    Attributes:
        stream: STDOUT or STDERR, which are Docker's numbers in frames too.
        at_ns: when it was written, in ns since 1970.
        data: with its line feed; without one for a part that others follow, or that was the last.
    """

    stream: int
    at_ns: int
    data: bytes
