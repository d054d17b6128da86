"""Where to begin to read, without reading everything before.

The last N lines are counted backwards from the end; a time is searched for by halving.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.engine.logs.entries import Entry, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.engine.logs.entries import Wanted
    from orlop.engine.logs.files import Opened

_BLOCK = 1 << 18
_NEAR = 1 << 16  # bytes that are simply read


def find_beginning(files: list[Opened], wanted: Wanted, tail: int | None) -> tuple[int, int]:
    """The index of a file and an offset from where on all that is wanted is found.

    Args:
        files: of the log, the oldest first; at least one.
        wanted: which entries count.
        tail: how many lines at the end; None for all.
    """
    if tail is None:
        return _by_time(files, wanted.since)
    return _by_count(files, wanted, tail)


def _by_count(files: list[Opened], wanted: Wanted, tail: int) -> tuple[int, int]:
    if tail <= 0:
        return len(files) - 1, files[-1].size
    lines, begun = 0, set[str]()
    for index in reversed(range(len(files))):
        for entry, end in _backwards(files[index]):
            if entry.time < wanted.since:
                return index, end
            if not wanted.has(entry):
                continue
            # The end of a line, or a last line that has none yet.
            if entry.log.endswith("\n") or entry.stream not in begun:
                begun.add(entry.stream)
                if lines == tail:
                    return index, end
                lines += 1
    return 0, 0


def _backwards(file: Opened) -> Iterator[tuple[Entry, int]]:
    """The entries of a file, the last first, each with the offset behind it."""
    at, rest = _end_of_lines(file), b""
    while at > 0:
        first = max(0, at - _BLOCK)
        data = os.pread(file.fd, at - first, first) + rest
        # Up to the first line feed it belongs to an entry that begins before, except at the top.
        cut = 0 if first == 0 else data.find(b"\n") + 1
        rest = data[:cut] if first else b""
        yield from _entries_backwards(data[cut:], first + cut)
        at = first


def _entries_backwards(block: bytes, offset: int) -> Iterator[tuple[Entry, int]]:
    lines = block.splitlines(keepends=True)
    end = offset + len(block)
    entries = parse(block)
    if len(entries) == len(lines):
        for line, entry in zip(reversed(lines), reversed(entries), strict=True):
            yield entry, end
            end -= len(line)
        return
    for line in reversed(lines):
        for entry in parse(line):
            yield entry, end
        end -= len(line)


def _end_of_lines(file: Opened) -> int:
    """The offset behind the last complete line."""
    at = file.size
    while at > 0:
        first = max(0, at - _NEAR)
        found = os.pread(file.fd, at - first, first).rfind(b"\n")
        if found >= 0:
            return first + found + 1
        at = first
    return 0


def _by_time(files: list[Opened], since: str) -> tuple[int, int]:
    if not since:
        return 0, 0
    for index in reversed(range(len(files))):
        first = _entry_after(files[index], 0)
        if first is not None and first[0].time < since:
            return index, _halved(files[index], since)
    return 0, 0


def _halved(file: Opened, since: str) -> int:
    """An offset, at the beginning of an entry, little before the first entry since that time."""
    low, high = 0, file.size  # what begins at or before low is earlier
    while high - low > _NEAR:
        middle = (low + high) // 2
        found = _entry_after(file, middle)
        if found is None or found[0].time >= since:
            high = middle
        else:
            low = max(found[1], low + 1)
    return low


def _entry_after(file: Opened, offset: int) -> tuple[Entry, int] | None:
    """The first entry that begins at or behind the offset, and where; None if there is none."""
    at, data = max(0, offset - 1), b""
    while part := os.pread(file.fd, _NEAR, at + len(data)):
        data += part
        begin = 0 if offset == 0 else data.find(b"\n") + 1
        end = data.find(b"\n", begin) + 1
        if (begin or offset == 0) and end:
            entries = parse(data[begin:end])
            return (entries[0], at + begin) if entries else None
    return None
