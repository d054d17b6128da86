"""What the result of a check means: pure functions.

See: moby daemon/health.go for which failures count, and when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.engine.container import HEALTHY, STARTING, UNHEALTHY, HealthState

if TYPE_CHECKING:
    from orlop.engine.container import Container, Probe
    from orlop.image.config import HealthCheck

KEPT = 5
"""How many results can be looked at."""

_SHELL = ("/bin/sh", "-c")


def command_of(check: HealthCheck, container: Container) -> tuple[str, ...]:
    """The program and its arguments; () for a test that names none."""
    kind, *words = check.test or ("NONE",)
    match kind:
        case "CMD":
            return tuple(words)
        case "CMD-SHELL":
            return (*(container.image.config.shell or _SHELL), " ".join(words))
        case _:
            return ()


def after(state: HealthState, probe: Probe, check: HealthCheck, started_ns: int) -> HealthState:
    """The state after one more result.

    Args:
        state: before.
        probe: the result.
        check: with all values filled in.
        started_ns: when the container was started.
    """
    probes = (*state.probes, probe)[-KEPT:]
    if probe.exit_code == 0:
        return HealthState(HEALTHY, 0, probes)
    age_ns = probe.started_ns - started_ns
    if state.status == STARTING and age_ns < check.start_period_ns:
        return state.replace(probes=probes)
    streak = state.failing_streak + 1
    status = UNHEALTHY if streak >= check.retries else state.status
    return HealthState(status, streak, probes)


def pause_ns(state: HealthState, check: HealthCheck, age_ns: int) -> int:
    """How long to wait for the next check of a container that was started so long ago."""
    if state.status == STARTING and age_ns < check.start_period_ns:
        return check.start_interval_ns
    return check.interval_ns
