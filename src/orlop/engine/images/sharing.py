"""One piece of work for all who want it at the same time.

The first one who asks starts it, everybody hears of its progress, those who come late of what was
told last of each thing. Who is cancelled only stops waiting; with the last one the work is told to
stop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from orlop.image.cancellation import Cancellation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orlop.engine.images.answers import Progress, Report

    Work = Callable[[Report, Cancellation], Awaitable["_T"]]

_T = TypeVar("_T")


class Sharing(Generic[_T]):
    """Work that goes on, by what it is about."""

    def __init__(self) -> None:
        self._works: dict[str, _Shared[_T]] = {}

    async def join(self, key: str, work: Work[_T], progress: Report) -> _T:
        """The result of the work that goes on about this, or of this work.

        Args:
            key: what it is about; two works with one key do the same.
            work: what to do if nobody does it.
            progress: is told.

        Raises:
            Whatever the work raises.
        """
        shared = self._works.get(key)
        if shared is None or shared.cancellation.is_cancelled:
            shared = self._works[key] = _Shared(work)
            shared.task.add_done_callback(lambda _: self._forget(key, shared))
        return await shared.wait(progress)

    async def close(self) -> None:
        """All of it is told to stop; returns when it has."""
        tasks = []
        for shared in tuple(self._works.values()):
            shared.cancellation.cancel()
            shared.task.cancel()
            tasks.append(shared.task)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: str, shared: _Shared[_T] | None) -> None:
        if self._works.get(key) is shared:
            del self._works[key]


class _Shared(Generic[_T]):
    def __init__(self, work: Work[_T]) -> None:
        self.cancellation = Cancellation()
        self._listeners: list[Report] = []
        self._last: dict[str, Progress] = {}
        self.task = asyncio.ensure_future(work(self._tell, self.cancellation))

    async def wait(self, progress: Report) -> _T:
        for told in self._last.values():
            progress(told)
        self._listeners.append(progress)
        try:
            return await asyncio.shield(self.task)
        finally:
            self._listeners.remove(progress)
            if not self._listeners and not self.task.done():
                self.cancellation.cancel()
                self.task.cancel()

    def _tell(self, progress: Progress) -> None:
        self._last[progress.id] = progress
        for listener in tuple(self._listeners):
            listener(progress)
