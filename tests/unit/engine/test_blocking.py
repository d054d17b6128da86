"""Calls that block do so in threads, which are used again and hold nobody up."""

from __future__ import annotations

import asyncio
import threading

import pytest

from orlop.engine.blocking import by_deadline, in_thread
from orlop.errors import DeadlineExceeded


def test_results_and_errors() -> None:
    async def call() -> int:
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 // 0)
        with pytest.raises(RuntimeError):  # a future cannot have StopIteration
            await in_thread(next, iter(()))
        return await in_thread(int, "12", base=8)

    assert asyncio.run(call()) == 10


def test_a_thread_is_used_again() -> None:
    async def call() -> set[int]:
        found = set()
        for _ in range(20):
            found.add(await in_thread(threading.get_ident))
            await asyncio.sleep(0.001)  # the thread is idle a moment after its result is there
        return found

    assert len(asyncio.run(call())) < 4


def test_one_that_hangs_is_not_in_the_way() -> None:
    hangs = threading.Event()

    async def call() -> list[bool]:
        hanging = [asyncio.ensure_future(in_thread(hangs.wait)) for _ in range(40)]
        with pytest.raises(DeadlineExceeded, match="cannot wait: it takes longer than 0.01 s"):
            await by_deadline(0.01, "wait", hangs.wait)
        await in_thread(hangs.set)
        return list(await asyncio.gather(*hanging))

    assert all(asyncio.run(call()))


def test_a_call_outlives_the_one_who_waits() -> None:
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait()
        done.set()

    async def call() -> bool:
        task = asyncio.ensure_future(in_thread(work))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        return await in_thread(done.wait, 10)

    assert asyncio.run(call())


def test_a_call_outlives_its_loop() -> None:
    go = threading.Event()

    async def call() -> None:
        with pytest.raises(DeadlineExceeded):
            await by_deadline(0.01, "wait", go.wait)

    asyncio.run(call())
    go.set()
