"""Times of a start, beside its explanation."""

from __future__ import annotations

from orlop.insight.timing import timing, trace_events
from orlop.launch.report import FAILED, RUNNING, Report
from tests.unit.insight.starts import start

BEGAN = 1_000_000
EXPLAINED = start()
COUNT = len(EXPLAINED.lines)


def report(*, done: int = COUNT, failed: int | None = None, running_ns: int = 0) -> Report:
    """A launch whose operations take 10 ns each, with 5 ns between them."""
    times = [(BEGAN + 15 * n + 5, BEGAN + 15 * n + 15) for n in range(done)]
    times += [(0, 0)] * (COUNT - done)
    phase = RUNNING if failed is None else FAILED
    return Report(
        phase, 7, failed, 0, 0, "", "", began_ns=BEGAN, running_ns=running_ns, times_ns=tuple(times)
    )


def test_times_count_from_the_launchers_start() -> None:
    found = timing(EXPLAINED, report(running_ns=BEGAN + 15 * COUNT + 100))
    assert found.running
    assert found.total_ns == 15 * COUNT + 100
    assert [(timed.began_ns, timed.took_ns) for timed in found.operations[:2]] == [
        (5, 10),
        (20, 10),
    ]
    assert [timed.line.index for timed in found.operations] == list(range(COUNT))
    assert found.between_ns == 5 * COUNT + 100
    assert found.missing == 0


def test_sums_of_groups_and_sides_are_all_that_was_done() -> None:
    found = timing(EXPLAINED, report(running_ns=BEGAN + 15 * COUNT))
    assert list(found.by_group())[:2] == ["cgroup", "mounts"]
    assert sum(found.by_group().values()) == sum(found.by_side().values()) == 10 * COUNT
    assert list(found.by_side()) == ["launcher", "container"]


def test_operations_may_overlap_where_a_process_becomes_two() -> None:
    times = ((BEGAN, BEGAN + 100), (BEGAN + 50, BEGAN + 120)) + ((0, 0),) * (COUNT - 2)
    made = report().replace(times_ns=times, running_ns=BEGAN + 150)
    assert timing(EXPLAINED, made).between_ns == 30


def test_a_start_that_failed_ends_with_what_failed() -> None:
    made = report(done=3, failed=2)
    found = timing(EXPLAINED, made)
    assert not found.running
    assert [timed.took_ns for timed in found.operations] == [10, 10, None]
    assert found.missing == COUNT - 3
    assert found.total_ns == 45


def test_a_program_that_could_not_be_executed_has_not_run() -> None:
    """The launcher notes the time before execve(2), which then fails."""
    found = timing(EXPLAINED, report(failed=COUNT - 1, running_ns=BEGAN + 15 * COUNT))
    assert not found.running
    assert found.operations[-1].took_ns is None


def test_the_slowest_come_first() -> None:
    times = list(report().times_ns)
    times[4] = (times[4][0], times[4][0] + 900)
    times[2] = (times[2][0], times[2][0] + 800)
    found = timing(EXPLAINED, report().replace(times_ns=tuple(times)))
    assert [timed.line.index for timed in found.slowest(2)] == [4, 2]


def test_trace_events_have_a_thread_for_each_side() -> None:
    document = trace_events(timing(EXPLAINED, report(running_ns=BEGAN + 15 * COUNT)))
    events = document["traceEvents"]
    assert isinstance(events, list)
    names = {
        event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"
    }
    assert names == {0: "launcher", 1: "container"}
    spans = [event for event in events if event["ph"] == "X"]
    assert len(spans) == COUNT
    first = spans[0]
    assert (first["ts"], first["dur"], first["cat"], first["tid"]) == (0.005, 0.01, "cgroup", 0)
    assert all(event["pid"] == 1 and event["dur"] >= 0 for event in spans)
    assert first["args"]["reason"]
