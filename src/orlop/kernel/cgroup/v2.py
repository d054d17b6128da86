"""Resources as values for the control files of cgroup v2, by controller.

See: the kernel's admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

from orlop.kernel.cgroup import convert
from orlop.kernel.cgroup.writes import BANDWIDTH, SWAP, Row, Write, from_rows, unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from orlop.kernel.cgroup.resources import BlockIo, Memory, Resources
    from orlop.kernel.cgroup.writes import Controller, Files

_WEIGHTS = "block I/O weights (CONFIG_BLK_CGROUP_IOCOST or the BFQ I/O scheduler)"
_THROTTLING = "block I/O throttling (CONFIG_BLK_DEV_THROTTLING)"
_V1_MEMORY = "the cgroup v1 memory controller: v2 has nothing like it"
_ACT_ON_PROCESSES = ("cgroup.procs", "cgroup.threads", "cgroup.kill")

_MEMORY = (Row("memory.reservation", "reservation", "memory.low", convert.limit_v2),)
_CPUSET = (Row("cpu.cpus", "cpus", "cpuset.cpus"), Row("cpu.mems", "mems", "cpuset.mems"))


def _memory(resources: Resources, files: Files) -> Iterator[Write]:
    memory = resources.memory
    if memory is None:
        return
    for field, asked in (
        ("memory.kernel", (memory.kernel or 0) > 0),
        ("memory.kernelTCP", (memory.kernel_tcp or 0) > 0),
        ("memory.swappiness", convert.swappiness(memory.swappiness)),
        ("memory.disableOOMKiller", memory.disable_oom_killer),
        ("memory.useHierarchy", memory.use_hierarchy is False),
    ):
        if asked:
            raise unsupported(field, _V1_MEMORY)
    yield from _memory_limits(memory, files)
    yield from from_rows(_MEMORY, memory)


def _memory_limits(memory: Memory, files: Files) -> Iterator[Write]:
    """Swap, then memory, so that what is above a lower limit can be swapped out.

    On v2 they are separate limits. What is asked is one of memory and one of their sum, so a sum in
    force goes on to be in force when only the first is changed.
    """
    limit, swap = memory.limit or 0, memory.swap or 0
    if not limit and not swap:
        return
    limit_now = convert.number(files.read("memory.max"), convert.UNLIMITED)
    swap_now = convert.number(files.read("memory.swap.max"), convert.UNLIMITED)
    if limit > 0 and not swap and convert.UNLIMITED not in (limit_now, swap_now):
        swap = limit_now + swap_now
    known_limit = limit or (0 if limit_now == convert.UNLIMITED else limit_now)
    swap_max = convert.swap_max(known_limit, swap)
    if swap_max is not None:
        lifts = swap_max == convert.UNLIMITED
        value = "max" if lifts else str(swap_max)
        yield Write("memory.swap.max", value, "memory.swap", SWAP, lifts)
    if limit:
        lifts = limit == convert.UNLIMITED
        yield Write("memory.max", convert.limit_v2(limit), "memory.limit", lifts=lifts)


def _cpu(resources: Resources, files: Files) -> Iterator[Write]:
    cpu = resources.cpu
    if cpu is None:
        return
    if cpu.realtime_runtime or cpu.realtime_period:
        field = "cpu.realtimeRuntime" if cpu.realtime_runtime else "cpu.realtimePeriod"
        raise unsupported(field, "the cgroup v1 cpu controller: v2 has no real-time scheduling")
    weight = []
    if cpu.shares:
        weight.append(Write("cpu.weight", str(convert.cpu_weight(cpu.shares)), "cpu.shares"))
    if cpu.idle is not None:
        weight.append(Write("cpu.idle", str(cpu.idle), "cpu.idle", lifts=cpu.idle == 0))
    # The kernel refuses a weight for an idle cgroup.
    yield from weight if cpu.idle else reversed(weight)

    now = files.read("cpu.max") if cpu.quota or cpu.period or cpu.burst is not None else ""
    quota_now, _ = convert.cpu_max_parts(now)
    bandwidth = []
    if value := convert.cpu_max(cpu.quota, cpu.period, now):
        field, lifts = ("cpu.quota" if cpu.quota else "cpu.period"), value.startswith("max")
        bandwidth.append(Write("cpu.max", value, field, BANDWIDTH, lifts))
    if cpu.quota or cpu.burst is not None:
        burst_now = convert.number(files.read("cpu.max.burst"), 0)
        convert.check_burst(cpu.burst, cpu.quota or quota_now, burst_now)
    if cpu.burst is not None:
        burst = Write("cpu.max.burst", str(cpu.burst), "cpu.burst", BANDWIDTH, cpu.burst == 0)
        fits = quota_now == convert.UNLIMITED or cpu.burst <= quota_now
        # The kernel refuses a burst above the quota, at every moment.
        bandwidth.insert(0 if fits else len(bandwidth), burst)
    yield from bandwidth


def cpuset(resources: Resources, files: Files) -> Iterator[Write]:
    """CPUs and memory nodes, the same on v1."""
    if resources.cpu is not None:
        yield from from_rows(_CPUSET, resources.cpu)


def pids(resources: Resources, files: Files) -> Iterator[Write]:
    """The number of tasks, the same on v1."""
    limit = resources.pids_limit
    if limit is not None:
        yield Write("pids.max", convert.pids_max(limit), "pids.limit", lifts=limit <= 0)


def rdma(resources: Resources, files: Files) -> Iterator[Write]:
    """RDMA handles and objects, the same on v1."""
    for device, limit in (resources.rdma or {}).items():
        yield Write("rdma.max", convert.rdma_max(device, limit), f"rdma.{device}")


def _io(resources: Resources, files: Files) -> Iterator[Write]:
    block_io = resources.block_io
    if block_io is None:
        return
    yield from _io_weights(block_io, files)
    limits: dict[str, list[tuple[str, str, bool]]] = {}
    for field, _, key, throttles in convert.throttles(block_io):
        for index, throttle in enumerate(throttles):
            value, lifts = convert.io_max(key, throttle.rate), throttle.rate == 0
            row = (f"{field}[{index}]", value, lifts)
            limits.setdefault(f"{throttle.major}:{throttle.minor}", []).append(row)
    for device, rows in limits.items():
        value = " ".join((device, *(value for _, value, _ in rows)))
        lifts = all(lifts for _, _, lifts in rows)
        yield Write("io.max", value, rows[0][0], _THROTTLING, lifts)


def _io_weights(block_io: BlockIo, files: Files) -> Iterator[Write]:
    """BFQ's weights, which have v1's range, where that scheduler is; else those of io.cost."""
    if not block_io.weight and not block_io.leaf_weight and not block_io.weight_device:
        return
    bfq = files.has("io.bfq.weight") is True
    file = "io.bfq.weight" if bfq else "io.weight"
    if block_io.weight:
        weight = block_io.weight if bfq else convert.io_weight(block_io.weight)
        yield Write(file, str(weight), "blockIO.weight", _WEIGHTS)
    if block_io.leaf_weight:
        raise unsupported("blockIO.leafWeight", "the cgroup v1 blkio controller")
    for index, device in enumerate(block_io.weight_device):
        field = f"blockIO.weightDevice[{index}]"
        if device.leaf_weight:
            raise unsupported(f"{field}.leafWeight", "the cgroup v1 blkio controller")
        if device.weight:
            weight = device.weight if bfq else convert.io_weight(device.weight)
            value = f"{device.major}:{device.minor} {weight}"
            yield Write(file, value, f"{field}.weight", _WEIGHTS)


def _hugetlb(resources: Resources, files: Files) -> Iterator[Write]:
    for index, huge in enumerate(resources.hugepage_limits):
        field, prefix = f"hugepageLimits[{index}]", f"hugetlb.{huge.page_size}"
        needs, value = f"a kernel with huge pages of {huge.page_size}", str(huge.limit)
        yield Write(f"{prefix}.max", value, field, needs)
        yield Write(f"{prefix}.rsvd.max", value, field, needs)


CONTROLLERS: Mapping[str, Controller] = {
    "cpuset": cpuset,
    "cpu": _cpu,
    "memory": _memory,
    "pids": pids,
    "io": _io,
    "hugetlb": _hugetlb,
    "rdma": rdma,
}


def unified(resources: Resources, files: Files, controllers: Collection[str]) -> Iterator[Write]:
    """Values that the configuration itself has for files of v2, line by line.

    The kernel takes one line in one write(2) (io.max: one device).

    Raises:
        SpecError: a key is no name of a control file.
        Unsupported: its controller is not there (`controllers` are), or it has no such file.
    """
    for key, text in resources.unified.items():
        field = f"unified.{key}"
        controller, dot, _ = key.partition(".")
        if not dot or not controller or "/" in key:
            raise convert.wrong(field, "must be of the form CONTROLLER.PARAMETER")
        if key in _ACT_ON_PROCESSES:
            raise convert.wrong(field, "is no parameter, it acts on processes")
        if controller != "cgroup" and controller not in controllers:
            raise unsupported(field, f"the cgroup v2 controller {controller}")
        for line in text.splitlines():
            yield Write(key, line, field, f"a kernel with {key}")
