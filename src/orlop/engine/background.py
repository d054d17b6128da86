"""Tasks that go on by themselves: kept until they end, their failures logged, ended together."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from orlop.errors import DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Background:
    """The tasks of one engine."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, _T], name: str) -> asyncio.Task[_T]:
        """Begins some work that nobody waits for."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def finish(self, work: Coroutine[Any, Any, _T], name: str, seconds: float) -> _T:
        """The result of some work that is done to its end whatever becomes of the one who waits.

        Args:
            work: to do.
            name: what it is, as "start web".
            seconds: how long to wait for it.

        Raises:
            DeadlineExceeded: it takes longer; it goes on.
        """
        task = self.start(work, name)
        done, _ = await asyncio.wait((task,), timeout=seconds)
        if not done:
            raise DeadlineExceeded(f"cannot {name}: it takes longer than {seconds:g} s")
        return task.result()

    async def close(self) -> None:
        """Cancels what still goes on, and waits until it has ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.debug("%s: %s", task.get_name(), error, exc_info=error)
