"""What a container uses, as values, and where they are read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orlop.errors import NotFound
from orlop.kernel import machine
from orlop.kernel.cgroup.stats import CpuStats, Stats
from orlop.kernel.netdev import Counters as NetworkCounters
from orlop.kernel.netdev import counters
from orlop.kernel.process import identify
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.engine.container import Container
    from orlop.engine.running import LiveContainer
    from orlop.network.rates import Rates


class CpuReading(Record):
    """CPU time at one moment.

    Attributes:
        at_ns: when, in ns since 1970; 0 for never.
        cpu: of the container.
        system_ns: of the whole machine, all CPUs together, idle time too; 0 for never.
        online: how many CPUs the machine has.
    """

    at_ns: int = 0
    cpu: CpuStats = CpuStats()
    system_ns: int = 0
    online: int = 0


class StatsSample(Record):
    """What one container uses, and what it had used a moment before.

    Attributes:
        id: of the container.
        name: of it, without a slash.
        now: CPU time now; all zero if it does not live.
        before: an earlier reading, so that a rate can be had; all zero if there is none.
        usage: memory, processes, block devices, pressure ..., as the control groups say.
        memory_limit_bytes: of the container, or what the machine has.
        networks: its network devices, without the loopback; None if it has the host's.
        rates: what the kernel holds these to, by their names; only of a container of which that
            was asked.
    """

    id: str
    name: str
    now: CpuReading = CpuReading()
    before: CpuReading = CpuReading()
    usage: Stats = Stats()
    memory_limit_bytes: int = 0
    networks: tuple[NetworkCounters, ...] | None = None
    rates: Mapping[str, Rates] = {}

    @property
    def cpu_percent(self) -> float:
        """Of one CPU, since the reading before: 150.0 is one and a half."""
        system = self.now.system_ns - self.before.system_ns
        own = self.now.cpu.total - self.before.cpu.total
        if not self.before.at_ns or system <= 0 or own <= 0:
            return 0.0
        return own / system * self.now.online * 100.0

    @property
    def memory_used_bytes(self) -> int:
        """Without what the kernel can drop at once: file pages that nobody has used lately."""
        raw = self.usage.memory.raw
        inactive = raw.get("total_inactive_file", raw.get("inactive_file", 0))
        usage = self.usage.memory.usage.usage
        return usage - inactive if inactive < usage else usage


def read_sample(container: Container, live: LiveContainer) -> StatsSample:
    """A sample without a reading before. Blocks for a fraction of a millisecond."""
    usage = live.cgroup.usage()
    now = CpuReading(time.time_ns(), usage.cpu, machine.cpu_time_ns(), machine.online_cpus())
    return StatsSample(
        container.id,
        container.name,
        now=now,
        usage=usage,
        memory_limit_bytes=min(usage.memory.usage.limit or 1 << 63, machine.memory_bytes()),
        networks=_networks(live) if live.has_own_network else None,
    )


def _networks(live: LiveContainer) -> tuple[NetworkCounters, ...]:
    """The counters, if it was still this process that they were read of."""
    try:
        found = counters(live.process.pid)
        if identify(live.process.pid) != live.process:
            return ()
    except NotFound:
        return ()
    return tuple(device for device in found if device.device != "lo")


def at_start(container: Container, now: CpuReading) -> CpuReading:
    """The reading that would have been taken when the container was started."""
    started_ns = container.state.started_ns
    elapsed_ns = max(0, now.at_ns - started_ns)
    nothing = CpuStats(percpu=(0,) * len(now.cpu.percpu))
    return CpuReading(started_ns, nothing, now.system_ns - elapsed_ns * now.online, now.online)
