"""Sizes and durations, as people and Docker write them."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.options import parse
from orlop.runtime.cli import update_
from orlop.runtime.cli.events_ import parse_duration


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1048576", 1 << 20),
        ("0", 0),
        ("-1", -1),
        ("12b", 12),
        ("1k", 1 << 10),
        ("1K", 1 << 10),
        ("1kb", 1 << 10),
        ("1KiB", 1 << 10),
        ("256M", 256 << 20),
        ("1.5g", 3 << 29),
        ("2t", 2 << 40),
        (" 7m ", 7 << 20),
        ("9223372036854775807", (1 << 63) - 1),
        ("9007199254740993", (1 << 53) + 1),
    ],
)
def test_size(text: str, size: int) -> None:
    values = parse(update_.OPTIONS, ["--memory", text])
    memory = update_._resources(values).memory
    assert memory is not None
    assert memory.limit == size


@pytest.mark.parametrize("text", ["", "m", "1x", "1mm", "1 000", "one", "nan", "inf", "1p", "--1"])
def test_no_size(text: str) -> None:
    values = parse(update_.OPTIONS, [f"--memory={text}"])
    with pytest.raises(InvalidArgument, match="--memory"):
        update_._resources(values)


def test_what_is_not_given_stays() -> None:
    resources = update_._resources(parse(update_.OPTIONS, ["--pids-limit", "-1"]))
    assert resources.pids_limit == -1
    assert resources.memory is None
    assert resources.cpu is None
    assert resources.block_io is None


def test_each_option_has_its_field() -> None:
    words = [
        *("--memory", "4", "--memory-reservation", "2", "--memory-swap", "8"),
        *("--cpu-shares", "10", "--cpu-quota", "20", "--cpu-burst", "30", "--cpu-period", "40"),
        *("--cpu-rt-runtime", "50", "--cpu-rt-period", "60", "--cpu-idle", "1"),
        *("--cpuset-cpus", "0-1", "--cpuset-mems", "0", "--blkio-weight", "70"),
    ]
    resources = update_._resources(parse(update_.OPTIONS, words))
    memory, cpu, block_io = resources.memory, resources.cpu, resources.block_io
    assert memory
    assert (memory.limit, memory.reservation, memory.swap) == (4, 2, 8)
    assert cpu
    assert (cpu.shares, cpu.quota, cpu.burst, cpu.period) == (10, 20, 30, 40)
    assert (cpu.realtime_runtime, cpu.realtime_period, cpu.idle) == (50, 60, 1)
    assert (cpu.cpus, cpu.mems) == ("0-1", "0")
    assert block_io
    assert block_io.weight == 70


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5),
        ("500ms", 0.5),
        ("1m30s", 90),
        ("1.5h", 5400),
        ("1h2m3s4ms", 3723.004),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("10ns", 1e-8),
        (".5s", 0.5),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "5x", "5 s", "-5s", "0s", "1..5s", "5sm", "1s5"])
def test_no_duration(text: str) -> None:
    with pytest.raises(InvalidArgument, match="duration"):
        parse_duration(text)
