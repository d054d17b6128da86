"""What containers use, in a listing: CPU, memory, network, disk, processes."""

from __future__ import annotations

from orlop.faces.cli.output.text import short_id
from orlop.faces.cli.output.views import Column, View
from orlop.faces.sizes import binary, decimal
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from orlop.faces.cli.output.views import Shown

    Sample = Mapping[str, Any]

_SIZE_DIGITS = 3
_NOTHING = "--"
_CACHES = ("total_inactive_file", "inactive_file")  # of cgroup v1 and v2


class Usage(Record):
    """What one container uses.

    Attributes:
        asked: as somebody has named it.
        id: of it, "" if unknown.
        name: of it, "" if unknown.
        sample: as the API has it; None as long as there is none.
        before: an earlier one, None to take what the sample itself has.
    """

    asked: str
    id: str = ""
    name: str = ""
    sample: Sample | None = None
    before: Sample | None = None


def cpu_percent(usage: Usage) -> float:
    """The share of one CPU since the sample before: 200 for two CPUs at work."""
    sample = usage.sample or {}
    now = sample.get("cpu_stats") or {}
    then = (usage.before or {}).get("cpu_stats") or sample.get("precpu_stats") or {}
    used = _total(now) - _total(then)
    passed = (now.get("system_cpu_usage") or 0) - (then.get("system_cpu_usage") or 0)
    if used <= 0 or passed <= 0:
        return 0.0
    cpus: int = now.get("online_cpus") or len(
        (now.get("cpu_usage") or {}).get("percpu_usage") or ()
    )
    return used / passed * cpus * 100.0


def _total(cpu: Mapping[str, Any]) -> int:
    return int(_of_cpu(cpu, "total_usage") or 0)


def _of_cpu(cpu: Mapping[str, Any], name: str) -> Any:
    return (cpu.get("cpu_usage") or {}).get(name)


def memory(sample: Sample) -> tuple[int, int]:
    """Bytes that are used, without what the kernel can drop at once; and the limit."""
    found = sample.get("memory_stats") or {}
    used, details = found.get("usage") or 0, found.get("stats") or {}
    for name in _CACHES:
        if details.get(name, used) < used:
            return used - details[name], found.get("limit") or 0
    return used, found.get("limit") or 0


def _memory_percent(sample: Sample) -> float:
    used, limit = memory(sample)
    return used / limit * 100.0 if limit else 0.0


def _network(sample: Sample) -> str:
    interfaces = (sample.get("networks") or {}).values()
    sums = [sum(one.get(name) or 0 for one in interfaces) for name in ("rx_bytes", "tx_bytes")]
    return _pair(*sums)


def _rates(sample: Sample) -> str:
    """What each device is held to at most, received and sent; the least of several."""
    interfaces = (sample.get("networks") or {}).values()
    limits = [
        [one[name] for one in interfaces if one.get(name)] for name in ("rx_limit", "tx_limit")
    ]
    return " / ".join(_bits(min(found)) if found else _NOTHING for found in limits)


def _bits(rate: int) -> str:
    return f"{decimal(rate, _SIZE_DIGITS).removesuffix('B')}bit/s"


def _blocks(sample: Sample) -> str:
    sums = {"r": 0, "w": 0}
    for entry in (sample.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ():
        kind = entry["op"][:1].lower()
        if kind in sums:
            sums[kind] += entry["value"]
    return _pair(sums["r"], sums["w"])


def _pair(first: float, second: float) -> str:
    return f"{decimal(first, _SIZE_DIGITS)} / {decimal(second, _SIZE_DIGITS)}"


def _memory(sample: Sample) -> str:
    used, limit = memory(sample)
    return f"{binary(used)} / {binary(limit)}"


def _pids(sample: Sample) -> str:
    return str((sample.get("pids_stats") or {}).get("current") or 0)


def _measured(head: str, show: Callable[[Sample], str], nothing: str = _NOTHING) -> Column:
    """A column that is empty as long as there is no sample."""
    return Column(head, lambda usage, _: show(usage.sample) if usage.sample else nothing)


def _cpu(usage: Usage, _: Shown) -> str:
    return f"{cpu_percent(usage):.2f}%" if usage.sample else _NOTHING


def _id(usage: Usage, shown: Shown) -> str:
    return short_id(usage.id) if shown.short else usage.id


USAGE = View(
    "*container.statsContext",
    {
        "Container": Column("CONTAINER", lambda usage, _: usage.asked),
        "ID": Column("CONTAINER ID", _id),
        "Name": Column("NAME", lambda usage, _: usage.name.removeprefix("/") or _NOTHING),
        "CPUPerc": Column("CPU %", _cpu),
        "MemUsage": _measured("MEM USAGE / LIMIT", _memory, f"{_NOTHING} / {_NOTHING}"),
        "MemPerc": _measured("MEM %", lambda sample: f"{_memory_percent(sample):.2f}%"),
        "NetIO": _measured("NET I/O", _network),
        "NetRate": _measured("NET RATE", _rates, f"{_NOTHING} / {_NOTHING}").replace(is_own=True),
        "BlockIO": _measured("BLOCK I/O", _blocks),
        "PIDs": _measured("PIDS", _pids),
    },
)
