"""The limits of one cgroup as its control files have them, on v1 and on v2, with what is used.

A limit here is something of which the smallest in the whole line of cgroups above a process counts.
Weights (cpu.shares) and aims (memory.low) are none.

See: cgroup-v2.rst; cgroup-v1/memory.rst, blkio-controller.rst, hugetlb.rst, rdma.rst.
"""

from __future__ import annotations

import os

from orlop.kernel.cgroup import control, convert
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

BYTES, TASKS, CPUS, BYTES_PER_S, OPERATIONS_PER_S, COUNT = (
    "bytes",
    "tasks",
    "CPUs",
    "bytes/s",
    "operations/s",
    "",
)
"""Units of limits."""

_V1_NONE = 1 << 62  # v1 shows the largest number of whole pages, or of whole huge pages


class Reading(Record):
    """One limit of one cgroup, and how far it is used there.

    Attributes:
        kind: what is limited; each has one unit ("memory", "tasks", "reads from 8:0").
        unit: of `limit`, `usage` and `peak`.
        limit: None if there is none here.
        file: the name of the control file that has the limit.
        usage, peak: now, and at most so far; None where the kernel does not say.
        hits: how often something ran into the limit; None where the kernel does not say.
    """

    kind: str
    unit: str
    limit: float | None
    file: str
    usage: int | None = None
    peak: int | None = None
    hits: int | None = None


class _Row(Record):
    """The files of one limit. `hits` is a file with one number, or a file and a key in it."""

    kind: str
    unit: str
    limit: str
    usage: str = ""
    peak: str = ""
    hits: tuple[str, ...] = ()


_ROWS = (
    _Row("memory", BYTES, "memory.max", "memory.current", "memory.peak", ("memory.events", "max")),
    _Row("memory before it slows down", BYTES, "memory.high", "memory.current", "memory.peak",
         ("memory.events", "high")),
    _Row("swap", BYTES, "memory.swap.max", "memory.swap.current", "memory.swap.peak",
         ("memory.swap.events", "max")),
    _Row("compressed swap", BYTES, "memory.zswap.max", "memory.zswap.current"),
    _Row("memory", BYTES, "memory.limit_in_bytes", "memory.usage_in_bytes",
         "memory.max_usage_in_bytes", ("memory.failcnt",)),
    _Row("memory and swap", BYTES, "memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes",
         "memory.memsw.max_usage_in_bytes", ("memory.memsw.failcnt",)),
    _Row("TCP buffers", BYTES, "memory.kmem.tcp.limit_in_bytes", "memory.kmem.tcp.usage_in_bytes",
         "memory.kmem.tcp.max_usage_in_bytes", ("memory.kmem.tcp.failcnt",)),
    _Row("tasks", TASKS, "pids.max", "pids.current", "pids.peak", ("pids.events", "max")),
    _Row("sub-cgroups", COUNT, "cgroup.max.descendants"),
    _Row("levels of sub-cgroups", COUNT, "cgroup.max.depth"),
)  # fmt: skip

# v1's files, and v2's key in io.max
_THROTTLES = (
    ("blkio.throttle.read_bps_device", "rbps", "bytes read from", BYTES_PER_S),
    ("blkio.throttle.write_bps_device", "wbps", "bytes written to", BYTES_PER_S),
    ("blkio.throttle.read_iops_device", "riops", "reads from", OPERATIONS_PER_S),
    ("blkio.throttle.write_iops_device", "wiops", "writes to", OPERATIONS_PER_S),
)

_QUOTA = "cpu.cfs_quota_us"
_HUGETLB_V1 = ("usage_in_bytes", "max_usage_in_bytes", "failcnt")


def readings(directory: str) -> tuple[Reading, ...]:
    """All limits that this cgroup has files for, also those that are not set.

    Args:
        directory: host path of the cgroup; one that is gone has none.

    Raises:
        SyscallError: a file is there, but cannot be read.
    """
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return ()
    return _readings(_Files(names, lambda name: control.read_or(f"{directory}/{name}", "")))


def readings_in(texts: Mapping[str, str]) -> tuple[Reading, ...]:
    """The same for control files with these texts, as for values that are still to be written."""
    return _readings(_Files(texts, texts.__getitem__))


def _readings(files: _Files) -> tuple[Reading, ...]:
    found = [_plain(files, row) for row in _ROWS if row.limit in files.names]
    return (*found, *_cpu(files), *_io(files), *_hugetlb(files), *_rdma(files))


class _Files:
    """The files of one cgroup by name; one that is not there reads as nothing."""

    def __init__(self, names: Iterable[str], read: Callable[[str], str]) -> None:
        self.names = frozenset(names)
        self._read = read

    def text(self, name: str) -> str:
        return self._read(name) if name in self.names else ""

    def number(self, name: str) -> int | None:
        """None for what is not there, and for what stands for no limit."""
        text = self.text(name).strip()
        return _limit(text) if text else None

    def counter(self, name: str, key: str = "") -> int | None:
        if key:
            return control.flat_keyed(self.text(name)).get(key)
        return self.number(name)


def _limit(text: str) -> int | None:
    number = convert.number(text, _V1_NONE)
    return number if 0 <= number < _V1_NONE else None


def _plain(files: _Files, row: _Row) -> Reading:
    return Reading(
        row.kind,
        row.unit,
        files.number(row.limit),
        row.limit,
        files.number(row.usage),
        files.number(row.peak),
        files.counter(*row.hits) if row.hits else None,
    )


def _cpu(files: _Files) -> Iterator[Reading]:
    """CPU time within a period, as a number of CPUs."""
    v1 = files.number(_QUOTA), files.number("cpu.cfs_period_us") or convert.DEFAULT_PERIOD_US
    v2 = convert.cpu_max_parts(files.text("cpu.max"))
    for name, (quota, period) in (("cpu.max", v2), (_QUOTA, v1)):
        if name in files.names:
            limit = quota / period if quota and quota > 0 else None
            throttled = files.counter("cpu.stat", "nr_throttled")
            yield Reading("CPU time", CPUS, limit, name, hits=throttled)


def _io(files: _Files) -> Iterator[Reading]:
    for name, _, what, unit in _THROTTLES:
        for line in files.text(name).splitlines():
            device, _, rate = line.partition(" ")
            yield Reading(f"{what} {device}", unit, _limit(rate), name)
    for line in files.text("io.max").splitlines():
        device, *pairs = line.split()
        rates = dict(pair.split("=", 1) for pair in pairs)
        for _, key, what, unit in _THROTTLES:
            yield Reading(f"{what} {device}", unit, _limit(rates.get(key, "max")), "io.max")


def _hugetlb(files: _Files) -> Iterator[Reading]:
    """For each size of huge pages: what is in use, and what is reserved."""
    for name in sorted(files.names):
        if not name.startswith("hugetlb."):
            continue
        prefix, _, last = name.rpartition(".")
        size = prefix.split(".")[1]
        kind = f"huge pages of {size}" + (", reserved" if prefix.endswith(".rsvd") else "")
        if last == "limit_in_bytes":
            used, peak, hits = (f"{prefix}.{end}" for end in _HUGETLB_V1)
            yield _plain(files, _Row(kind, BYTES, name, used, peak, (hits,)))
        elif last == "max":
            hit = (f"hugetlb.{size}.events", "max")
            yield _plain(files, _Row(kind, BYTES, name, f"{prefix}.current", "", hit))


def _rdma(files: _Files) -> Iterator[Reading]:
    used = dict(_keyed_lines(files.text("rdma.current")))
    for device, limits in _keyed_lines(files.text("rdma.max")):
        for key, what in (("hca_handle", "RDMA handles"), ("hca_object", "RDMA objects")):
            usage = used.get(device, {}).get(key)
            limit = _limit(limits.get(key, "max"))
            now = int(usage) if usage is not None else None
            yield Reading(f"{what} of {device}", COUNT, limit, "rdma.max", now)


def _keyed_lines(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Lines "DEVICE key=value key=value"."""
    for line in text.splitlines():
        name, *pairs = line.split()
        yield name, dict(pair.split("=", 1) for pair in pairs)
