"""The arithmetic between the specification's words, which are those of cgroup v1, and v2's.

Everything here is a pure function. By convention of all who write configurations, 0 in a field
whose smallest value is larger means that nothing is asked (Docker's `update` sends such zeros), and
so it is here; -1 takes a limit away.

See: runtime-spec config-linux.md#control-groups, the kernel's admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

from orlop.errors import SpecError
from orlop.kernel.cgroup.writes import name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.kernel.cgroup.resources import (
        BlockIo,
        Cpu,
        Memory,
        RdmaLimit,
        Resources,
        ThrottleDevice,
    )

UNLIMITED = -1
DEFAULT_PERIOD_US = 100_000
DEFAULT_REALTIME_PERIOD_US = 1_000_000

_U32_MAX = (1 << 32) - 1
_U64_MAX = (1 << 64) - 1
_S64_MAX = (1 << 63) - 1
_BANDWIDTH_MAX_US = (1 << 44) - 1  # kernel/sched/core.c, MAX_BW
_PIDS_MAX = 4194304  # PID_MAX_LIMIT
_UNSET_SWAPPINESS = (-1, _U64_MAX)  # Docker's -1, and what becomes of it as uint64

_SPEC_REFS = {
    "memory": "memory",
    "cpu": "cpu",
    "pids": "pids",
    "blockIO": "block-io",
    "hugepageLimits": "huge-page-limits",
    "network": "network",
    "rdma": "rdma",
    "devices": "allowed-device-list",
    "unified": "unified",
}


def wrong(field: str, reason: str) -> SpecError:
    """The error for a field (below `linux.resources`) whose value is not valid."""
    section = field.partition(".")[0].partition("[")[0]
    ref = f"config-linux.md#{_SPEC_REFS.get(section, 'control-groups')}"
    return SpecError(name(field), reason, spec_ref=ref)


# --- ranges ---------------------------------------------------------------------------------


def check(resources: Resources) -> None:
    """Passes only resources whose numbers are in range and fit each other.

    Raises:
        SpecError: one is not, or does not.
    """
    if resources.memory is not None:
        _check_memory(resources.memory)
    if resources.cpu is not None:
        _check_cpu(resources.cpu)
    if resources.block_io is not None:
        _check_block_io(resources.block_io)
    _within("pids.limit", resources.pids_limit, UNLIMITED, _PIDS_MAX)
    for index, huge in enumerate(resources.hugepage_limits):
        _within(f"hugepageLimits[{index}].limit", huge.limit, 0, _U64_MAX)
        if not huge.page_size or "/" in huge.page_size:
            raise wrong(f"hugepageLimits[{index}].pageSize", f"{huge.page_size!r} is no page size")
    if resources.network is not None:
        _within("network.classID", resources.network.class_id, 0, _U32_MAX)
        for index, priority in enumerate(resources.network.priorities):
            _within(f"network.priorities[{index}].priority", priority.priority, 0, _U32_MAX)
    for device, limit in (resources.rdma or {}).items():
        _check_rdma(device, limit)


def _within(field: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise wrong(field, f"must be from {low} to {high}, not {value}")


def _within_if_asked(field: str, value: int | None, low: int, high: int) -> None:
    if value != 0:
        _within(field, value, low, high)


def _check_memory(memory: Memory) -> None:
    for field, value in (
        ("memory.limit", memory.limit),
        ("memory.reservation", memory.reservation),
        ("memory.swap", memory.swap),
        ("memory.kernel", memory.kernel),
        ("memory.kernelTCP", memory.kernel_tcp),
    ):
        _within(field, value, UNLIMITED, _S64_MAX)
    if memory.swappiness not in _UNSET_SWAPPINESS:
        _within("memory.swappiness", memory.swappiness, 0, 100)
    if (memory.swap or 0) > 0 and (memory.limit or 0) > 0:
        swap_max(memory.limit, memory.swap)


def _check_cpu(cpu: Cpu) -> None:
    _within_if_asked("cpu.shares", cpu.shares, 2, 262144)
    if cpu.quota != UNLIMITED:
        _within_if_asked("cpu.quota", cpu.quota, 1000, _BANDWIDTH_MAX_US)
    _within_if_asked("cpu.period", cpu.period, 1000, 1_000_000)
    _within("cpu.burst", cpu.burst, 0, _BANDWIDTH_MAX_US)
    _within("cpu.realtimeRuntime", cpu.realtime_runtime, UNLIMITED, _BANDWIDTH_MAX_US)
    _within("cpu.realtimePeriod", cpu.realtime_period, 0, (1 << 31) - 1)
    _within("cpu.idle", cpu.idle, 0, 1)
    if cpu.burst and 0 < (cpu.quota or 0) < cpu.burst:
        raise wrong("cpu.burst", f"must not be larger than the quota of {cpu.quota}")
    period = cpu.realtime_period or DEFAULT_REALTIME_PERIOD_US
    if (cpu.realtime_runtime or 0) > period and cpu.realtime_period:
        raise wrong("cpu.realtimeRuntime", f"must not be larger than the period of {period}")
    cpu_list("cpu.cpus", cpu.cpus)
    cpu_list("cpu.mems", cpu.mems)


def _check_block_io(block_io: BlockIo) -> None:
    _within_if_asked("blockIO.weight", block_io.weight, 10, 1000)
    _within_if_asked("blockIO.leafWeight", block_io.leaf_weight, 10, 1000)
    for index, device in enumerate(block_io.weight_device):
        field = f"blockIO.weightDevice[{index}]"
        _check_device(field, device.major, device.minor)
        _within_if_asked(f"{field}.weight", device.weight, 10, 1000)
        _within_if_asked(f"{field}.leafWeight", device.leaf_weight, 10, 1000)
        if not device.weight and not device.leaf_weight:
            raise wrong(field, "has neither weight nor leafWeight")
    for field, _, _, devices in throttles(block_io):
        for index, throttle in enumerate(devices):
            _check_device(f"{field}[{index}]", throttle.major, throttle.minor)
            _within(f"{field}[{index}].rate", throttle.rate, 0, _U64_MAX)


def _check_device(field: str, major: int, minor: int) -> None:
    _within(f"{field}.major", major, 0, _U32_MAX)
    _within(f"{field}.minor", minor, 0, _U32_MAX)


def _check_rdma(device: str, limit: RdmaLimit) -> None:
    _within(f"rdma.{device}.hcaHandles", limit.hca_handles, 0, _U32_MAX)
    _within(f"rdma.{device}.hcaObjects", limit.hca_objects, 0, _U32_MAX)
    if limit.hca_handles is None and limit.hca_objects is None:
        raise wrong(f"rdma.{device}", "has neither hcaHandles nor hcaObjects")


def cpu_list(field: str, text: str | None) -> str:
    """A list of CPUs or memory nodes ("0-3,7") that is one; "" if none is asked.

    Raises:
        SpecError: it is not of that form.
    """
    for part in (text or "").split(",") if text else ():
        first, dash, last = part.strip().partition("-")
        numbers = [first, last] if dash else [first]
        if not all(number.isascii() and number.isdecimal() for number in numbers):
            raise wrong(field, f"{text!r} is not a list as 0-3,7")
        if dash and int(first) > int(last):
            raise wrong(field, f"{part.strip()} ends before it begins")
    return text or ""


# --- values ---------------------------------------------------------------------------------


def limit_v1(value: int) -> str:
    """A limit in bytes for v1, where -1 is none; "" if none is asked."""
    return str(value) if value else ""


def limit_v2(value: int) -> str:
    """The same for v2, where "max" is none."""
    return "max" if value == UNLIMITED else limit_v1(value)


def pids_max(limit: int) -> str:
    """A number of tasks, for both versions. 0 and -1 are no limit.

    runtime-spec 1.3 calls 0 a limit, but those who write configurations for the earlier versions
    (podman, containerd) mean by it that there is none.
    """
    return str(limit) if limit > 0 else "max"


def swappiness(value: int | None) -> str:
    """A swappiness; "" if none is asked."""
    return "" if value is None or value in _UNSET_SWAPPINESS else str(value)


def flag(value: bool) -> str:
    """A switch."""
    return "1" if value else "0"


def cpu_weight(shares: int) -> int:
    """cpu.weight (1 to 10000) for v1's cpu.shares (2 to 262144).

    The exponent is the quadratic function of log2(shares) through the smallest, the default (1024
    to 100) and the largest value of both ranges.

    See: ConvertCPUSharesToCgroupV2Value in github.com/opencontainers/cgroups utils.go; in runc
    since 1.3.2, in crun since 1.23. Before, it was linear, and 1024 became 39.
    """
    import math

    if shares <= 2:
        return 1
    if shares >= 262144:
        return 10000
    log = math.log2(shares)
    return math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34))


def cpu_max(quota: int | None, period: int | None, now: str) -> str:
    """cpu.max; "" if neither is asked. What is not asked stays as it is in `now`, the present one.

    See: cgroup-v2.rst, "max 100000" being the default.
    """
    if not quota and not period:
        return ""
    quota_now, period_now = cpu_max_parts(now)
    asked_quota = quota or quota_now
    shown = "max" if asked_quota == UNLIMITED else str(asked_quota)
    return f"{shown} {period or period_now}"


def cpu_max_parts(text: str) -> tuple[int, int]:
    """Quota (-1: none) and period, in microseconds, of the content of a cpu.max file."""
    if not text.strip():
        return UNLIMITED, DEFAULT_PERIOD_US
    quota, period = text.split()
    return number(quota, UNLIMITED), int(period)


def check_burst(burst: int | None, quota: int, burst_now: int) -> None:
    """Passes only a burst that the kernel takes together with the quota in force afterwards.

    Raises:
        SpecError: the burst that is asked, or that is there and stays, is larger than the quota.
    """
    if quota == UNLIMITED:
        return
    if burst is None and burst_now > quota:
        raise wrong("cpu.quota", f"must not be smaller than the burst of {burst_now} in force")
    if (burst or 0) > quota:
        raise wrong("cpu.burst", f"must not be larger than the quota of {quota} in force")


def swap_max(limit: int | None, swap: int | None) -> int | None:
    """The limit for swap alone (v2), from those for memory and for memory plus swap (v1).

    Returns:
        None if nothing is asked, -1 for no limit.

    Raises:
        SpecError: the sum is smaller than its part, or the part is not known.

    See: ConvertMemorySwapToCgroupV2Value in github.com/opencontainers/cgroups utils.go.
    """
    if not swap:
        return UNLIMITED if limit == UNLIMITED else None
    if swap == UNLIMITED or limit == UNLIMITED:
        return swap
    if not limit:
        raise wrong("memory.swap", "is a limit for memory and swap together: needs memory.limit")
    if swap < limit:
        raise wrong("memory.swap", f"{swap} must not be smaller than memory.limit, {limit}")
    return swap - limit


def io_weight(weight: int) -> int:
    """io.weight (1 to 10000) for a blkio weight (10 to 1000), linearly.

    See: ConvertBlkIOToIOWeightValue in github.com/opencontainers/cgroups utils.go.
    """
    return 1 + (weight - 10) * 9999 // 990


def io_max(key: str, rate: int) -> str:
    """One limit of io.max; a rate of 0 takes it away, as on v1."""
    return f"{key}={rate or 'max'}"


def throttles(block_io: BlockIo) -> tuple[tuple[str, str, str, tuple[ThrottleDevice, ...]], ...]:
    """The throttles: OCI field, v1's file, v2's key in io.max, what is asked."""
    return (
        (
            "blockIO.throttleReadBpsDevice",
            "blkio.throttle.read_bps_device",
            "rbps",
            block_io.throttle_read_bps_device,
        ),
        (
            "blockIO.throttleWriteBpsDevice",
            "blkio.throttle.write_bps_device",
            "wbps",
            block_io.throttle_write_bps_device,
        ),
        (
            "blockIO.throttleReadIOPSDevice",
            "blkio.throttle.read_iops_device",
            "riops",
            block_io.throttle_read_iops_device,
        ),
        (
            "blockIO.throttleWriteIOPSDevice",
            "blkio.throttle.write_iops_device",
            "wiops",
            block_io.throttle_write_iops_device,
        ),
    )


def rdma_max(device: str, limit: RdmaLimit) -> str:
    """One line of rdma.max, for both versions."""
    parts: Iterable[tuple[str, int | None]] = (
        ("hca_handle", limit.hca_handles),
        ("hca_object", limit.hca_objects),
    )
    asked = " ".join(f"{key}={value}" for key, value in parts if value is not None)
    return f"{device} {asked}"


def number(text: str, otherwise: int) -> int:
    """The number in a control file; `otherwise` for "max" and for an empty file."""
    text = text.strip()
    return otherwise if text in ("", "max") else int(text)
