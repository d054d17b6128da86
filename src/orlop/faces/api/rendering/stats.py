"""What containers use, in the words of `docker stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orlop.faces.api.rendering.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.engine.stats import CpuReading, NetworkCounters, Rates, StatsSample

_BLOCK_IO = {
    "io_service_bytes_recursive": "service_bytes",
    "io_serviced_recursive": "serviced",
    "io_queue_recursive": "queued",
    "io_service_time_recursive": "service_time",
    "io_wait_time_recursive": "wait_time",
    "io_merged_recursive": "merged",
    "io_time_recursive": "time",
    "sectors_recursive": "sectors",
}


def stats_document(sample: StatsSample) -> dict[str, Any]:
    """One sample."""
    document: dict[str, Any] = {
        "name": f"/{sample.name}",
        "id": sample.id,
        "read": rfc3339(sample.now.at_ns),
        "preread": rfc3339(sample.before.at_ns),
        "pids_stats": _pids(sample),
        "blkio_stats": {key: _entries(sample, field) for key, field in _BLOCK_IO.items()},
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _cpu(sample.now),
        "precpu_stats": _cpu(sample.before),
        "memory_stats": _memory(sample),
    }
    if sample.networks is not None:
        document["networks"] = _networks(sample.networks)
        for device, rates in sample.rates.items():
            document["networks"].setdefault(device, {}).update(_limits(rates))
    return document


def _pids(sample: StatsSample) -> dict[str, int]:
    pids = sample.usage.pids
    found = {"current": pids.current, "limit": pids.limit}
    return {name: value for name, value in found.items() if value > 0}


def _entries(sample: StatsSample, field: str) -> list[dict[str, Any]] | None:
    entries = getattr(sample.usage.block_io, field)
    return [
        {"major": e.major, "minor": e.minor, "op": e.operation.lower(), "value": e.value}
        for e in entries
    ] or None


def _cpu(reading: CpuReading) -> dict[str, Any]:
    cpu = reading.cpu
    usage: dict[str, Any] = {
        "total_usage": cpu.total,
        "usage_in_kernelmode": cpu.kernel,
        "usage_in_usermode": cpu.user,
    }
    if cpu.percpu:
        usage["percpu_usage"] = list(cpu.percpu)
    document: dict[str, Any] = {
        "cpu_usage": usage,
        "throttling_data": {
            "periods": cpu.periods,
            "throttled_periods": cpu.throttled_periods,
            "throttled_time": cpu.throttled_time,
        },
    }
    if reading.system_ns:
        document |= {"system_cpu_usage": reading.system_ns, "online_cpus": reading.online}
    return document


def _memory(sample: StatsSample) -> dict[str, Any]:
    memory = sample.usage.memory
    if not memory.usage.usage and not memory.raw:  # it does not run
        return {}
    document = {
        "usage": memory.usage.usage,
        "stats": dict(memory.raw),
        "limit": sample.memory_limit_bytes,
    }
    if memory.usage.max_usage:
        document["max_usage"] = memory.usage.max_usage
    if memory.usage.failures:
        document["failcnt"] = memory.usage.failures
    return document


def _limits(rates: Rates) -> dict[str, int]:
    """What Docker does not have: rates in bits per second, where there are limits."""
    found = {"rx_limit": rates.received, "tx_limit": rates.sent}
    return {name: value for name, value in found.items() if value}


def _networks(networks: Iterable[NetworkCounters]) -> dict[str, dict[str, int]]:
    return {
        network.device: {
            "rx_bytes": network.received_bytes,
            "rx_packets": network.received_packets,
            "rx_errors": network.received_errors,
            "rx_dropped": network.received_dropped,
            "tx_bytes": network.sent_bytes,
            "tx_packets": network.sent_packets,
            "tx_errors": network.sent_errors,
            "tx_dropped": network.sent_dropped,
        }
        for network in networks
    }
