"""Which limits are tried, and how hard: never so that the target or the machine could feel it."""

from __future__ import annotations

import pytest

from orlop.insight.limits import cgroups_of
from orlop.insight.probe.budget import Limits, Line, Room, read_limits, trials
from orlop.kernel.cgroup.detect import Membership
from orlop.kernel.cgroup.limits import Reading

MIB = 1 << 20
GIB = 1 << 30
ROOM = Room(memory=8 * GIB, swap=0, cpus=2, period_us=100_000, processes=(1 << 64) - 1)


def line(limit: float | None, *above: tuple[float | None, int]) -> Line:
    own = Reading("kind", "", limit, "file")
    return Line(own, tuple(Reading("kind", "", most, "file", used) for most, used in above))


def tried(name: str, room: Room = ROOM, **limits: Line) -> tuple[str, ...]:
    return trials(Limits(**limits), room)[name].settings


def refused(name: str, room: Room = ROOM, **limits: Line) -> str:
    trial = trials(Limits(**limits), room)[name]
    assert not trial.settings
    return trial.why_not


@pytest.mark.parametrize("name", ["exceed_cpu", "exceed_tasks", "exceed_memory"])
def test_without_a_limit_nothing_is_tried(name: str) -> None:
    assert refused(name).startswith("its control group has no ")
    assert refused(name, memory=line(None), tasks=line(None), cpu=line(None))


class TestMemory:
    def test_more_than_the_limit(self) -> None:
        assert tried("exceed_memory", memory=line(64 * MIB)) == (f"memory={80 * MIB}",)
        assert tried("exceed_memory", memory=line(512 * MIB)) == (f"memory={576 * MIB}",)

    def test_what_can_be_swapped_out_comes_on_top(self) -> None:
        swapping = ROOM.replace(swap=GIB)
        limit = line(64 * MIB)
        v1 = tried("exceed_memory", swapping, memory=limit, memory_and_swap=line(100 * MIB))
        v2 = tried("exceed_memory", swapping, memory=limit, swap=line(36 * MIB))
        assert v1 == v2 == (f"memory={116 * MIB}",)
        assert "swapped out" in refused("exceed_memory", swapping, memory=limit)

    def test_not_more_than_the_machine_can_spare(self) -> None:
        assert "more than" in refused("exceed_memory", memory=line(2 * GIB))
        scarce = ROOM.replace(memory=150 * MIB)
        assert "more than" in refused("exceed_memory", scarce, memory=line(64 * MIB))

    def test_not_if_it_could_come_from_the_targets_share(self) -> None:
        above = (100 * MIB, 30 * MIB)
        assert "above" in refused("exceed_memory", memory=line(64 * MIB, above))
        assert tried("exceed_memory", memory=line(64 * MIB, (100 * MIB, 10 * MIB), (None, 5 * GIB)))


class TestTasks:
    def test_one_more_than_the_limit(self) -> None:
        assert tried("exceed_tasks", tasks=line(40)) == ("tasks=41",)

    def test_not_too_many(self) -> None:
        assert "4097" in refused("exceed_tasks", tasks=line(4097))

    def test_not_if_they_could_come_from_the_targets_share(self) -> None:
        assert "above" in refused("exceed_tasks", tasks=line(40, (100, 60)))
        assert tried("exceed_tasks", tasks=line(40, (100, 59)))
        limited = ROOM.replace(processes=1000)
        assert "RLIMIT_NPROC" in refused("exceed_tasks", limited, tasks=line(40))

    def test_not_if_memory_would_run_out_first(self) -> None:
        assert "memory" in refused("exceed_tasks", tasks=line(1000), memory=line(64 * MIB))
        assert tried("exceed_tasks", tasks=line(400), memory=line(64 * MIB))


class TestCpu:
    def test_quota_and_period(self) -> None:
        settings = ("cpu=500", "cpu-period=100000")
        assert tried("exceed_cpu", cpu=line(0.5)) == settings

    def test_not_if_it_cannot_be_exceeded(self) -> None:
        assert "CPUs" in refused("exceed_cpu", cpu=line(2.0))
        assert "CPUs" in refused("exceed_cpu", ROOM.replace(cpus=1), cpu=line(1.0))

    def test_not_if_it_could_come_from_the_targets_share(self) -> None:
        assert "above" in refused("exceed_cpu", cpu=line(0.5, (1.0, 0)))

    def test_not_if_it_would_take_long(self) -> None:
        assert "long" in refused("exceed_cpu", ROOM.replace(period_us=1_000_000), cpu=line(0.5))


def test_limits_are_read_from_the_target_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    mount = tmp_path_factory.mktemp("pids")
    own = mount / "slice/box"
    own.mkdir(parents=True)
    (mount / "cgroup.sane_behavior").write_text("0\n")
    for directory, most, used in ((own, "40", "3"), (own.parent, "100", "7")):
        (directory / "pids.max").write_text(most)
        (directory / "pids.current").write_text(used)
    found = read_limits(
        cgroups_of([Membership("/slice/box", ("pids",), v2=False, name="", mount=str(mount))])
    )
    assert found.tasks.limit == 40
    assert [(r.limit, r.usage) for r in found.tasks.above] == [(100, 7)]
    assert found.memory == Line()
