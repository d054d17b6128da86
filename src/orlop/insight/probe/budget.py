"""Which limits can be tried without harm to the target and the machine, and how hard.

The probe's control groups stand beside the target's and have the same limits. So what it uses up is
its own, but for what stands above both: if a limit there might be reached, nothing is tried.
"""

from __future__ import annotations

from orlop.kernel.cgroup.limits import readings
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.insight.limits import Cgroups
    from orlop.kernel.cgroup.limits import Reading

_MIB = 1 << 20
_MOST_BYTES = 1 << 30
_MOST_TASKS = 4096
_BYTES_OF_TASK = 64 << 10  # with its stacks, the kernel's too
_SPARE_TASKS = 4096
_PERIODS, _MOST_US = 8, 2_000_000  # as in probe/limits.c; how long it may take


class Line(Record):
    """One kind of limit: what the target's own control group says, and those above it."""

    own: Reading | None = None
    above: tuple[Reading, ...] = ()

    @property
    def limit(self) -> int | None:
        """The target's own limit as a whole number."""
        return None if self.own is None or self.own.limit is None else int(self.own.limit)

    def has_room(self, for_more: int) -> bool:
        """Whether all those above have so much left."""
        return all(
            reading.limit is None or (reading.usage or 0) + for_more <= reading.limit
            for reading in self.above
        )


class Room(Record):
    """What the machine, and the target's rlimits, leave.

    Attributes:
        memory: bytes that are available.
        swap: bytes of swap that the machine has.
        cpus: how many the target may use.
        period_us: of the quota of CPU time.
        processes: RLIMIT_NPROC of the target.
    """

    memory: int
    swap: int
    cpus: int
    period_us: int
    processes: int


class Limits(Record):
    """The three limits that are tried."""

    memory: Line = Line()
    memory_and_swap: Line = Line()
    swap: Line = Line()
    tasks: Line = Line()
    cpu: Line = Line()


class Trial(Record):
    """How one attempt is made.

    Attributes:
        settings: for `orlop-probe`; empty if it is not made.
        why_not: the reason then.
    """

    settings: tuple[str, ...] = ()
    why_not: str = ""


def read_limits(cgroups: Cgroups) -> Limits:
    """The limits of a target's control groups, and of those above."""
    own: dict[str, Reading] = {}
    above: dict[str, list[Reading]] = {}
    for seat in cgroups.seats:
        if not seat.own:
            continue
        own.update(_by_kind(readings(seat.own)))
        for directory in seat.line[seat.line.index(seat.own) + 1 :]:
            for reading in readings(directory):
                above.setdefault(reading.kind, []).append(reading)
    return Limits(
        *(
            Line(own.get(kind), tuple(above.get(kind, ())))
            for kind in ("memory", "memory and swap", "swap", "tasks", "CPU time")
        )
    )


def _by_kind(found: Iterable[Reading]) -> dict[str, Reading]:
    return {reading.kind: reading for reading in found}


def trials(limits: Limits, room: Room) -> dict[str, Trial]:
    """How the limits are tried, by attempt."""
    return {
        "exceed_cpu": _cpu(limits, room),
        "exceed_tasks": _tasks(limits, room),
        "exceed_memory": _memory(limits, room),
    }


def _memory(limits: Limits, room: Room) -> Trial:
    limit = limits.memory.limit
    if limit is None:
        return Trial(why_not="its control group has no limit of memory")
    everything = _with_swap(limits, limit, room)
    if everything is None:
        return Trial(why_not="memory may be swapped out without limit")
    needed = everything + max(limit // 8, 16 * _MIB)
    if needed > min(_MOST_BYTES, room.memory // 2):
        return Trial(why_not=f"{needed // _MIB} MiB is more than may be taken from the machine")
    if not limits.memory.has_room(needed):
        return Trial(why_not="the control groups above it have less left than that")
    return Trial((f"memory={needed}",))


def _with_swap(limits: Limits, limit: int, room: Room) -> int | None:
    """How much memory can be had at most, with what is swapped out; None: there is no limit."""
    if not room.swap:
        return limit
    if limits.memory_and_swap.limit is not None:
        return limits.memory_and_swap.limit
    return None if limits.swap.limit is None else limit + limits.swap.limit


def _tasks(limits: Limits, room: Room) -> Trial:
    limit = limits.tasks.limit
    if limit is None:
        return Trial(why_not="its control group has no limit of tasks")
    if limit > _MOST_TASKS:
        return Trial(why_not=f"{limit} tasks are more than the machine should be asked for")
    if not limits.tasks.has_room(limit + 1):
        return Trial(why_not="the control groups above it have less left than that")
    if room.processes < limit + _SPARE_TASKS:
        return Trial(why_not="RLIMIT_NPROC counts the target's own tasks too")
    memory = limits.memory.limit
    if memory is not None and (limit + 1) * _BYTES_OF_TASK > memory // 2:
        return Trial(why_not="so many tasks might need more memory than the limit")
    return Trial((f"tasks={limit + 1}",))


def _cpu(limits: Limits, room: Room) -> Trial:
    quota = None if limits.cpu.own is None else limits.cpu.own.limit
    if quota is None:
        return Trial(why_not="its control group has no quota of CPU time")
    if quota >= room.cpus:
        return Trial(why_not="the quota is as much as there are CPUs")
    if any(reading.limit is not None for reading in limits.cpu.above):
        return Trial(why_not="a quota above its control group is the target's too")
    if room.period_us * _PERIODS > _MOST_US:
        return Trial(why_not="the period of the quota is too long to wait for")
    return Trial((f"cpu={round(quota * 1000)}", f"cpu-period={room.period_us}"))
