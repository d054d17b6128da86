"""Work that goes on by itself."""

from __future__ import annotations

import asyncio

import pytest

from orlop.engine.background import Background
from orlop.errors import DeadlineExceeded, NotFound


def test_it_is_done_even_if_nobody_waits_any_more() -> None:
    async def check() -> bool:
        background, go, done = Background(), asyncio.Event(), asyncio.Event()

        async def work() -> None:
            await go.wait()
            done.set()

        waiting = asyncio.ensure_future(background.finish(work(), "do it", 10))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        go.set()
        async with asyncio.timeout(10):
            return await done.wait()

    assert asyncio.run(check())


def test_its_error_is_the_callers() -> None:
    async def work() -> None:
        raise NotFound("x", "y")

    async def check() -> None:
        with pytest.raises(NotFound):
            await Background().finish(work(), "do it", 10)

    asyncio.run(check())


def test_it_takes_too_long() -> None:
    async def check() -> None:
        background = Background()
        with pytest.raises(DeadlineExceeded, match="cannot sleep: it takes longer than 0.01 s"):
            await background.finish(asyncio.sleep(100), "sleep", 0.01)
        await background.close()

    asyncio.run(check())
