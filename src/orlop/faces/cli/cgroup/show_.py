"""orlop cgroup show"""

from __future__ import annotations

from orlop.faces.cli import JSON
from orlop.faces.cli.screen import DIM, Cell
from orlop.insight.byhand.cgroups import names, show
from orlop.insight.quantities import quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.insight.byhand.cgroups import Shown
    from orlop.insight.limits import Limit, Seat
    from orlop.options import Values

USAGE = "[--json] [NAME|TARGET]"
WORDS = (0, 1)
ANYWHERE = True
OPTIONS = (JSON,)
EXAMPLE = """\
orlop cgroup show          # all names
orlop cgroup show box
orlop cgroup show docker:db"""

_HEAD = ("LIMIT", "IN FORCE", "USED", "AT MOST", "HIT", "FILE")


def run(values: Values, screen: Screen) -> int:
    """Shows the limits that are in force, those of the cgroups above too, and what is used."""
    if not values.words:
        if screen.as_json:
            screen.json(list(names()))
        for name in () if screen.as_json else names():
            screen.line(name)
        return 0
    shown = show(values.words[0])
    if screen.as_json:
        screen.json(_document(shown))
    else:
        _show(shown, screen)
    return 0


def _show(shown: Shown, screen: Screen) -> None:
    found = shown.cgroups
    if found.limits:
        screen.table([_line(limit) for limit in found.limits], head=_HEAD)
    else:
        screen.line("no limit is in force")
    for subset in found.subsets:
        screen.line(f"{subset.kind}: {subset.allowed}")
    memory, cpu = found.stats.memory, found.stats.cpu
    screen.line(
        f"memory in use {_amount(memory.usage.usage, 'bytes')}, "
        f"OOM kills {memory.oom_kills}; CPU time {cpu.total / 1e9:.3f} s, "
        f"throttled {cpu.throttled_time / 1e9:.3f} s"
    )
    screen.line(f"processes: {' '.join(map(str, shown.processes)) or 'none'}")
    screen.title("where it is")
    screen.table([_place(seat) for seat in found.seats], indent=2)


def _place(seat: Seat) -> tuple[str, str]:
    where = seat.own or Cell(f"{seat.membership.path} (not mounted here)", DIM)
    return _hierarchy(seat), where


def _hierarchy(seat: Seat) -> str:
    member = seat.membership
    return "v2" if member.v2 else ",".join(member.controllers) or f"name={member.name}"


def _line(limit: Limit) -> tuple[str, ...]:
    reading = limit.tightest
    where = f"{limit.directory}/{reading.file}" if limit.directory else "above what is mounted here"
    return (
        reading.kind,
        _amount(reading.limit, reading.unit),
        _amount(reading.usage, reading.unit),
        _amount(reading.peak, reading.unit),
        "-" if reading.hits is None else str(reading.hits),
        where,
    )


def _amount(number: float | None, unit: str) -> str:
    return "-" if number is None else quantity(number, unit)


def _document(shown: Shown) -> dict[str, object]:
    found = shown.cgroups
    return {
        "name": shown.name,
        "processes": list(shown.processes),
        "limits": [
            {
                "kind": limit.tightest.kind,
                "unit": limit.tightest.unit,
                "limit": limit.tightest.limit,
                "usage": limit.tightest.usage,
                "peak": limit.tightest.peak,
                "hits": limit.tightest.hits,
                "file": limit.tightest.file,
                "directory": limit.directory or None,
                "above": limit.above,
            }
            for limit in found.limits
        ],
        "subsets": [{"kind": subset.kind, "allowed": subset.allowed} for subset in found.subsets],
        "usage": {
            "memoryBytes": found.stats.memory.usage.usage,
            "memoryPeakBytes": found.stats.memory.usage.max_usage or None,
            "oomKills": found.stats.memory.oom_kills,
            "cpuNanoseconds": found.stats.cpu.total,
            "throttledNanoseconds": found.stats.cpu.throttled_time,
            "tasks": found.stats.pids.current,
        },
        "directories": {_hierarchy(seat): seat.own or None for seat in found.seats},
    }
