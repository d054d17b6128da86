"""What containers have used: the last readings of each, in little memory."""

from __future__ import annotations

import collections
from array import array
from typing import TYPE_CHECKING

from orlop.records import Record

if TYPE_CHECKING:
    from orlop.engine.stats.sample import CpuReading, StatsSample

POINTS = 360
"""How many points of a container's past are kept: an hour, at one in ten seconds."""
APART_NS = 500_000_000
"""CPU times closer together than this give no good rate: they are counted by the tick."""
_READINGS = 4
_COLUMNS = 4


class UsagePoint(Record):
    """A container at one moment of the past.

    Attributes:
        at_ns: when, in ns since 1970.
        cpu_ns: CPU time since it was started.
        memory_bytes: without what the kernel can drop at once.
        pids: processes and threads.
    """

    at_ns: int
    cpu_ns: int
    memory_bytes: int
    pids: int


class History:
    """The past of one run of a container."""

    def __init__(self) -> None:
        self._readings: collections.deque[CpuReading] = collections.deque(maxlen=_READINGS)
        self._points = array("Q")  # a ring of rows
        self._next = 0

    def before(self, now: CpuReading) -> CpuReading | None:
        """The newest reading that is old enough to give a rate."""
        for reading in reversed(self._readings):
            if now.at_ns - reading.at_ns >= APART_NS:
                return reading
        return None

    def note(self, now: CpuReading) -> None:
        """Keeps a reading, unless there is one of about the same time."""
        if not self._readings or now.at_ns - self._readings[-1].at_ns >= APART_NS:
            self._readings.append(now)

    def add(self, sample: StatsSample) -> None:
        """Keeps a point; the oldest makes place for it."""
        self.note(sample.now)
        used = sample.memory_used_bytes
        row = array("Q", (sample.now.at_ns, sample.now.cpu.total, used, sample.usage.pids.current))
        if len(self._points) < POINTS * _COLUMNS:
            self._points.extend(row)
            return
        self._points[self._next * _COLUMNS : (self._next + 1) * _COLUMNS] = row
        self._next = (self._next + 1) % POINTS

    def points(self) -> tuple[UsagePoint, ...]:
        """What is kept, the oldest first."""
        rows = [
            UsagePoint(*self._points[at : at + _COLUMNS])
            for at in range(0, len(self._points), _COLUMNS)
        ]
        return (*rows[self._next :], *rows[: self._next])
