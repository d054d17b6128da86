"""What a cgroup uses and has used, read from wherever its controllers are.

The records follow v1, and so what `runc events --stats` shows: a limit that is not there is
`UNLIMITED`, swap is memory plus swap, times are nanoseconds. A kernel without a controller or a
file leaves zeros and empty tuples.

See: cgroup-v2.rst; cgroup-v1/memory.rst, cpuacct.rst, blkio-controller.rst, hugetlb.rst, rdma.rst.
"""

from __future__ import annotations

from orlop.kernel.cgroup import control
from orlop.kernel.cgroup.facts import huge_page_sizes
from orlop.kernel.cgroup.settings import place_of, unified_of
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orlop.kernel.cgroup.settings import Place

UNLIMITED = (1 << 64) - 1
_NS_PER_US = 1000
_NS_PER_TICK = 10_000_000  # of cpuacct.stat, USER_HZ being 100 on all machines we support
NO_COUNTERS: Mapping[str, int] = {}


class PressureLine(Record):
    """Share of time lost to waiting, in percent of the last 10, 60 and 300 s; total in µs."""

    avg10: float = 0.0
    avg60: float = 0.0
    avg300: float = 0.0
    total: int = 0


class Pressure(Record):
    """Pressure stall information: some tasks waited, or all did."""

    some: PressureLine = PressureLine()
    full: PressureLine = PressureLine()


class CpuStats(Record):
    """Times in ns since the cgroup was made; those by CPU are empty on v2.

    `periods` of bandwidth control, and in how many and for how long it was `throttled`.
    """

    total: int = 0
    user: int = 0
    kernel: int = 0
    percpu: tuple[int, ...] = ()
    percpu_user: tuple[int, ...] = ()
    percpu_kernel: tuple[int, ...] = ()
    periods: int = 0
    throttled_periods: int = 0
    throttled_time: int = 0
    burst_periods: int = 0
    burst_time: int = 0
    pressure: Pressure | None = None


class CpusetStats(Record):
    """The CPUs and memory nodes, and on v1 the other numbers by name ("mem_hardwall")."""

    cpus: tuple[int, ...] = ()
    mems: tuple[int, ...] = ()
    flags: Mapping[str, int] = NO_COUNTERS


class MemoryEntry(Record):
    """Bytes; `failures` counts how often the limit was hit."""

    usage: int = 0
    limit: int = 0
    max_usage: int = 0
    failures: int = 0


class MemoryStats(Record):
    """`swap` is memory plus swap; `raw` is memory.stat; `oom_kills` counts killed processes."""

    cache: int = 0
    usage: MemoryEntry = MemoryEntry()
    swap: MemoryEntry = MemoryEntry()
    kernel: MemoryEntry = MemoryEntry()
    kernel_tcp: MemoryEntry = MemoryEntry()
    raw: Mapping[str, int] = NO_COUNTERS
    oom_kills: int = 0
    pressure: Pressure | None = None


class PidsStats(Record):
    """Tasks; a `limit` of 0 is none; `refused` counts those that could not be made for it."""

    current: int = 0
    limit: int = 0
    refused: int = 0


class BlockIoEntry(Record):
    """A counter of a block device; `operation` is Read, Write, Sync, Async, Discard or Total."""

    major: int
    minor: int
    operation: str
    value: int


class BlockIoStats(Record):
    """Counters, with those of sub-cgroups. After the first two only from a BFQ that debugs."""

    service_bytes: tuple[BlockIoEntry, ...] = ()
    serviced: tuple[BlockIoEntry, ...] = ()
    queued: tuple[BlockIoEntry, ...] = ()
    service_time: tuple[BlockIoEntry, ...] = ()
    wait_time: tuple[BlockIoEntry, ...] = ()
    merged: tuple[BlockIoEntry, ...] = ()
    time: tuple[BlockIoEntry, ...] = ()
    sectors: tuple[BlockIoEntry, ...] = ()
    pressure: Pressure | None = None


class HugetlbStats(Record):
    """Bytes of huge pages of one size."""

    usage: int = 0
    max_usage: int = 0
    failures: int = 0


class RdmaEntry(Record):
    """RDMA objects of one device; 2^32 - 1 is no limit."""

    device: str
    hca_handles: int = 0
    hca_objects: int = 0


class RdmaStats(Record):
    """By device."""

    current: tuple[RdmaEntry, ...] = ()
    limit: tuple[RdmaEntry, ...] = ()


NO_HUGETLB: Mapping[str, HugetlbStats] = {}


class Stats(Record):
    """What one cgroup uses; `hugetlb` by page size ("2MB")."""

    cpu: CpuStats = CpuStats()
    cpuset: CpusetStats = CpusetStats()
    memory: MemoryStats = MemoryStats()
    pids: PidsStats = PidsStats()
    block_io: BlockIoStats = BlockIoStats()
    hugetlb: Mapping[str, HugetlbStats] = NO_HUGETLB
    rdma: RdmaStats = RdmaStats()


def read_stats(where: tuple[Place, ...]) -> Stats:
    """The statistics of a cgroup, given its places in all hierarchies.

    Raises:
        SyscallError: a file is there, but cannot be read.
    """
    unified = unified_of(where)
    cpu = _cpu(place_of(where, "cpu"), place_of(where, "cpuacct"), unified)
    memory = _memory(place_of(where, "memory"))
    block_io = _block_io(place_of(where, "blkio", "io"))
    return Stats(
        cpu=cpu.replace(pressure=_pressure(unified, "cpu")),
        cpuset=_cpuset(place_of(where, "cpuset")),
        memory=memory.replace(pressure=_pressure(unified, "memory")),
        pids=_pids(place_of(where, "pids")),
        block_io=block_io.replace(pressure=_pressure(unified, "io")),
        hugetlb=_hugetlb(place_of(where, "hugetlb")),
        rdma=_rdma(place_of(where, "rdma")),
    )


def read_usage(where: tuple[Place, ...]) -> Stats:
    """What changes from second to second, in a third of the time.

    Without cpuset, huge pages and RDMA; on v1 without swap and kernel memory.

    Raises:
        SyscallError: a file is there, but cannot be read.
    """
    unified, memory = unified_of(where), place_of(where, "memory")
    cpu = _cpu(place_of(where, "cpu"), place_of(where, "cpuacct"), unified)
    used = _memory(memory) if memory is None or memory.v2 else _usage_v1(_Reader(memory))
    return Stats(
        cpu=cpu.replace(pressure=_pressure(unified, "cpu")),
        memory=used.replace(pressure=_pressure(unified, "memory")),
        pids=_pids(place_of(where, "pids")),
        block_io=_block_io(place_of(where, "blkio", "io")).replace(
            pressure=_pressure(unified, "io")
        ),
    )


class _Reader:
    """The files of one cgroup; what is not there reads as nothing."""

    def __init__(self, place: Place) -> None:
        self._directory = place.directory

    def text(self, name: str) -> str:
        return control.read_or(f"{self._directory}/{name}", "")

    def number(self, name: str) -> int:
        text = self.text(name).strip()
        return UNLIMITED if text == "max" else int(text or 0)

    def keyed(self, name: str) -> dict[str, int]:
        return control.flat_keyed(self.text(name))


# --- cpu ------------------------------------------------------------------------------------


def _cpu(cpu: Place | None, cpuacct: Place | None, unified: Place | None) -> CpuStats:
    if cpuacct is not None:
        return _cpu_v1(cpu, cpuacct)
    if unified is None or (cpu is not None and not cpu.v2):
        return CpuStats()
    stat = _Reader(unified).keyed("cpu.stat")  # there even where the controller is not enabled
    return CpuStats(
        total=stat.get("usage_usec", 0) * _NS_PER_US,
        user=stat.get("user_usec", 0) * _NS_PER_US,
        kernel=stat.get("system_usec", 0) * _NS_PER_US,
        periods=stat.get("nr_periods", 0),
        throttled_periods=stat.get("nr_throttled", 0),
        throttled_time=stat.get("throttled_usec", 0) * _NS_PER_US,
        burst_periods=stat.get("nr_bursts", 0),
        burst_time=stat.get("burst_usec", 0) * _NS_PER_US,
    )


def _cpu_v1(cpu: Place | None, cpuacct: Place) -> CpuStats:
    accounts = _Reader(cpuacct)
    ticks = accounts.keyed("cpuacct.stat")
    rows = [line.split() for line in accounts.text("cpuacct.usage_all").splitlines()[1:]]
    bandwidth = _Reader(cpu).keyed("cpu.stat") if cpu is not None else {}
    return CpuStats(
        total=accounts.number("cpuacct.usage"),
        user=ticks.get("user", 0) * _NS_PER_TICK,
        kernel=ticks.get("system", 0) * _NS_PER_TICK,
        percpu=tuple(int(time) for time in accounts.text("cpuacct.usage_percpu").split()),
        percpu_user=tuple(int(row[1]) for row in rows),
        percpu_kernel=tuple(int(row[2]) for row in rows),
        periods=bandwidth.get("nr_periods", 0),
        throttled_periods=bandwidth.get("nr_throttled", 0),
        throttled_time=bandwidth.get("throttled_time", 0),
        burst_periods=bandwidth.get("nr_bursts", 0),
        burst_time=bandwidth.get("burst_time", 0),
    )


_CPUSET_FLAGS = (
    "cpu_exclusive",
    "mem_hardwall",
    "mem_exclusive",
    "memory_migrate",
    "memory_spread_page",
    "memory_spread_slab",
    "memory_pressure",
    "sched_load_balance",
    "sched_relax_domain_level",
)


def _cpuset(place: Place | None) -> CpusetStats:
    if place is None:
        return CpusetStats()
    reader = _Reader(place)
    suffix = ".effective" if place.v2 else ""
    return CpusetStats(
        cpus=_number_list(reader.text(f"cpuset.cpus{suffix}")),
        mems=_number_list(reader.text(f"cpuset.mems{suffix}")),
        flags={} if place.v2 else {f: reader.number(f"cpuset.{f}") for f in _CPUSET_FLAGS},
    )


def _number_list(text: str) -> tuple[int, ...]:
    found: list[int] = []
    for part in text.strip().split(",") if text.strip() else ():
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


# --- memory and pids ------------------------------------------------------------------------


def _memory(place: Place | None) -> MemoryStats:
    if place is None:
        return MemoryStats()
    reader = _Reader(place)
    return _memory_v2(reader) if place.v2 else _memory_v1(reader)


def _memory_v1(reader: _Reader) -> MemoryStats:
    raw = reader.keyed("memory.stat")
    return MemoryStats(
        cache=raw.get("cache", 0),
        usage=_memory_entry_v1(reader, "memory"),
        swap=_memory_entry_v1(reader, "memory.memsw"),
        kernel=_memory_entry_v1(reader, "memory.kmem"),
        kernel_tcp=_memory_entry_v1(reader, "memory.kmem.tcp"),
        raw=raw,
        oom_kills=reader.keyed("memory.oom_control").get("oom_kill", 0),
    )


def _usage_v1(reader: _Reader) -> MemoryStats:
    raw = reader.keyed("memory.stat")
    return MemoryStats(
        cache=raw.get("cache", 0),
        usage=_memory_entry_v1(reader, "memory"),
        raw=raw,
        oom_kills=reader.keyed("memory.oom_control").get("oom_kill", 0),
    )


def _memory_entry_v1(reader: _Reader, prefix: str) -> MemoryEntry:
    return MemoryEntry(
        usage=reader.number(f"{prefix}.usage_in_bytes"),
        limit=reader.number(f"{prefix}.limit_in_bytes"),
        max_usage=reader.number(f"{prefix}.max_usage_in_bytes"),
        failures=reader.number(f"{prefix}.failcnt"),
    )


def _memory_v2(reader: _Reader) -> MemoryStats:
    raw, events = reader.keyed("memory.stat"), reader.keyed("memory.events")
    usage, limit = reader.number("memory.current"), reader.number("memory.max")
    swap_limit = reader.number("memory.swap.max")
    unlimited = UNLIMITED in (limit, swap_limit)
    return MemoryStats(
        cache=raw.get("file", 0),
        usage=MemoryEntry(usage, limit, reader.number("memory.peak"), events.get("max", 0)),
        # The peak of a sum is not the sum of the peaks.
        swap=MemoryEntry(
            usage=usage + reader.number("memory.swap.current"),
            limit=UNLIMITED if unlimited else limit + swap_limit,
            failures=reader.keyed("memory.swap.events").get("max", 0),
        ),
        kernel=MemoryEntry(usage=raw.get("kernel", 0)),
        kernel_tcp=MemoryEntry(usage=raw.get("sock", 0)),
        raw=raw,
        oom_kills=events.get("oom_kill", 0),
    )


def _pids(place: Place | None) -> PidsStats:
    if place is None:
        return PidsStats()
    reader = _Reader(place)
    limit = reader.number("pids.max")
    return PidsStats(
        reader.number("pids.current"),
        0 if limit == UNLIMITED else limit,
        reader.keyed("pids.events").get("max", 0),
    )


# --- devices --------------------------------------------------------------------------------

_BLKIO_FILES = (
    ("service_bytes", "io_service_bytes_recursive"),
    ("serviced", "io_serviced_recursive"),
    ("queued", "io_queued_recursive"),
    ("service_time", "io_service_time_recursive"),
    ("wait_time", "io_wait_time_recursive"),
    ("merged", "io_merged_recursive"),
    ("time", "time_recursive"),
    ("sectors", "sectors_recursive"),
)
# Who counts, the first one that has counted something: a scheduler sees what throttling lets pass.
_BLKIO_SOURCES = ("blkio.bfq.", "blkio.", "blkio.throttle.")


def _block_io(place: Place | None) -> BlockIoStats:
    if place is None:
        return BlockIoStats()
    reader = _Reader(place)
    if place.v2:
        return _io_stat(reader.text("io.stat"))
    for source in _BLKIO_SOURCES:
        if any(_entries(reader.text(f"{source}io_serviced_recursive"))):
            counters = {f: tuple(_entries(reader.text(source + file))) for f, file in _BLKIO_FILES}
            return BlockIoStats().replace(**counters)
    return BlockIoStats()


def _entries(text: str) -> Iterator[BlockIoEntry]:
    """Lines "8:0 Read 4096"; the one at the end that sums up all devices is left out."""
    for line in text.splitlines():
        numbers, *operation, value = line.split()
        major, colon, minor = numbers.partition(":")
        if colon:
            yield BlockIoEntry(int(major), int(minor), "".join(operation), int(value))


_IO_STAT_KEYS = (
    ("rbytes", "rios", "Read"),
    ("wbytes", "wios", "Write"),
    ("dbytes", "dios", "Discard"),
)


def _io_stat(text: str) -> BlockIoStats:
    """Lines "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0"."""
    service_bytes: list[BlockIoEntry] = []
    serviced: list[BlockIoEntry] = []
    for line in text.splitlines():
        numbers, *pairs = line.split()
        major, _, minor = numbers.partition(":")
        values = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        for bytes_key, count_key, operation in _IO_STAT_KEYS:
            for key, entries in ((bytes_key, service_bytes), (count_key, serviced)):
                if key in values:
                    entry = BlockIoEntry(int(major), int(minor), operation, int(values[key]))
                    entries.append(entry)
    return BlockIoStats(service_bytes=tuple(service_bytes), serviced=tuple(serviced))


def _hugetlb(place: Place | None) -> dict[str, HugetlbStats]:
    if place is None:
        return {}
    reader = _Reader(place)
    entry = _hugetlb_v2 if place.v2 else _hugetlb_v1
    return {size: entry(reader, f"hugetlb.{size}") for size in sorted(huge_page_sizes())}


def _hugetlb_v1(reader: _Reader, prefix: str) -> HugetlbStats:
    return HugetlbStats(
        usage=reader.number(f"{prefix}.rsvd.usage_in_bytes"),
        max_usage=reader.number(f"{prefix}.rsvd.max_usage_in_bytes"),
        failures=reader.number(f"{prefix}.rsvd.failcnt"),
    )


def _hugetlb_v2(reader: _Reader, prefix: str) -> HugetlbStats:
    return HugetlbStats(
        usage=reader.number(f"{prefix}.rsvd.current"),
        failures=reader.keyed(f"{prefix}.events").get("max", 0),
    )


def _rdma(place: Place | None) -> RdmaStats:
    if place is None:
        return RdmaStats()
    reader = _Reader(place)
    return RdmaStats(
        current=tuple(_rdma_entries(reader.text("rdma.current"))),
        limit=tuple(_rdma_entries(reader.text("rdma.max"))),
    )


def _rdma_entries(text: str) -> Iterator[RdmaEntry]:
    """Lines "mlx4_0 hca_handle=2 hca_object=max"."""
    for line in text.splitlines():
        device, *pairs = line.split()
        values = dict(pair.split("=", 1) for pair in pairs)
        yield RdmaEntry(
            device, *(_rdma_number(values, key) for key in ("hca_handle", "hca_object"))
        )


def _rdma_number(values: Mapping[str, str], key: str) -> int:
    value = values.get(key, "0")
    return (1 << 32) - 1 if value == "max" else int(value)


# --- pressure -------------------------------------------------------------------------------


def _pressure(unified: Place | None, resource: str) -> Pressure | None:
    """None where the kernel does not measure it."""
    text = _Reader(unified).text(f"{resource}.pressure") if unified is not None else ""
    lines = {kind: _pressure_line(pairs) for kind, *pairs in map(str.split, text.splitlines())}
    return Pressure(**lines) if lines else None


def _pressure_line(pairs: Iterable[str]) -> PressureLine:
    values = dict(pair.split("=", 1) for pair in pairs)
    return PressureLine(
        avg10=float(values.get("avg10", 0)),
        avg60=float(values.get("avg60", 0)),
        avg300=float(values.get("avg300", 0)),
        total=int(values.get("total", 0)),
    )
