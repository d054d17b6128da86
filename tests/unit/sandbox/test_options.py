"""What callers write, as values."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.sandbox.options import (
    ENV,
    Environment,
    Habits,
    RunLimits,
    environment_of,
    habits_of,
    job_of,
    parse_size,
)


@pytest.mark.parametrize(
    ("given", "size"),
    [
        (7, 7),
        ("1", 1),
        ("1b", 1),
        ("2k", 2048),
        ("1.5m", 1572864),
        ("1G", 1 << 30),
        ("64MiB", 64 << 20),
    ],
)
def test_sizes(given: int | str, size: int) -> None:
    assert parse_size("memory", given) == size


@pytest.mark.parametrize(
    "given", ["", "x", "1x", "m", "-1", 0, -5, "1e3", "nan", "inf", "1 2", None]
)
def test_what_is_no_size(given: Any) -> None:
    with pytest.raises(InvalidArgument, match="memory"):
        parse_size("memory", given)


def test_nothing_said() -> None:
    assert environment_of({}) == Environment()
    assert habits_of({}) == Habits(RunLimits(10.0, None, 1 << 20), ENV, "/work")


def test_everything_said() -> None:
    environment = environment_of(
        {
            "memory": "1g",
            "cpus": 0.5,
            "pids": 2,
            "disk": 1 << 20,
            "network": "host",
            "root": "/srv",
            "user": "1:2",
            "on_refused": "kill",
            "hostname": "h",
        }
    )
    assert environment == Environment(1 << 30, 0.5, 2, 1 << 20, "host", "/srv", 1, 2, "kill", "h")
    habits = habits_of(
        {"env": {"A": "b", "LANG": "C"}, "cwd": "/tmp", "timeout_s": None, "output": "1k"}
    )
    assert habits.limits == RunLimits(None, None, 1024)
    assert habits.cwd == "/tmp"
    assert {"A=b", "LANG=C"} < set(habits.env)


@pytest.mark.parametrize(
    "options",
    [
        {"memory": "1k"},
        {"cpus": 0},
        {"cpus": -1},
        {"cpus": float("nan")},
        {"pids": 1},
        {"disk": 1},
        {"network": "bridge"},
        {"user": "root"},
        {"user": "1:2:3"},
        {"user": str(1 << 32)},
        {"on_refused": "ignore"},
        {"colour": "red"},
    ],
)
def test_environments_that_make_no_sense(options: Any) -> None:
    with pytest.raises(InvalidArgument):
        environment_of(options)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout_s": 0},
        {"timeout_s": -1},
        {"cpu_time_s": float("inf")},
        {"output": 0},
        {"env": {"": "x"}},
        {"env": {"A=B": "x"}},
        {"env": {"A": "x\0"}},
        {"memory": "64m"},
    ],
)
def test_runs_that_make_no_sense(options: Any) -> None:
    with pytest.raises(InvalidArgument):
        job_of(Habits(), ("true",), options)


def test_a_run_is_as_the_box_has_it_but_for_what_is_said() -> None:
    habits = Habits(RunLimits(1.0, 2.0, 3), ("A=1",), "/a")
    job = job_of(habits, ("true",), {})
    assert (job.limits, job.env, job.cwd, job.keep_background) == (
        RunLimits(1.0, 2.0, 3),
        ("A=1",),
        "/a",
        False,
    )
    job = job_of(habits, ("true",), {"timeout_s": None, "env": {"A": "2"}, "keep_background": True})
    assert (job.limits, job.env, job.keep_background) == (RunLimits(None, 2.0, 3), ("A=2",), True)
