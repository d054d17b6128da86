"""One generator, driven by poll(2) and by an event loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

import pytest

from orlop.sandbox.waiting import Steps, T, Wait, wait_for, wait_for_async


def in_loop(steps: Steps[T]) -> T:
    return asyncio.run(wait_for_async(steps))


DRIVERS: list[Callable[[Steps[object]], object]] = [wait_for, in_loop]


@pytest.mark.parametrize("drive", DRIVERS)
def test_descriptors_and_the_value(drive: Callable[[Steps[object]], object]) -> None:
    (a, b), (c, d) = os.pipe(), os.pipe()

    def steps() -> Steps[object]:
        os.write(d, b"x")
        first = set((yield Wait((a, c))))
        os.read(c, 1)
        os.write(b, b"x")
        return first, set((yield Wait((a, c))))

    assert drive(steps()) == ({c}, {a})
    for fd in (a, b, c, d):
        os.close(fd)


@pytest.mark.parametrize("drive", DRIVERS)
def test_a_moment(drive: Callable[[Steps[object]], object]) -> None:
    a, b = os.pipe()

    def steps() -> Steps[object]:
        return list((yield Wait((a,), time.monotonic() + 0.01)))

    assert drive(steps()) == []
    os.close(a)
    os.close(b)


@pytest.mark.parametrize("drive", DRIVERS)
def test_a_moment_that_has_passed(drive: Callable[[Steps[object]], object]) -> None:
    def steps() -> Steps[object]:
        return list((yield Wait((), time.monotonic() - 1)))

    assert drive(steps()) == []


@pytest.mark.parametrize("drive", DRIVERS)
def test_without_waiting(drive: Callable[[Steps[object]], object]) -> None:
    def steps() -> Steps[object]:
        yield from ()
        return 7

    assert drive(steps()) == 7


@pytest.mark.parametrize("drive", DRIVERS)
def test_errors_pass_through(drive: Callable[[Steps[object]], object]) -> None:
    def steps() -> Steps[object]:
        found: dict[str, object] = {}
        yield Wait((), time.monotonic())
        return found["mine"]

    with pytest.raises(KeyError):
        drive(steps())


def test_a_cancelled_task_closes_its_generator() -> None:
    a, b = os.pipe()
    seen: list[str] = []

    def steps() -> Steps[object]:
        try:
            return (yield Wait((a,)))
        finally:
            seen.append("closed")

    async def main() -> None:
        task = asyncio.create_task(wait_for_async(steps()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["closed"]
    os.close(a)
    os.close(b)
