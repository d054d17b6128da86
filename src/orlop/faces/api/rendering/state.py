"""Where a container is in its life, as `ps` and `inspect` show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orlop.engine import container as states
from orlop.faces.api.rendering.times import human, rfc3339

if TYPE_CHECKING:
    from orlop.engine.container import Container, HealthState


def status_text(container: Container, now_ns: int) -> str:
    """As "Up 5 seconds (healthy)"."""
    state = container.state
    match state.status:
        case states.RUNNING:
            return f"Up {human(now_ns - state.started_ns)}{_health_text(state.health)}"
        case states.PAUSED:
            return f"Up {human(now_ns - state.started_ns)} (Paused)"
        case states.RESTARTING:
            return f"Restarting ({state.exit_code}) {human(now_ns - state.finished_ns)} ago"
        case states.REMOVING:
            return "Removal In Progress"
        case states.DEAD:
            return "Dead"
    if not state.finished_ns:
        return "Created"
    return f"Exited ({state.exit_code}) {human(now_ns - state.finished_ns)} ago"


def _health_text(health: HealthState | None) -> str:
    if health is None:
        return ""
    return " (health: starting)" if health.status == states.STARTING else f" ({health.status})"


def state_document(container: Container) -> dict[str, Any]:
    """`State` of inspect."""
    state = container.state
    document = {
        "Status": state.status,
        "Running": state.status in (states.RUNNING, states.PAUSED, states.RESTARTING),
        "Paused": state.status == states.PAUSED,
        "Restarting": state.status == states.RESTARTING,
        "OOMKilled": state.oom is not None,
        "Dead": state.status == states.DEAD,
        "Pid": state.pid,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": rfc3339(state.started_ns),
        "FinishedAt": rfc3339(state.finished_ns),
    }
    if state.health is not None:
        document["Health"] = health_document(state.health)
    return document


def health_document(health: HealthState) -> dict[str, Any]:
    """`State.Health` of inspect."""
    return {
        "Status": health.status,
        "FailingStreak": health.failing_streak,
        "Log": [
            {
                "Start": rfc3339(probe.started_ns),
                "End": rfc3339(probe.ended_ns),
                "ExitCode": probe.exit_code,
                "Output": probe.output,
            }
            for probe in health.probes
        ],
    }
