"""What restart policies want, and when."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.engine.container import EXITED
from orlop.engine.containers.restarting import (
    next_delay,
    restarts_when_unhealthy,
    wants_restart,
    wants_start_with_engine,
)
from tests.unit.engine.containers.values import container

ENDED: dict[str, Any] = {"status": EXITED, "started_ns": 1, "finished_ns": 2}


@pytest.mark.parametrize(
    ("policy", "exit_code", "restarts", "wants"),
    [
        ("no", 1, 0, False),
        ("always", 0, 99, True),
        ("unless-stopped", 0, 99, True),
        ("on-failure", 0, 0, False),
        ("on-failure", 1, 99, True),
        ("on-failure:2", 1, 1, True),
        ("on-failure:2", 1, 2, False),
    ],
)
def test_after_an_end(policy: str, exit_code: int, restarts: int, wants: bool) -> None:
    ended = container(f"--restart {policy}", exit_code=exit_code, restarts=restarts, **ENDED)
    assert wants_restart(ended) is wants
    stopped = container(f"--restart {policy}", exit_code=exit_code, stopped_by_user=True, **ENDED)
    assert not wants_restart(stopped)


@pytest.mark.parametrize(
    ("policy", "state", "wants"),
    [
        ("no", {}, False),
        ("always", {}, True),
        ("always", {"stopped_by_user": True}, True),
        ("always", {"started_ns": 0}, False),
        ("unless-stopped", {}, True),
        ("unless-stopped", {"stopped_by_user": True}, False),
        ("on-failure", {}, False),
        ("on-failure", {"exit_code": 255}, True),
    ],
)
def test_with_the_engine(policy: str, state: dict[str, Any], wants: bool) -> None:
    assert wants_start_with_engine(container(f"--restart {policy}", **ENDED | state)) is wants


def test_an_end_that_counts_as_a_failure() -> None:
    ended = container("--restart on-failure", exit_code=0, **ENDED)
    assert wants_restart(ended, failed=True)
    assert not wants_restart(ended)


def test_which_restart_when_unhealthy() -> None:
    label = "-l io.orlop.restart-unhealthy=true"
    assert restarts_when_unhealthy(container(f"--restart on-failure {label}"))
    assert not restarts_when_unhealthy(container(label))
    assert not restarts_when_unhealthy(container("--restart always"))


def test_delays_grow_to_a_minute() -> None:
    delays, delay = [], 0.0
    for _ in range(12):
        delay = next_delay(delay, 0.5)
        delays.append(delay)
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-2:] == [60, 60]


def test_ten_seconds_of_life_make_it_begin_anew() -> None:
    assert next_delay(51.2, 10.0) == 0.1
    assert next_delay(51.2, 9.9) == 60
