"""Tells tasks of the event loop when something in a directory has changed.

One inotify descriptor serves the whole engine, since a user may have few of them (128). Where the
kernel refuses, the waiting tasks are woken now and then to look themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from orlop.errors import SyscallError
from orlop.kernel.inotify import CREATE, IGNORED, MODIFY, MOVED_TO, Inotify

if TYPE_CHECKING:
    from collections.abc import Iterator

_MASK = MODIFY | CREATE | MOVED_TO
_LOOK_EVERY_S = 0.25


class FileWatch:
    """The watched directories of an engine. To be closed; used in one event loop."""

    def __init__(self) -> None:
        self._inotify: Inotify | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: dict[int, set[asyncio.Event]] = {}

    def close(self) -> None:
        """Nothing is watched any more."""
        if self._inotify is not None and self._loop is not None:
            self._loop.remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    @contextlib.contextmanager
    def changes(self, directory: str) -> Iterator[asyncio.Event]:
        """While the block lasts, the event is set after every change; the listener clears it.

        Args:
            directory: absolute host path of a directory that exists.
        """
        news = asyncio.Event()
        try:
            watch = self._opened().add(directory, _MASK)
        except SyscallError:
            with self._woken(news):
                yield news
            return
        listeners = self._listeners.setdefault(watch, set())
        listeners.add(news)
        try:
            yield news
        finally:
            listeners.discard(news)
            if not listeners and self._listeners.get(watch) is listeners:
                del self._listeners[watch]
                if self._inotify is not None:
                    self._inotify.remove(watch)

    def _opened(self) -> Inotify:
        if self._inotify is None:
            self._inotify = Inotify()
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._inotify.fileno(), self._tell)
        return self._inotify

    def _tell(self) -> None:
        """Wakes those whose directory has changed; all of them if events were lost."""
        for change in self._inotify.read() if self._inotify is not None else ():
            if change.watch < 0:
                for listeners in self._listeners.values():
                    _wake(listeners)
            else:
                _wake(self._listeners.get(change.watch, set()))
            if change.mask & IGNORED:
                self._listeners.pop(change.watch, None)

    @contextlib.contextmanager
    def _woken(self, news: asyncio.Event) -> Iterator[None]:
        async def again_and_again() -> None:
            while True:
                await asyncio.sleep(_LOOK_EVERY_S)
                news.set()

        task = asyncio.ensure_future(again_and_again())
        try:
            yield
        finally:
            task.cancel()


def _wake(listeners: set[asyncio.Event]) -> None:
    for news in listeners:
        news.set()
