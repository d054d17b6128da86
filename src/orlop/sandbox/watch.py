"""When a run has to be stopped, and why."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orlop.sandbox.result import Verdict

if TYPE_CHECKING:
    from orlop.kernel.cgroup.meter import Meter, Reading
    from orlop.sandbox.options import RunLimits

_KILL_TAKES_S = 5.0
_LEAST_PAUSE_S = 0.002


class Watch:
    """The limits of one run, from now on.

    Attributes:
        stopped: why it was stopped, None as long as it was not.
        until: the moment, of time.monotonic(), at which to `look` at the latest.
    """

    def __init__(self, limits: RunLimits, cpus: float, meter: Meter, before: Reading) -> None:
        self.stopped: Verdict | None = None
        self._meter = meter
        self._cpus = max(cpus, 0.01)
        self._cpu_end_ns = (
            None if limits.cpu_time_s is None else before.cpu_ns + int(limits.cpu_time_s * 1e9)
        )
        self._end = None if limits.timeout_s is None else time.monotonic() + limits.timeout_s
        self.until = self._next_look()

    def look(self, *, output_fits: bool = True) -> bool:
        """Whether the run has to be killed now; then `stopped` says why.

        True again for a run that still goes on a while after it was killed.
        """
        now = time.monotonic()
        if self.stopped is not None:
            return self.until is not None and now >= self.until
        if not output_fits:
            self._stop(Verdict.OUTPUT_LIMIT, now)
        elif self._end is not None and now >= self._end:
            self._stop(Verdict.TIMEOUT, now)
        elif self._cpu_end_ns is not None and self._meter.cpu_ns() >= self._cpu_end_ns:
            self._stop(Verdict.CPU_LIMIT, now)
        else:
            self.until = self._next_look()
        return self.stopped is not None

    def look_at_end(self, *, output_fits: bool) -> None:
        """The run has ended; what it has written at last may have been too much."""
        if self.stopped is None and not output_fits:
            self.stopped = Verdict.OUTPUT_LIMIT

    def _stop(self, why: Verdict, now: float) -> None:
        self.stopped = why
        self.until = now + _KILL_TAKES_S

    def _next_look(self) -> float | None:
        """CPU time cannot be used up before all CPUs of the box have worked for what is left."""
        if self._cpu_end_ns is None:
            return self._end
        left_s = (self._cpu_end_ns - self._meter.cpu_ns()) / 1e9 / self._cpus
        look = time.monotonic() + max(left_s, _LEAST_PAUSE_S)
        return look if self._end is None else min(look, self._end)
