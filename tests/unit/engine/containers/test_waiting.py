"""Those who wait are told once, and what they wait for."""

from __future__ import annotations

import asyncio

import pytest

from orlop.engine.container import CREATED, EXITED, PAUSED, RESTARTING, RUNNING
from orlop.engine.containers.answers import Ended, WaitCondition
from orlop.engine.containers.waiting import Waiters
from tests.unit.engine.containers.values import container

NOT_RUNNING, NEXT_EXIT, REMOVED = WaitCondition


@pytest.mark.parametrize("status", [CREATED, EXITED])
def test_what_does_not_run_need_not_be_waited_for(status: str) -> None:
    async def wait() -> Ended:
        done = Waiters().wait(container(status=status, exit_code=3, error="x"), NOT_RUNNING)
        return done.result()

    assert asyncio.run(wait()) == Ended(3, "x")


@pytest.mark.parametrize("status", [RUNNING, PAUSED, RESTARTING])
def test_an_end(status: str) -> None:
    async def wait() -> list[bool]:
        waiters = Waiters()
        found = [waiters.wait(container(status=status), condition) for condition in WaitCondition]
        waiters.has_ended("a" * 64, Ended(1))
        return [future.done() for future in found]

    assert asyncio.run(wait()) == [True, True, False]


def test_the_next_end_of_one_that_does_not_run() -> None:
    async def wait() -> bool:
        return Waiters().wait(container(status=EXITED), NEXT_EXIT).done()

    assert not asyncio.run(wait())


def test_removal_is_told_to_all() -> None:
    async def wait() -> list[Ended]:
        waiters = Waiters()
        conditions = (NEXT_EXIT, REMOVED)
        found = [waiters.wait(container(), condition) for condition in conditions]
        waiters.is_removed("a" * 64, Ended(5))
        return [future.result() for future in found]

    assert asyncio.run(wait()) == [Ended(5), Ended(5)]


def test_a_removal_that_fails() -> None:
    async def wait() -> list[bool]:
        waiters = Waiters()
        found = [waiters.wait(container(), condition) for condition in (NEXT_EXIT, REMOVED)]
        waiters.removal_failed("a" * 64, Ended(0, "busy"))
        return [future.done() for future in found]

    assert asyncio.run(wait()) == [False, True]


def test_others_are_not_told() -> None:
    async def wait() -> bool:
        waiters = Waiters()
        future = waiters.wait(container(key="b", status=RUNNING), NOT_RUNNING)
        waiters.has_ended("a" * 64, Ended(1))
        return future.done()

    assert not asyncio.run(wait())


def test_those_who_do_not_wait_any_more_are_forgotten() -> None:
    async def wait() -> Ended:
        waiters = Waiters()
        one = waiters.wait(container(status=RUNNING), NOT_RUNNING)
        other = waiters.wait(container(status=RUNNING), NOT_RUNNING)
        one.cancel()
        await asyncio.sleep(0)
        waiters.has_ended("a" * 64, Ended(1))
        return other.result()

    assert asyncio.run(wait()) == Ended(1)
