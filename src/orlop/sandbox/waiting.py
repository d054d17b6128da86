"""The one way in which a sandbox waits, for threads and for asyncio.

What a sandbox does is written once, as generators that yield a `Wait` where they have to wait for
descriptors or for a moment, and get what has become ready. `wait_for` drives one by poll(2),
`wait_for_async` through the event loop.
"""

from __future__ import annotations

import select
import time
from collections.abc import Collection, Generator
from typing import TYPE_CHECKING, TypeVar

from orlop.records import Record

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

T = TypeVar("T")


class Wait(Record):
    """Until one of the descriptors can be read (or has hung up), or until a moment.

    Attributes:
        readable: descriptors.
        until: of time.monotonic(); None is for ever.
    """

    readable: tuple[int, ...]
    until: float | None = None


Steps = Generator[Wait, Collection[int], T]


def wait_for(steps: Steps[T]) -> T:
    """Drives a generator to its end in this thread; returns its value."""
    return _drive(steps, _poll)


def _drive(steps: Steps[T], ready: Callable[[Wait], Collection[int]]) -> T:
    try:
        wait = next(steps)
        while True:
            wait = steps.send(ready(wait))
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        steps.close()


def _poll(wait: Wait) -> Collection[int]:
    poll = select.poll()
    for fd in wait.readable:
        poll.register(fd, select.POLLIN)
    timeout_ms = None if wait.until is None else max(0.0, wait.until - time.monotonic()) * 1000
    return [fd for fd, _ in poll.poll(timeout_ms)]


async def wait_for_async(steps: Steps[T]) -> T:
    """Drives a generator to its end in the running event loop; returns its value.

    If the task is cancelled, the generator is closed where it waits.
    """
    try:
        wait = next(steps)
        while True:
            wait = steps.send(await _ready(wait))
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        steps.close()


async def _ready(wait: Wait) -> Collection[int]:
    import asyncio

    loop = asyncio.get_running_loop()
    change: asyncio.Future[int] = loop.create_future()
    ready: set[int] = set()
    timer = None
    if wait.until is not None:
        # The loop's clock is CLOCK_MONOTONIC too, but another loop need not have that.
        left_s = max(0.0, wait.until - time.monotonic())
        timer = loop.call_later(left_s, _tell, change, ready, -1)
    for fd in wait.readable:
        loop.add_reader(fd, _tell, change, ready, fd)
    try:
        await change
    finally:
        for fd in wait.readable:
            loop.remove_reader(fd)
        if timer is not None:
            timer.cancel()
    return ready - {-1}


def _tell(change: asyncio.Future[int], ready: set[int], fd: int) -> None:
    ready.add(fd)
    if not change.done():
        change.set_result(fd)
