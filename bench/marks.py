"""What orlop wants to reach, and whether it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.in_process import PLANNED

if TYPE_CHECKING:
    from bench.harness import Series
    from bench.memory import Waiter

FLOOR_FACTOR = 1.5
LAUNCHER_PSS_MB = 0.3


@dataclass(frozen=True)
class Mark:
    """One goal: `reading`, if it was taken, should not be above `limit` (both in `unit`)."""

    goal: str
    limit: float
    reading: float | None
    unit: str

    @property
    def verdict(self) -> str:
        """Met or missed, and by how much of the limit."""
        if self.reading is None:
            return "not measured"
        distance = (self.reading - self.limit) / self.limit
        return f"{'met' if distance <= 0 else 'MISSED'} by {abs(distance):.0%}"


def _ratio(series: dict[str, Series], name: str, to: str) -> float | None:
    if name not in series or to not in series:
        return None
    return series[name].median / series[to].median


def marks(
    run: dict[str, Series],
    in_process: dict[str, Series],
    in_process_net: dict[str, Series],
    waiters: list[Waiter],
) -> list[Mark]:
    """All goals with what was read."""
    launcher = next((w.pss_kb / 1000 for w in waiters if w.name == "orlop launcher"), None)
    found = []
    for where, series in (("without", in_process), ("with", in_process_net)):
        found += [
            Mark(
                f"in-process start to the kernel's floor, {where} net namespace",
                FLOOR_FACTOR,
                _ratio(series, PLANNED, "kernel floor"),
                "x",
            ),
            Mark(
                f"in-process start to crun run, {where} net namespace",
                1.0,
                _ratio(series, PLANNED, "crun run"),
                "x",
            ),
        ]
    return [
        *found,
        Mark(
            "orlop-runtime run to runc run", 1.0, _ratio(run, "orlop-runtime run", "runc run"), "x"
        ),
        Mark("PSS of one waiting launcher", LAUNCHER_PSS_MB, launcher, "MB"),
    ]
