"""Control groups: where the target is, which limits are in force, what it has used of them.

What was asked becomes the texts of control files, by the same code that a start uses, and those
are read as if they were a cgroup's: so both sides are compared as limits, and not as texts.
"""

from __future__ import annotations

import os
import posixpath

from orlop.errors import OrlopError
from orlop.insight.proof.devices import device_row
from orlop.insight.proof.rows import (
    MISMATCH,
    Row,
    Section,
    compared,
    unreadable,
)
from orlop.insight.quantities import percent, plural, quantity, seconds
from orlop.kernel.cgroup import control
from orlop.kernel.cgroup.facts import HostFacts
from orlop.kernel.cgroup.limits import BYTES, Reading, readings_in
from orlop.kernel.cgroup.resources import Resources
from orlop.kernel.cgroup.settings import settings
from orlop.records import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orlop.insight.limits import Cgroups, Limit, Seat, Subset
    from orlop.insight.proof.facts import Facts
    from orlop.insight.targets import Target
    from orlop.kernel.cgroup.settings import Place
    from orlop.kernel.cgroup.stats import Pressure
    from orlop.runtime.spec import Spec

NAME = "control groups"


def section(facts: Facts, asked: Spec | None, target: Target) -> Section:
    """Paths, limits, other settings, devices, and what happened so far."""
    cgroups = facts.cgroups
    if cgroups is None:
        return Section(NAME, ())
    rows = [*_paths(cgroups, asked, target), *_hidden(cgroups)]
    wanted = _wanted(cgroups, asked)
    rows += _limits(cgroups, wanted, known=asked is not None)
    rows += _others(facts.control_files, cgroups, wanted)
    rows += wanted.impossible
    rows += (_subset(subset) for subset in cgroups.subsets)
    rows += device_row(facts.devices, asked, target.engine)
    rows += _events(cgroups)
    return Section(NAME, tuple(rows))


def read_control_files(cgroups: Cgroups | None, asked: Spec | None) -> dict[str, str]:
    """By host path, what is in the control files about which something was asked.

    Raises:
        SyscallError: one is there, but cannot be read.
    """
    if cgroups is None:
        return {}
    return {path: control.read_or(path, "") for path in _wanted(cgroups, asked).lines}


# --- where it is ----------------------------------------------------------------------------


def name_of(asked: Spec | None, target: Target) -> str:
    """The name of the directory of the target's own cgroup; "" if nobody has said one."""
    if asked is None:
        return ""
    path = asked.linux.cgroups_path or target.id
    slice_, colon, scope = path.partition(":")
    if colon and "/" not in slice_:
        return f"{scope.replace(':', '-')}.scope"  # systemd's form, SLICE:PREFIX:NAME
    return posixpath.basename(path.rstrip("/"))


def _paths(cgroups: Cgroups, asked: Spec | None, target: Target) -> Iterator[Row]:
    """One row for each path, with the hierarchies in which it is that."""
    by_path: dict[str, list[str]] = {}
    for seat in cgroups.seats:
        by_path.setdefault(seat.membership.path, []).append(_hierarchy(seat))
    wanted = name_of(asked, target)
    for path, hierarchies in by_path.items():
        what = "path" if len(by_path) == 1 else f"path of {', '.join(hierarchies)}"
        if asked is None:
            yield Row(what, path)
        else:
            shown = asked.linux.cgroups_path or wanted
            yield compared(what, path, shown, same=wanted in path.split("/"))


def _hierarchy(seat: Seat) -> str:
    member = seat.membership
    return "cgroup v2" if member.v2 else member.name or ",".join(member.controllers)


def _hidden(cgroups: Cgroups) -> Iterator[Row]:
    """Limits can be set where this process cannot look."""
    nowhere = [_hierarchy(seat) for seat in cgroups.seats if not seat.own]
    if nowhere:
        yield unreadable(f"limits of {', '.join(nowhere)}", "not mounted where orlop runs")
    if any(seat.own and not seat.complete for seat in cgroups.seats):
        yield unreadable("limits above what is mounted", "needs the host's own cgroup namespace")


# --- limits ---------------------------------------------------------------------------------


class _AsCreated:
    """`Files` of a cgroup of this place in the moment in which it is made."""

    def __init__(self, place: Place) -> None:
        self._files = HostFacts().files(place)

    def has(self, name: str) -> bool | None:
        return self._files.has(name)

    def read(self, name: str) -> str:
        return ""


class _Wanted:
    """What was asked, as texts of control files: for each path, the lines that were written."""

    def __init__(self, places: tuple[Place, ...], resources: Resources | None) -> None:
        self.lines: dict[str, list[str]] = {}
        self.impossible: list[Row] = []
        for field in fields(Resources) if resources is not None else ():
            value = getattr(resources, field)
            if value and field != "devices":
                self._add(places, Resources().replace(**{field: value}))
        by_directory: dict[str, dict[str, str]] = {}
        for path, lines in self.lines.items():
            directory, file = posixpath.split(path)
            by_directory.setdefault(directory, {})[file] = "\n".join(lines)
        self.readings = tuple(r for texts in by_directory.values() for r in readings_in(texts))

    def _add(self, places: tuple[Place, ...], resources: Resources) -> None:
        try:
            for setting in settings(places, resources, _AsCreated):
                self.lines.setdefault(setting.path, []).append(setting.value)
        except OrlopError as error:  # the host cannot do it, so it is not in force
            self.impossible.append(Row(_subject(resources), "none", error.message, MISMATCH))

    def limit(self, kind: str) -> Reading | None:
        return next((reading for reading in self.readings if reading.kind == kind), None)


def _wanted(cgroups: Cgroups, asked: Spec | None) -> _Wanted:
    return _Wanted(cgroups.places, None if asked is None else asked.linux.resources)


def _subject(resources: Resources) -> str:
    field = next(name for name in fields(Resources) if getattr(resources, name))
    return f"linux.resources, {field}"


def _limits(cgroups: Cgroups, wanted: _Wanted, *, known: bool) -> Iterator[Row]:
    for reading in cgroups.readings:
        limit, asked = cgroups.limit(reading.kind), wanted.limit(reading.kind)
        if asked is not None:
            same = _same(reading, asked)
            yield compared(
                reading.kind, _in_force(reading, limit), _number(asked), same=same, note=_use(limit)
            )
        elif limit is not None:
            own = reading.limit is not None and known
            note = "; ".join(filter(None, (_use(limit), "nobody asked for it" if own else "")))
            yield Row(reading.kind, _in_force(reading, limit), note=note)
    own_kinds = {reading.kind for reading in cgroups.readings}
    for limit in cgroups.limits:
        if limit.tightest.kind not in own_kinds:
            yield Row(limit.tightest.kind, _in_force(None, limit), note=_use(limit))
    for asked in wanted.readings:
        if asked.kind not in own_kinds and asked.limit is not None:
            yield compared(asked.kind, "no limit", _number(asked), same=False)


def _same(found: Reading, asked: Reading) -> bool:
    if found.limit is None or asked.limit is None:
        return found.limit is asked.limit
    if found.unit != BYTES:
        return abs(found.limit - asked.limit) < 1e-6 * max(asked.limit, 1)
    return 0 <= asked.limit - found.limit < _granule(found)


def _granule(reading: Reading) -> int:
    """The kernel rounds down to whole pages, or whole huge pages."""
    for unit, size in (("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)):
        number, found, _ = reading.file.removeprefix("hugetlb.").partition(unit)
        if found and reading.file.startswith("hugetlb."):
            return int(number) * size
    return os.sysconf("SC_PAGE_SIZE")


def _number(reading: Reading) -> str:
    return "no limit" if reading.limit is None else quantity(reading.limit, reading.unit)


def _in_force(own: Reading | None, limit: Limit | None) -> str:
    """The container's own limit, and a smaller one above."""
    mine = "no limit" if own is None else _number(own)
    if limit is None or not limit.above:
        return mine
    where = limit.directory or "above all that can be seen from here"
    return f"{mine}; {_number(limit.tightest)} in force, set at {where}"


def _use(limit: Limit | None) -> str:
    """What is used of the limit where it is set."""
    if limit is None or limit.tightest.limit is None:
        return ""
    reading, words = limit.tightest, []
    if reading.usage is not None:
        share = percent(reading.usage, reading.limit)
        used = quantity(reading.usage, reading.unit)
        words.append(f"{used} in use ({share})" if share else f"{used} in use")
    if reading.peak is not None:
        words.append(f"peak {quantity(reading.peak, reading.unit)}")
    if reading.hits is not None:
        words.append(f"hit {plural(reading.hits, 'time')}" if reading.hits else "never hit")
    return ", ".join(words)


# --- what is no limit -----------------------------------------------------------------------

_CPUSETS = ("cpuset.cpus", "cpuset.mems")
_OOM_CONTROL = "memory.oom_control"


def _others(files: Mapping[str, str], cgroups: Cgroups, wanted: _Wanted) -> Iterator[Row]:
    """Control files that were written, and that no limit has been made of."""
    of_limits = {reading.file for reading in wanted.readings} | {"cpu.cfs_period_us"}
    for path, lines in wanted.lines.items():
        file = posixpath.basename(path)
        if file in of_limits and any(reading.file == file for reading in cgroups.readings):
            continue
        text = files.get(path, "").strip()
        observed = text if "\n" not in text else text.replace("\n", ", ")
        same = all(_has(file, text, line) for line in lines)
        yield compared(file, observed or "none", ", ".join(lines), same=same)


def _has(file: str, text: str, line: str) -> bool:
    """Whether a control file has what was written into it, in its own form."""
    if file in _CPUSETS:
        return _numbers(text) == _numbers(line)
    if file == _OOM_CONTROL:
        return f"oom_kill_disable {line}" in text.splitlines()
    if text.isdecimal() and line.isdecimal():
        return 0 <= int(line) - int(text) < os.sysconf("SC_PAGE_SIZE")
    words = line.split()
    if len(words) > 1:  # "8:0 100"
        return any(
            each.split()[0] == words[0] and set(words) <= set(each.split())
            for each in text.splitlines()
        )
    return text in (line, f"default {line}")


def _numbers(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _subset(subset: Subset) -> Row:
    where = f", set at {subset.directory}" if subset.above else ""
    free = "" if subset.directory else " (all that there are)"
    return Row(f"{subset.kind} in force", f"{subset.allowed}{where}{free}")


# --- what happened --------------------------------------------------------------------------


def _events(cgroups: Cgroups) -> Iterator[Row]:
    stats = cgroups.stats
    yield Row("CPU time used", seconds(stats.cpu.total))
    if stats.cpu.periods:
        share = percent(stats.cpu.throttled_periods, stats.cpu.periods)
        shown = f"{stats.cpu.throttled_periods} of {stats.cpu.periods} periods ({share})"
        yield Row("throttled", f"{shown}, {seconds(stats.cpu.throttled_time)}")
    yield Row("memory used", quantity(stats.memory.usage.usage, BYTES))
    yield Row("processes killed for memory (OOM)", str(stats.memory.oom_kills))
    for what, pressure in (
        ("CPU", stats.cpu.pressure),
        ("memory", stats.memory.pressure),
        ("I/O", stats.block_io.pressure),
    ):
        if pressure is not None:
            yield Row(f"{what} pressure", _pressure(pressure))
    if cgroups.frozen:
        yield Row("frozen", "yes: none of its processes runs")


def _pressure(pressure: Pressure) -> str:
    some, full = pressure.some, pressure.full
    return f"some wait {some.avg10} % of 10 s, {some.avg60} % of 60 s; all {full.avg10} % of 10 s"
