"""When each operation of a start was performed: an explanation beside the launcher's report.

Times are nanoseconds of CLOCK_MONOTONIC since the launcher's `main` began. What was before (an
interpreter, reading, planning) is not in them, and neither is what the program does.
"""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.insight.explain import Explanation, Line
    from orlop.launch.report import Report


class Timed(Record):
    """One operation with its time.

    Attributes:
        line: the operation.
        group: what it is about.
        began_ns: when it began.
        took_ns: how long it took; None if it did not come to its end.
    """

    line: Line
    group: str
    began_ns: int
    took_ns: int | None

    @property
    def duration_ns(self) -> int:
        """How long it took, 0 if that is not known."""
        return self.took_ns or 0


class Timing(Record):
    """A start with its times.

    Attributes:
        operations: those that were performed, in order.
        total_ns: from the launcher's beginning to the program's, or to the last that was done.
        running: whether it came to the program.
        missing: how many operations were not performed.
    """

    operations: tuple[Timed, ...]
    total_ns: int
    running: bool
    missing: int

    def slowest(self, count: int) -> tuple[Timed, ...]:
        """The operations that took longest, the slowest first."""
        return tuple(sorted(self.operations, key=lambda timed: -timed.duration_ns)[:count])

    @property
    def between_ns(self) -> int:
        """The part of the total in which no operation was performed.

        A clone ends in one process while the next operation has begun in the other.
        """
        idle, until = 0, 0
        for timed in self.operations:
            idle += max(0, timed.began_ns - until)
            until = max(until, timed.began_ns + timed.duration_ns)
        return idle + max(0, self.total_ns - until)

    def by_group(self) -> dict[str, int]:
        """What the operations of each group took, in order of their first one."""
        return _sums((timed.group, timed.duration_ns) for timed in self.operations)

    def by_side(self) -> dict[str, int]:
        """What the operations of each process took."""
        return _sums((timed.line.side, timed.duration_ns) for timed in self.operations)


def _sums(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for name, number in pairs:
        sums[name] = sums.get(name, 0) + number
    return sums


def timing(explanation: Explanation, report: Report) -> Timing:
    """The times of a start, whether it has come to its end or not."""
    began = report.began_ns
    operations = []
    last = began
    lines = ((group.name, line) for group in explanation.groups for line in group.lines)
    for (group, line), (before, after) in zip(lines, report.times_ns, strict=True):
        if before:
            ended = after and line.index != report.failed_op
            operations.append(Timed(line, group, before - began, after - before if ended else None))
            last = max(last, before, after)
    running = bool(report.running_ns) and report.failed_op is None
    total = report.running_ns if running else last
    missing = len(report.times_ns) - len(operations)
    return Timing(tuple(operations), total - began, running, missing)


def trace_events(timing: Timing) -> dict[str, object]:
    """The times in the trace event format, one thread for each process of the start.

    For chrome://tracing and Perfetto.

    See: the "Trace Event Format" document of the Chromium project.
    """
    sides = list(dict.fromkeys(timed.line.side for timed in timing.operations))
    events: list[dict[str, object]] = [
        {"ph": "M", "pid": 1, "name": "process_name", "args": {"name": "orlop trace"}}
    ]
    for number, side in enumerate(sides):
        events += _thread(number, side)
    for timed in timing.operations:
        events.append(_event(timed, sides.index(timed.line.side)))
    return {"displayTimeUnit": "ms", "traceEvents": events}


def _thread(number: int, side: str) -> list[dict[str, object]]:
    place = {"ph": "M", "pid": 1, "tid": number}
    return [
        {**place, "name": "thread_name", "args": {"name": side}},
        {**place, "name": "thread_sort_index", "args": {"sort_index": number}},
    ]


def _event(timed: Timed, thread: int) -> dict[str, object]:
    return {
        "ph": "X",
        "pid": 1,
        "tid": thread,
        "name": timed.line.operation,
        "cat": timed.group,
        "ts": timed.began_ns / 1000,
        "dur": timed.duration_ns / 1000,
        "args": {"notation": timed.line.notation, "reason": timed.line.reason},
    }
