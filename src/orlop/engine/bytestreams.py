"""Streams of bytes between threads and the event loop, a few portions ahead and no more."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from typing import TYPE_CHECKING

from orlop.engine.blocking import in_thread
from orlop.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator

_DEPTH = 8
_LEAST_BYTES = 64 << 10


class Abandoned(Unavailable):
    """Nobody reads any more what a thread produces, or nobody sends what it reads."""

    def __init__(self) -> None:
        super().__init__("the other side of the stream has gone")


async def produced(
    work: Callable[[Callable[[bytes], None]], None],
) -> AsyncIterator[bytes]:
    """What a function writes, as it comes; the function runs in a thread of its own.

    The first portion is there, or the error that comes in place of it, when this returns. If the
    iterator is closed early, the function's next write raises `Abandoned`.

    Args:
        work: gets a function to write with, which waits while nobody reads.

    Raises:
        What `work` raises before it writes.
    """
    pipe = _Pipe(asyncio.get_running_loop())
    task = asyncio.ensure_future(in_thread(pipe.run, work))
    iterator = _portions(pipe, task)
    try:
        first = await anext(iterator)
    except StopAsyncIteration:
        return _nothing()
    return _with_first(first, iterator)


async def _portions(pipe: _Pipe, task: asyncio.Future[None]) -> AsyncIterator[bytes]:
    try:
        while (portion := await pipe.get()) is not None:
            yield portion
        await task  # and whatever it raised
    finally:
        pipe.close()
        if not task.done():
            with contextlib.suppress(Abandoned):
                await asyncio.shield(task)


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(rest) as others:  # type: ignore[type-var]
        yield first
        async for portion in others:
            yield portion


async def _nothing() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for portion in nothing:
        yield portion


class _Pipe:
    """From a thread to the event loop: small writes are joined, and a full pipe makes wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(_DEPTH)
        self._closed = False
        self._pending: list[bytes] = []
        self._size = 0

    def run(self, work: Callable[[Callable[[bytes], None]], None]) -> None:
        """Calls the function, in its thread."""
        try:
            work(self._write)
            self._flush()
        finally:
            with contextlib.suppress(RuntimeError):  # the event loop has ended
                self._loop.call_soon_threadsafe(self._queue.put_nowait, None)

    def _write(self, portion: bytes) -> None:
        self._pending.append(portion)
        self._size += len(portion)
        if self._size >= _LEAST_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._room.acquire()
            if self._closed:
                raise Abandoned
            portion = b"".join(self._pending)
            self._pending.clear()
            self._size = 0
            self._loop.call_soon_threadsafe(self._queue.put_nowait, portion)

    async def get(self) -> bytes | None:
        """The next portion, None at the end."""
        portion = await self._queue.get()
        self._room.release()
        return portion

    def close(self) -> None:
        """Nobody reads any more."""
        self._closed = True
        for _ in range(_DEPTH):
            self._room.release()


class Broken(Unavailable):
    """What sends a stream has failed: its error, as one that nobody takes for his own.

    Attributes:
        error: as it was raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(f"the stream has broken: {error}")
        self.error = error


class Received:
    """An asynchronous stream as one that a thread can iterate over.

    Used as a context in the event loop; `chunks` is for the thread.
    """

    def __init__(self, source: AsyncIterable[bytes]) -> None:
        self._source = source
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue()
        self._room = asyncio.Semaphore(_DEPTH)
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Received:
        self._task = asyncio.create_task(self._feed())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._queue.put(Abandoned())

    def chunks(self) -> Iterator[bytes]:
        """The portions; waits for them, so not for the event loop's thread.

        Raises:
            Abandoned: the stream has gone before its end.
            Broken: its source has raised something.
        """
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._room.release)
            yield item

    async def _feed(self) -> None:
        try:
            async for portion in self._source:
                await self._room.acquire()
                self._queue.put(bytes(portion))
        except asyncio.CancelledError:
            self._queue.put(Abandoned())
            raise
        except Exception as error:  # noqa: BLE001 - it is raised where the portions are wanted
            self._queue.put(Broken(error))
        else:
            self._queue.put(None)
