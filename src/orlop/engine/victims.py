"""Which processes of a container the kernel has killed for want of memory, as its log says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orlop.kernel import kernel_log

if TYPE_CHECKING:
    from orlop.engine.container import Container

CLOCK_NS = 2 * 10**9
"""By how much the kernel's clock may differ from ours."""


def last_run(container: Container) -> tuple[int, int]:
    """Begin and end of a container's last run (ns since 1970), with room for the kernel's clock."""
    state = container.state
    ended = time.time_ns() if container.is_running else state.finished_ns
    return state.started_ns - CLOCK_NS, ended + CLOCK_NS


def victims(
    container: Container, lines: tuple[kernel_log.Line, ...]
) -> tuple[kernel_log.OomKill, ...]:
    """Those of its last run; a control group that has its id in its path is its own."""
    begun, ended = last_run(container)
    return tuple(
        kill
        for kill in kernel_log.oom_kills(lines)
        if container.id in kill.group and begun <= kill.at_ns <= ended
    )


def last_victim(container: Container) -> kernel_log.OomKill | None:
    """The last one of the run that has not been written down as ended; None if nobody knows."""
    lines = kernel_log.read_lines() or ()
    begun, _ = last_run(container)
    found = [
        kill
        for kill in kernel_log.oom_kills(lines)
        if container.id in kill.group and kill.at_ns >= begun
    ]
    return found[-1] if found else None
