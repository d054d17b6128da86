"""Restart policies at work: containers that wait for their next start."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orlop.engine.containers.restarting import next_delay

if TYPE_CHECKING:
    from collections.abc import Callable


class Policies:
    """Timers of containers that are to be started again.

    Args:
        on_time: gets the id of a container whose time has come.
    """

    def __init__(self, on_time: Callable[[str], None]) -> None:
        self._on_time = on_time
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._delays: dict[str, float] = {}
        self._failed: set[str] = set()

    def count_as_failed(self, container: str) -> None:
        """The next end of the container is a failure, whatever its exit code."""
        self._failed.add(container)

    def has_failed(self, container: str) -> bool:
        """Whether the end that has come was to count as a failure; forgets it."""
        failed = container in self._failed
        self._failed.discard(container)
        return failed

    def schedule(self, container: str, lived_s: float) -> float:
        """Has the container started in a while, which is returned in seconds."""
        delay = next_delay(self._delays.get(container, 0), lived_s)
        self._delays[container] = delay
        loop = asyncio.get_running_loop()
        self._timers[container] = loop.call_later(delay, self._is_time, container)
        return delay

    def cancel(self, container: str) -> bool:
        """Does not have it started; whether it was to be."""
        self._delays.pop(container, None)
        self._failed.discard(container)
        timer = self._timers.pop(container, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def close(self) -> None:
        """Has nothing started any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _is_time(self, container: str) -> None:
        del self._timers[container]
        self._on_time(container)
