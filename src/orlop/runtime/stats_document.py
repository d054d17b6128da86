"""The use of resources as `events` shows it: in the structure that callers of runc read."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.kernel.cgroup.stats import (
        BlockIoEntry,
        HugetlbStats,
        MemoryEntry,
        Pressure,
        RdmaEntry,
        Stats,
    )

    Document = Mapping[str, object]


def stats_document(stats: Stats) -> Document:
    """Times in nanoseconds, sizes in bytes; what the kernel does not tell is left out or 0."""
    return {
        "cpu": _cpu(stats),
        "cpuset": {
            "cpus": list(stats.cpuset.cpus),
            "mems": list(stats.cpuset.mems),
            **stats.cpuset.flags,
        },
        "memory": {
            "cache": stats.memory.cache,
            "usage": _memory(stats.memory.usage),
            "swap": _memory(stats.memory.swap),
            "kernel": _memory(stats.memory.kernel),
            "kernelTCP": _memory(stats.memory.kernel_tcp),
            "raw": dict(stats.memory.raw),
            **_pressure(stats.memory.pressure),
        },
        "pids": {"current": stats.pids.current, "limit": stats.pids.limit},
        "blkio": {
            "ioServiceBytesRecursive": _block_io(stats.block_io.service_bytes),
            "ioServicedRecursive": _block_io(stats.block_io.serviced),
            "ioQueueRecursive": _block_io(stats.block_io.queued),
            "ioServiceTimeRecursive": _block_io(stats.block_io.service_time),
            "ioWaitTimeRecursive": _block_io(stats.block_io.wait_time),
            "ioMergedRecursive": _block_io(stats.block_io.merged),
            "ioTimeRecursive": _block_io(stats.block_io.time),
            "sectorsRecursive": _block_io(stats.block_io.sectors),
            **_pressure(stats.block_io.pressure),
        },
        "hugetlb": {size: _hugetlb(entry) for size, entry in stats.hugetlb.items()},
        "rdma": {
            "rdmaCurrent": [_rdma(entry) for entry in stats.rdma.current],
            "rdmaLimit": [_rdma(entry) for entry in stats.rdma.limit],
        },
    }


def _cpu(stats: Stats) -> Document:
    cpu = stats.cpu
    return {
        "usage": {
            "total": cpu.total,
            "percpu": list(cpu.percpu),
            "percpu_kernel": list(cpu.percpu_kernel),
            "percpu_user": list(cpu.percpu_user),
            "kernel": cpu.kernel,
            "user": cpu.user,
        },
        "throttling": {
            "periods": cpu.periods,
            "throttledPeriods": cpu.throttled_periods,
            "throttledTime": cpu.throttled_time,
            "burstsPeriods": cpu.burst_periods,
            "burstsTime": cpu.burst_time,
        },
        **_pressure(cpu.pressure),
    }


def _memory(entry: MemoryEntry) -> Document:
    return {
        "limit": entry.limit,
        "usage": entry.usage,
        "max": entry.max_usage,
        "failcnt": entry.failures,
    }


def _block_io(entries: tuple[BlockIoEntry, ...]) -> list[Document]:
    return [
        {"major": e.major, "minor": e.minor, "op": e.operation, "value": e.value} for e in entries
    ]


def _hugetlb(entry: HugetlbStats) -> Document:
    return {"usage": entry.usage, "max": entry.max_usage, "failcnt": entry.failures}


def _rdma(entry: RdmaEntry) -> Document:
    return {
        "device": entry.device,
        "hcaHandles": entry.hca_handles,
        "hcaObjects": entry.hca_objects,
    }


def _pressure(pressure: Pressure | None) -> Document:
    if pressure is None:
        return {}
    lines = {"some": pressure.some, "full": pressure.full}
    return {
        "psi": {
            name: {
                "avg10": line.avg10,
                "avg60": line.avg60,
                "avg300": line.avg300,
                "total": line.total,
            }
            for name, line in lines.items()
        }
    }
