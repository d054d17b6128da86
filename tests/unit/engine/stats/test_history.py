"""Rates come from readings that are far enough apart; the past is kept in a ring."""

from __future__ import annotations

from orlop.engine.container import RUNNING, Container, ResolvedImage, State
from orlop.engine.stats.history import POINTS, History
from orlop.engine.stats.sample import CpuReading, StatsSample, at_start
from orlop.intent.request import Request
from orlop.kernel.cgroup.stats import CpuStats, MemoryEntry, MemoryStats, PidsStats, Stats

SECOND = 10**9


def reading(at_s: float, used_s: float = 0.0, cpus: int = 2) -> CpuReading:
    at_ns = int(at_s * SECOND)
    return CpuReading(at_ns, CpuStats(total=int(used_s * SECOND)), cpus * at_ns, cpus)


def sample(at_s: float, memory: int = 0) -> StatsSample:
    usage = Stats(memory=MemoryStats(usage=MemoryEntry(usage=memory)), pids=PidsStats(3))
    return StatsSample("c", "web", now=reading(at_s, at_s / 2), usage=usage)


def test_the_newest_reading_that_is_old_enough_is_compared_with() -> None:
    history = History()
    for at_s in (1, 2, 3, 3.8):
        history.note(reading(at_s))
    assert history.before(reading(4)) == reading(3)
    assert history.before(reading(1.2)) is None


def test_readings_that_are_close_to_the_last_one_are_not_kept() -> None:
    history = History()
    for at_s in (1, 1.1, 1.2, 1.3, 1.4, 1.45):
        history.note(reading(at_s))
    assert history.before(reading(1.6)) == reading(1)


def test_percent_is_of_one_cpu() -> None:
    now, before = reading(3, used_s=3), reading(1, used_s=0)
    assert StatsSample("c", "web", now=now, before=before).cpu_percent == 150.0
    assert StatsSample("c", "web", now=now).cpu_percent == 0.0
    assert StatsSample("c", "web", now=before, before=now).cpu_percent == 0.0


def test_a_young_container_is_compared_with_its_start() -> None:
    state = State(status=RUNNING, started_ns=8 * SECOND)
    container = Container("c", "web", 0, Request(), ResolvedImage("host", ""), state=state)
    now = reading(10, used_s=2)
    before = at_start(container, now)
    assert StatsSample("c", "web", now=now, before=before).cpu_percent == 100.0


def test_memory_is_without_what_can_be_dropped() -> None:
    def used(usage: int, **raw: int) -> int:
        memory = MemoryStats(usage=MemoryEntry(usage=usage), raw=raw)
        return StatsSample("c", "web", usage=Stats(memory=memory)).memory_used_bytes

    assert used(100, inactive_file=30) == 70
    assert used(100, inactive_file=10, total_inactive_file=40) == 60
    assert used(100, inactive_file=120) == 100


def test_the_past_is_kept_in_order_and_bounded() -> None:
    history = History()
    for second in range(1, POINTS + 11):
        history.add(sample(second, memory=second))
    points = history.points()
    assert len(points) == POINTS
    assert [point.memory_bytes for point in points] == list(range(11, POINTS + 11))
    assert points[0].at_ns == 11 * SECOND
    assert points[0].pids == 3
