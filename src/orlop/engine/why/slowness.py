"""Why a container that runs may be slow, in words: limits that it meets, and what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.engine.container import PAUSED, UNHEALTHY
from orlop.engine.why.facts import Finding, Weight
from orlop.insight.quantities import percent, plural, quantity, seconds
from orlop.kernel.cgroup.limits import BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.engine.stats import StatsSample
    from orlop.engine.why.facts import Facts
    from orlop.kernel.cgroup.stats import Pressure

_NEAR = 0.9
_THROTTLED = 0.05
_WAITING = 10.0  # percent of the last minute


def findings(facts: Facts) -> Iterator[Finding]:
    """What holds a running container up, the gravest first within each subject."""
    if facts.container.state.status == PAUSED:
        yield Finding("cpu", Weight.CAUSE, "it is paused: its processes stand still", "unpause it")
    if facts.sample is not None:
        yield from _memory(facts, facts.sample)
        yield from _cpu(facts.sample)
        yield from _processes(facts.sample)
        yield from _waiting(facts.sample)
    yield from _health(facts)


def _cpu(sample: StatsSample) -> Iterator[Finding]:
    now, before = sample.now.cpu, sample.before.cpu
    since = before.periods < now.periods and sample.before.at_ns > 0
    periods = now.periods - (before.periods if since else 0)
    throttled = now.throttled_periods - (before.throttled_periods if since else 0)
    lost_ns = now.throttled_time - (before.throttled_time if since else 0)
    if periods and throttled / periods >= _THROTTLED:
        grave = throttled / periods >= 0.25
        yield Finding(
            "cpu",
            Weight.CAUSE if grave else Weight.WARNING,
            f"its CPU limit held it back in {percent(throttled, periods)} of the periods of the"
            f" last {_span(sample)}, for {seconds(lost_ns)} altogether",
            "raise --cpus",
        )
    yield from _pressure("cpu", sample.usage.cpu.pressure, "for a CPU")


def _span(sample: StatsSample) -> str:
    before = sample.before.at_ns
    return seconds(sample.now.at_ns - before) if before else "run"


def _memory(facts: Facts, sample: StatsSample) -> Iterator[Finding]:
    memory, limit = sample.usage.memory, sample.memory_limit_bytes
    used = sample.memory_used_bytes
    if facts.container.state.oom is not None or memory.oom_kills or facts.victims:
        kills = max(memory.oom_kills, len(facts.victims or ()))
        names = ", ".join(victim.name for victim in (facts.victims or ())[-3:])
        yield Finding(
            "memory",
            Weight.CAUSE,
            f"the kernel has killed {plural(kills, 'process', 'processes')} of it for want of"
            f" memory{f': {names}' if names else ''}",
            "raise --memory",
        )
    if limit and used >= _NEAR * limit:
        yield Finding(
            "memory",
            Weight.CAUSE,
            f"it uses {percent(used, limit)} of the {quantity(limit, BYTES)} of memory that it"
            " may have, without what can be dropped",
            "raise --memory",
        )
    elif memory.usage.failures:
        yield Finding(
            "memory",
            Weight.WARNING,
            f"its memory limit of {quantity(limit, BYTES)} was reached"
            f" {plural(memory.usage.failures, 'time')}, and the kernel had to drop pages",
            "raise --memory if it reads the same files again and again",
        )
    yield from _pressure("memory", memory.pressure, "for memory")


def _processes(sample: StatsSample) -> Iterator[Finding]:
    pids = sample.usage.pids
    if pids.refused:
        yield Finding(
            "processes",
            Weight.CAUSE,
            f"{plural(pids.refused, 'process or thread', 'processes or threads')} could not be"
            f" made, since its limit is {pids.limit or 'used up'}",
            "raise --pids-limit, or find what starts so many",
        )
    elif pids.limit and pids.current >= _NEAR * pids.limit:
        yield Finding(
            "processes",
            Weight.WARNING,
            f"it has {pids.current} processes and threads of the {pids.limit} that it may have",
            "raise --pids-limit",
        )


def _waiting(sample: StatsSample) -> Iterator[Finding]:
    yield from _pressure("disk", sample.usage.block_io.pressure, "for disks")


def _pressure(subject: str, pressure: Pressure | None, what: str) -> Iterator[Finding]:
    if pressure is None or pressure.some.avg60 < _WAITING:
        return
    everything = pressure.full.avg60 >= _WAITING
    yield Finding(
        subject,
        Weight.CAUSE if everything else Weight.WARNING,
        f"in the last minute {'everything in it' if everything else 'something in it'} waited"
        f" {what} {(pressure.full if everything else pressure.some).avg60:.0f} % of the time",
    )


def _health(facts: Facts) -> Iterator[Finding]:
    health = facts.container.state.health
    if health is None or not health.failing_streak:
        return
    last = health.probes[-1] if health.probes else None
    said = last.output.strip().splitlines() if last else []
    what = f": {said[-1][:200]}" if said else ""
    yield Finding(
        "health",
        Weight.CAUSE if health.status == UNHEALTHY else Weight.WARNING,
        f"its last {plural(health.failing_streak, 'health check')} failed{what}",
    )
