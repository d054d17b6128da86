from __future__ import annotations

import pytest

from orlop.insight.quantities import percent, plural, quantity, seconds
from orlop.kernel.cgroup.limits import BYTES, BYTES_PER_S, COUNT, CPUS, TASKS


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0, BYTES, "0 B"),
        (1023, BYTES, "1023 B"),
        (1536, BYTES, "1.5 KiB"),
        (256 << 20, BYTES, "256 MiB"),
        (5 << 60, BYTES, "5120 PiB"),
        (2048, BYTES_PER_S, "2 KiB/s"),
        (1, TASKS, "1 task"),
        (100, TASKS, "100 tasks"),
        (0.5, CPUS, "0.5 CPUs"),
        (1, CPUS, "1 CPU"),
        (7, COUNT, "7"),
    ],
)
def test_quantity(number: float, unit: str, text: str) -> None:
    assert quantity(number, unit) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0 s"), (12_345_678, "0.0123 s"), (4_567 * 10**6, "4.57 s"), (3512 * 10**9, "3512 s")],
)
def test_seconds(nanoseconds: int, text: str) -> None:
    assert seconds(nanoseconds) == text


def test_percent() -> None:
    assert percent(1, 4) == "25 %"
    assert percent(1, 0) == percent(1, None) == ""


def test_plural() -> None:
    assert [plural(1, "process", "processes"), plural(0, "fact")] == ["1 process", "0 facts"]
