"""What orlop wants to reach, and whether it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.in_process import PLANNED
from bench.sandbox import AGAIN, BWRAP, CRUN, FRESH

if TYPE_CHECKING:
    from bench.harness import Series
    from bench.memory import Waiter

FLOOR_FACTOR = 1.5
BWRAP_FACTOR = 1.5
AGAIN_MS = 3.0
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


def sandbox_marks(sandbox: dict[str, Series]) -> list[Mark]:
    """The goals of the sandbox library with what was read; bwrap sets no limits."""
    found = []
    for quantile in ("median", "p99"):
        for peer, limit in ((CRUN, 1.0), (BWRAP, BWRAP_FACTOR)):
            reading = None
            if peer in sandbox and FRESH in sandbox:
                fresh, other = (getattr(sandbox[name], quantile) for name in (FRESH, peer))
                reading = fresh / other
            found.append(Mark(f"fresh sandbox to {peer}, {quantile}", limit, reading, "x"))
    again = sandbox[AGAIN].median if AGAIN in sandbox else None
    return [*found, Mark("further run in a live sandbox, median", AGAIN_MS, again, "ms")]
