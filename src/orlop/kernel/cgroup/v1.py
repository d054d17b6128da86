"""Resources as values for the control files of cgroup v1, by controller.

Most fields are a row in a table; the functions are there where the kernel minds the order.

See: the kernel's admin-guide/cgroup-v1/.
"""

from __future__ import annotations

from orlop.kernel.cgroup import convert
from orlop.kernel.cgroup.v2 import cpuset, pids, rdma
from orlop.kernel.cgroup.writes import BANDWIDTH, SWAP, Row, Write, from_rows, unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orlop.kernel.cgroup.resources import Cpu, Memory, Resources
    from orlop.kernel.cgroup.writes import Controller, Files

_REALTIME = "real-time group scheduling (CONFIG_RT_GROUP_SCHED)"
_WEIGHTS = "the BFQ I/O scheduler (CONFIG_BFQ_GROUP_IOSCHED)"
_LEAF_WEIGHTS = "the CFQ I/O scheduler, gone since Linux 5.0"
_THROTTLING = "block I/O throttling (CONFIG_BLK_DEV_THROTTLING)"

_MEMORY = (
    Row("memory.reservation", "reservation", "memory.soft_limit_in_bytes", convert.limit_v1),
    Row("memory.kernelTCP", "kernel_tcp", "memory.kmem.tcp.limit_in_bytes", convert.limit_v1,
        "limits of TCP buffers (memory.kmem.tcp)"),
    Row("memory.swappiness", "swappiness", "memory.swappiness", convert.swappiness),
    Row("memory.disableOOMKiller", "disable_oom_killer", "memory.oom_control", convert.flag),
)  # fmt: skip


def _memory(resources: Resources, files: Files) -> Iterator[Write]:
    memory = resources.memory
    if memory is None:
        return
    yield from _memory_limits(memory, files)
    if (memory.kernel or 0) > 0:
        raise unsupported("memory.kernel", "Linux before 5.16: later kernels ignore this limit")
    if memory.use_hierarchy is False:
        raise unsupported("memory.useHierarchy", "Linux before 5.11: later ones know no other way")
    yield from from_rows(_MEMORY, memory)


def _memory_limits(memory: Memory, files: Files) -> Iterator[Write]:
    """Memory, and memory plus swap. The kernel refuses the first to be above the second, always."""
    limit, swap = memory.limit or 0, memory.swap or 0
    if limit == convert.UNLIMITED and not swap:
        swap = convert.UNLIMITED
    now = files.read("memory.limit_in_bytes")
    swap_now = files.read("memory.memsw.limit_in_bytes") if now and not swap else ""
    convert.swap_max(limit or convert.number(now, 0), swap or convert.number(swap_now, 0))
    writes = []
    if limit:
        lifts = limit == convert.UNLIMITED
        writes.append(Write("memory.limit_in_bytes", str(limit), "memory.limit", lifts=lifts))
    if swap:
        lifts = swap == convert.UNLIMITED
        writes.append(Write("memory.memsw.limit_in_bytes", str(swap), "memory.swap", SWAP, lifts))
    if swap == convert.UNLIMITED or (now and int(now) <= swap):
        writes.reverse()
    yield from writes


def _cpu(resources: Resources, files: Files) -> Iterator[Write]:
    cpu = resources.cpu
    if cpu is None:
        return
    yield from _weight(cpu)
    yield from _bandwidth(cpu, files)
    yield from _realtime(cpu, files)


def _weight(cpu: Cpu) -> Iterator[Write]:
    """Shares and idleness. The kernel refuses shares for an idle cgroup."""
    writes = []
    if cpu.shares:
        writes.append(Write("cpu.shares", str(cpu.shares), "cpu.shares"))
    if cpu.idle is not None:
        writes.append(Write("cpu.idle", str(cpu.idle), "cpu.idle", lifts=cpu.idle == 0))
    yield from writes if cpu.idle else reversed(writes)


def _bandwidth(cpu: Cpu, files: Files) -> Iterator[Write]:
    """Quota, period and burst.

    The ratio of quota to period must at no moment exceed the parent's, nor the burst the quota. So
    what makes the ratio smaller, or fits the present quota, comes before the quota.
    """
    if not cpu.quota and not cpu.period and cpu.burst is None:
        return
    quota_now = convert.number(files.read("cpu.cfs_quota_us"), convert.UNLIMITED)
    period_now = convert.number(files.read("cpu.cfs_period_us"), convert.DEFAULT_PERIOD_US)
    burst_now = convert.number(files.read("cpu.cfs_burst_us"), 0)
    convert.check_burst(cpu.burst, cpu.quota or quota_now, burst_now)
    before: list[Write] = []
    after: list[Write] = []
    if cpu.period:
        write = Write("cpu.cfs_period_us", str(cpu.period), "cpu.period", BANDWIDTH)
        (before if cpu.period >= period_now else after).append(write)
    if cpu.burst is not None:
        fits = quota_now == convert.UNLIMITED or cpu.burst <= quota_now
        write = Write("cpu.cfs_burst_us", str(cpu.burst), "cpu.burst", BANDWIDTH, cpu.burst == 0)
        (before if fits else after).append(write)
    yield from before
    if cpu.quota:
        lifts = cpu.quota == convert.UNLIMITED
        yield Write("cpu.cfs_quota_us", str(cpu.quota), "cpu.quota", BANDWIDTH, lifts)
    yield from after


def _realtime(cpu: Cpu, files: Files) -> Iterator[Write]:
    """Runtime and period of real-time tasks, in the order that keeps their ratio from growing."""
    writes = []
    if cpu.realtime_period:
        period = str(cpu.realtime_period)
        writes.append(Write("cpu.rt_period_us", period, "cpu.realtimePeriod", _REALTIME))
    if cpu.realtime_runtime:
        runtime = str(cpu.realtime_runtime)
        writes.append(Write("cpu.rt_runtime_us", runtime, "cpu.realtimeRuntime", _REALTIME))
    if len(writes) == 2:
        now = files.read("cpu.rt_period_us")
        if (cpu.realtime_period or 0) < convert.number(now, convert.DEFAULT_REALTIME_PERIOD_US):
            writes.reverse()
    yield from writes


def _blkio(resources: Resources, files: Files) -> Iterator[Write]:
    block_io = resources.block_io
    if block_io is None:
        return
    weight = "blkio.weight" if files.has("blkio.weight") is True else "blkio.bfq.weight"
    if block_io.weight:
        yield Write(weight, str(block_io.weight), "blockIO.weight", _WEIGHTS)
    if block_io.leaf_weight:
        leaf_weight = str(block_io.leaf_weight)
        yield Write("blkio.leaf_weight", leaf_weight, "blockIO.leafWeight", _LEAF_WEIGHTS)
    for index, device in enumerate(block_io.weight_device):
        field, numbers = f"blockIO.weightDevice[{index}]", f"{device.major}:{device.minor}"
        if device.weight:
            value = f"{numbers} {device.weight}"
            yield Write(f"{weight}_device", value, f"{field}.weight", _WEIGHTS)
        if device.leaf_weight:
            value = f"{numbers} {device.leaf_weight}"
            yield Write("blkio.leaf_weight_device", value, f"{field}.leafWeight", _LEAF_WEIGHTS)
    for field, file, _, throttles in convert.throttles(block_io):
        for index, throttle in enumerate(throttles):
            value = f"{throttle.major}:{throttle.minor} {throttle.rate}"
            yield Write(file, value, f"{field}[{index}]", _THROTTLING, throttle.rate == 0)


def _hugetlb(resources: Resources, files: Files) -> Iterator[Write]:
    for index, huge in enumerate(resources.hugepage_limits):
        field, prefix = f"hugepageLimits[{index}]", f"hugetlb.{huge.page_size}"
        needs, value = f"a kernel with huge pages of {huge.page_size}", str(huge.limit)
        yield Write(f"{prefix}.limit_in_bytes", value, field, needs)
        yield Write(f"{prefix}.rsvd.limit_in_bytes", value, field, needs)


def _net_cls(resources: Resources, files: Files) -> Iterator[Write]:
    if resources.network is not None and resources.network.class_id:
        yield Write("net_cls.classid", str(resources.network.class_id), "network.classID")


def _net_prio(resources: Resources, files: Files) -> Iterator[Write]:
    priorities = resources.network.priorities if resources.network is not None else ()
    for index, entry in enumerate(priorities):
        field = f"network.priorities[{index}]"
        yield Write("net_prio.ifpriomap", f"{entry.name} {entry.priority}", field)


CONTROLLERS: Mapping[str, Controller] = {
    "cpuset": cpuset,
    "cpu": _cpu,
    "memory": _memory,
    "pids": pids,
    "blkio": _blkio,
    "hugetlb": _hugetlb,
    "rdma": rdma,
    "net_cls": _net_cls,
    "net_prio": _net_prio,
}
