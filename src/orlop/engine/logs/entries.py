"""The lines of log files: JSON objects, one a line, with `log`, `stream` and `time`.

A line that the container has written and that was longer than the log takes (16 KiB) is in several
entries; only the last of them has the line feed.

See: Docker's json-file logging driver.
"""

from __future__ import annotations

import calendar
import functools
import struct
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import msgspec

from orlop.engine.logs.query import STDERR, STDOUT, LogLine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.engine.logs.query import LogQuery

_STREAMS = {"stdout": STDOUT, "stderr": STDERR}
_FRAME = struct.Struct(">BxxxL")
_TIME_LENGTH = len("2026-01-31T12:00:00.000000000Z")


class Entry(msgspec.Struct, gc=False):
    """One line of a log file; `time` has nine digits behind the point, and Z.

    `attrs` are the container's own, the same in all of its lines.
    """

    log: str = ""
    stream: str = ""
    time: str = ""
    attrs: dict[str, str] | None = None


_DECODER = msgspec.json.Decoder(Entry)


def parse(block: bytes) -> list[Entry]:
    """The entries of complete lines. What is none, as after a crash of the machine, is left out."""
    try:
        entries = _DECODER.decode_lines(block)
    except (msgspec.DecodeError, UnicodeDecodeError):
        entries = [entry for line in block.splitlines() for entry in _parse_line(line)]
    for entry in entries:
        if len(entry.time) != _TIME_LENGTH:
            entry.time = fixed_time(entry.time)
    return entries


def _parse_line(line: bytes) -> Iterable[Entry]:
    try:
        yield _DECODER.decode(line.decode("utf-8", "replace"))
    except msgspec.DecodeError:
        return


def fixed_time(text: str) -> str:
    """A time as Docker writes it, with or without trailing zeros, in full length."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<9.9}Z"


def to_text(at_ns: int) -> str:
    """A time (ns since 1970) as entries have it, so that texts compare as times do."""
    seconds, fraction = divmod(max(0, at_ns), 10**9)
    return f"{_second(min(seconds, 253402300799))}.{fraction:09d}Z"


@functools.lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def to_ns(text: str) -> int:
    """The time of an entry in ns since 1970; 0 if it is none."""
    try:
        return _seconds(text[:19]) * 10**9 + int(text[20:29])
    except ValueError:
        return 0


@functools.lru_cache(maxsize=8)
def _seconds(text: str) -> int:
    date, _, clock = text.partition("T")
    year, month, day = map(int, date.split("-"))
    hour, minute, second = map(int, clock.split(":"))
    return calendar.timegm((year, month, day, hour, minute, second))


class Wanted:
    """Which entries a query is for.

    Attributes:
        is_over: an entry was seen that is later than all that are wanted.
    """

    is_over = False

    def __init__(self, query: LogQuery) -> None:
        self.since = to_text(query.since_ns) if query.since_ns else ""
        self.until = to_text(query.until_ns) if query.until_ns else ""
        streams = (("stdout", query.stdout), ("stderr", query.stderr))
        self.streams = frozenset(name for name, wanted in streams if wanted)
        self._all = not self.since and not self.until and len(self.streams) == len(_STREAMS)

    def among(self, entries: list[Entry]) -> list[Entry]:
        """Those of the entries that are wanted; they are the next ones of the log."""
        if self._all:
            return entries
        self.is_over = bool(self.until and entries) and entries[-1].time > self.until
        return [entry for entry in entries if self.has(entry)]

    def has(self, entry: Entry) -> bool:
        """Whether this one is."""
        if entry.stream not in self.streams or entry.time < self.since:
            return False
        return not self.until or entry.time <= self.until


class Lines:
    """Entries as lines."""

    def of(self, entries: list[Entry]) -> list[LogLine]:
        """A line for each."""
        return [
            LogLine(_STREAMS.get(e.stream, STDOUT), to_ns(e.time), e.log.encode()) for e in entries
        ]


class Frames:
    """Entries as a client gets them: bytes, one piece for many entries.

    Args:
        timestamps: every line begins with its time and a space.
        details: every line begins with its attributes and a space, behind the time.
        framed: every entry is one of Docker's frames.
    """

    def __init__(self, *, timestamps: bool, framed: bool, details: bool = False) -> None:
        self._timestamps = timestamps
        self._details = details
        self._framed = framed
        self._within: set[str] = set()  # streams whose last entry had no line feed

    def of(self, entries: list[Entry]) -> list[bytes]:
        """One piece, or none."""
        if not entries:
            return []
        is_plain = not (self._timestamps or self._details)
        texts = (e.log for e in entries) if is_plain else map(self._introduced, entries)
        if not self._framed:
            return ["".join(texts).encode()]
        parts: list[bytes] = []
        for entry, text in zip(entries, texts, strict=True):
            data = text.encode()
            parts.append(_FRAME.pack(_STREAMS.get(entry.stream, STDOUT), len(data)))
            parts.append(data)
        return [b"".join(parts)]

    def _introduced(self, entry: Entry) -> str:
        """Its text behind what was asked for, unless it goes on with a line that has it already."""
        continues = entry.stream in self._within
        if entry.log.endswith("\n"):
            self._within.discard(entry.stream)
        else:
            self._within.add(entry.stream)
        return entry.log if continues else f"{self._introduction(entry)}{entry.log}"

    def _introduction(self, entry: Entry) -> str:
        time = f"{entry.time} " if self._timestamps else ""
        return f"{time}{in_one_word(entry.attrs or {})} " if self._details else time


def in_one_word(attributes: dict[str, str]) -> str:
    """Attributes as `logs --details` has them: `name=value,...` by name, escaped as in a URL."""
    return ",".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in sorted(attributes.items()))
