"""Whether and when a container that has ended is started again: pure functions.

As Docker does it: at once 100 ms later, then twice as long each time, at most a minute; after ten
seconds of life it begins anew.

See: moby restartmanager.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.intent.request import Always, NoRestart, OnFailure, UnlessStopped

if TYPE_CHECKING:
    from orlop.engine.container import Container
    from orlop.intent.request import RestartPolicy

FIRST_DELAY_S = 0.1
MOST_DELAY_S = 60.0
GOOD_LIFE_S = 10.0

RESTART_UNHEALTHY = "io.orlop.restart-unhealthy"
"""A label; with "true" a container that has become unhealthy is ended, and started again if it has
a policy, for which that is a failure."""


def wants_restart(container: Container, *, failed: bool = False) -> bool:
    """Whether its policy wants another run, after one that has ended by itself.

    Args:
        container: as it is after its end.
        failed: that was a failure, whatever the exit code.
    """
    state = container.state
    if state.stopped_by_user:
        return False
    exit_code = state.exit_code or int(failed)
    return _policy_wants(container.request.handling.restart, exit_code, state.restarts)


def restarts_when_unhealthy(container: Container) -> bool:
    """Whether it is to be ended, and started again, when it has become unhealthy."""
    labels = dict(container.request.labels)
    has_policy = not isinstance(container.request.handling.restart, NoRestart)
    return has_policy and labels.get(RESTART_UNHEALTHY) == "true"


def wants_start_with_engine(container: Container) -> bool:
    """Whether its policy wants a run now that an engine has started.

    `always` means also those that somebody has stopped, as with Docker.
    """
    if not container.state.started_ns:
        return False
    policy = container.request.handling.restart
    return isinstance(policy, Always) or wants_restart(container)


def _policy_wants(policy: RestartPolicy, exit_code: int, restarts: int) -> bool:
    match policy:
        case NoRestart():
            return False
        case OnFailure(most):
            return exit_code != 0 and (most == 0 or restarts < most)
        case Always() | UnlessStopped():
            return True


def next_delay(before_s: float, lived_s: float) -> float:
    """Seconds until the next start.

    Args:
        before_s: the delay before the run that has ended, 0 for none.
        lived_s: how long that run was.
    """
    if before_s == 0 or lived_s >= GOOD_LIFE_S:
        return FIRST_DELAY_S
    return min(2 * before_s, MOST_DELAY_S)
