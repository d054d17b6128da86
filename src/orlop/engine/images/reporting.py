"""Progress from threads to the event loop, not more often than anybody can look at it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from orlop.engine.images.answers import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.engine.images.answers import Report

_INTERVAL_S = 0.1


class Reporter:
    """Tells of one thing, from whatever thread.

    Args:
        progress: is told, in the event loop's thread, whose the caller is in.
        name: of the thing: twelve digits of a digest.
        total: its bytes.
    """

    def __init__(self, progress: Report, name: str, total: int) -> None:
        self._progress = progress
        self._name = name
        self._total = total
        self._loop = asyncio.get_running_loop()

    def say(self, status: str) -> None:
        """Something has happened with it."""
        self._tell(Progress(status, self._name))

    def counter(self, status: str) -> Callable[[int], None]:
        """A function that tells how many bytes of it are done."""
        next_s = 0.0

        def told(current: int) -> None:
            nonlocal next_s
            now = time.monotonic()
            if now >= next_s or current == self._total:
                next_s = now + _INTERVAL_S
                self._tell(Progress(status, self._name, current, self._total))

        return told

    def _tell(self, progress: Progress) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it who listens
            self._loop.call_soon_threadsafe(self._progress, progress)
