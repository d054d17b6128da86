"""Limits of control groups by hand: words as Docker's flags have them, to resources."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.intent import units
from orlop.kernel.cgroup.resources import BlockIo, Cpu, Memory, Resources
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PERIOD_US = 100_000
_NANO = 10**9
_NONE = "-1"


class Limit(Record):
    """One limit: how people call it, and how it becomes a field of a section of the resources.

    `section` is a class with the field `field`, or None for a field of the resources themselves.
    """

    name: str
    value: str
    help: str
    section: type[Memory | Cpu | BlockIo] | None
    field: str
    read: Callable[[str], int | str]


def _quota(text: str) -> int:
    """Microseconds in a period; -1 for no limit."""
    return -1 if text == _NONE else units.cpus(text) * _PERIOD_US // _NANO


LIMITS = (
    Limit("memory", "SIZE", "memory, as 256m", Memory, "limit", units.size_or_unlimited),
    Limit("memory-swap", "SIZE", "memory and swap together", Memory, "swap",
          units.size_or_unlimited),
    Limit("memory-reservation", "SIZE", "memory that it keeps when there is little", Memory,
          "reservation", units.size_or_unlimited),
    Limit("cpus", "NUMBER", "CPU time, as 0.5", Cpu, "quota", _quota),
    Limit("cpu-shares", "NUMBER", "weight of CPU time, 1024 is usual", Cpu, "shares",
          units.whole(2, 262144)),
    Limit("cpuset-cpus", "LIST", "CPUs to run on, as 0-2,7", Cpu, "cpus", str),
    Limit("cpuset-mems", "LIST", "NUMA nodes to use", Cpu, "mems", str),
    Limit("pids", "NUMBER", "processes and threads", None, "pids_limit",
          units.whole(-1, 1 << 22)),
    Limit("io-weight", "NUMBER", "weight of block I/O, 10 to 1000", BlockIo, "weight",
          units.whole(10, 1000)),
)  # fmt: skip
"""All that can be limited; -1 takes a limit away."""


def resources(asked: Mapping[str, str]) -> Resources:
    """What was asked for, by the names of `LIMITS`.

    Raises:
        InvalidArgument: a value is not of its form.
    """
    whole = Resources()
    sections: dict[type[Memory | Cpu | BlockIo], dict[str, int | str]] = {}
    for limit in LIMITS:
        if limit.name not in asked:
            continue
        value = _read(limit, asked[limit.name])
        if limit.section is None:
            whole = whole.replace(**{limit.field: value})
        else:
            sections.setdefault(limit.section, {})[limit.field] = value
    cpu = Cpu().replace(**sections.get(Cpu, {}))
    if cpu.quota is not None and cpu.quota > 0:
        cpu = cpu.replace(period=_PERIOD_US)
    return whole.replace(
        memory=Memory().replace(**sections[Memory]) if Memory in sections else None,
        cpu=cpu if Cpu in sections else None,
        block_io=BlockIo().replace(**sections[BlockIo]) if BlockIo in sections else None,
    )


def _read(limit: Limit, text: str) -> int | str:
    try:
        return limit.read(text)
    except InvalidArgument as error:
        raise InvalidArgument(f"--{limit.name}: {text!r} {error.message}") from None
