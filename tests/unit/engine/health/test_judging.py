"""Which results make a container healthy or unhealthy."""

from __future__ import annotations

import pytest

from orlop.engine.container import (
    HEALTHY,
    STARTING,
    UNHEALTHY,
    Container,
    HealthState,
    Probe,
    ResolvedImage,
)
from orlop.engine.health import judging
from orlop.image.config import HealthCheck, ImageConfig
from orlop.intent.request import Request

SECOND = 10**9
CHECK = HealthCheck(
    test=("CMD", "check"),
    interval_ns=30 * SECOND,
    timeout_ns=SECOND,
    start_period_ns=10 * SECOND,
    start_interval_ns=2 * SECOND,
    retries=3,
)


def judged(*results: tuple[int, int]) -> HealthState:
    """The state after results as (second after the start, exit code)."""
    state = HealthState()
    for at_s, code in results:
        probe = Probe(at_s * SECOND, at_s * SECOND, code, "")
        state = judging.after(state, probe, CHECK, started_ns=0)
    return state


@pytest.mark.parametrize(
    ("results", "status", "streak"),
    [
        ([], STARTING, 0),
        ([(1, 0)], HEALTHY, 0),
        ([(1, 1), (2, 1), (3, 1), (9, -1)], STARTING, 0),
        ([(11, 1), (12, 1)], STARTING, 2),
        ([(11, 1), (12, 1), (13, 127)], UNHEALTHY, 3),
        # Once it was healthy, failures count at any time.
        ([(1, 0), (2, 1), (3, 1), (4, 1)], UNHEALTHY, 3),
        ([(1, 0), (2, 1), (3, 1)], HEALTHY, 2),
        ([(1, 0), (2, 1), (3, 1), (4, 0)], HEALTHY, 0),
        ([(11, 1), (12, 1), (13, 1), (14, 0)], HEALTHY, 0),
        ([(11, 1), (12, 1), (13, 1), (14, 1)], UNHEALTHY, 4),
    ],
)
def test_results_give_a_status(results: list[tuple[int, int]], status: str, streak: int) -> None:
    state = judged(*results)
    assert (state.status, state.failing_streak) == (status, streak)


def test_the_last_five_results_are_kept() -> None:
    state = judged(*((20 + n, 1) for n in range(9)))
    assert [probe.started_ns // SECOND for probe in state.probes] == [24, 25, 26, 27, 28]


@pytest.mark.parametrize(
    ("status", "age_s", "wait_s"),
    [(STARTING, 1, 2), (STARTING, 10, 30), (HEALTHY, 1, 30), (UNHEALTHY, 100, 30)],
)
def test_starting_containers_are_asked_more_often(status: str, age_s: int, wait_s: int) -> None:
    wait = judging.pause_ns(HealthState(status), CHECK, age_s * SECOND)
    assert wait == wait_s * SECOND


@pytest.mark.parametrize(
    ("test", "shell", "command"),
    [
        (("CMD", "a", "b c"), (), ("a", "b c")),
        (("CMD-SHELL", "a | b"), (), ("/bin/sh", "-c", "a | b")),
        (("CMD-SHELL", "a | b"), ("/bin/bash", "-ec"), ("/bin/bash", "-ec", "a | b")),
        (("NONE",), (), ()),
        ((), (), ()),
        (("CMD",), (), ()),
    ],
)
def test_tests_are_commands(
    test: tuple[str, ...], shell: tuple[str, ...], command: tuple[str, ...]
) -> None:
    image = ResolvedImage("debian", "sha256:1", ImageConfig(shell=shell))
    container = Container("c", "web", 0, Request(), image)
    assert judging.command_of(HealthCheck(test), container) == command
