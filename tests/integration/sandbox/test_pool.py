"""Pools of prepared boxes."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from orlop import Pool, Sandbox, Verdict
from orlop.errors import InvalidArgument, Unavailable

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


def test_each_sandbox_is_a_fresh_one() -> None:
    with Pool(3) as pool:
        names = set()
        for _ in range(8):
            with pool.sandbox() as box:
                names.add(box.id)
                assert box.listing() == ()
                box.write("file", "x")
        assert len(names) == 8


def test_options_are_those_of_the_pool() -> None:
    with Pool(1, memory="32m", timeout_s=0.1, env={"A": "b"}) as pool, pool.sandbox() as box:
        assert box.run(["sleep", "9"]).verdict == Verdict.TIMEOUT
        assert b"A=b" in box.run(["env"]).stdout
        assert box.run(["python3", "-c", "bytearray(50 << 20)"]).verdict == Verdict.MEMORY_LIMIT


def test_many_threads() -> None:
    failed: list[object] = []

    def work(pool: Pool) -> None:
        for _ in range(6):
            with pool.sandbox() as box:
                result = box.run(["echo", box.id])
                if result.stdout.decode().strip() != box.id:
                    failed.append(result)

    with Pool(4) as pool:
        threads = [threading.Thread(target=work, args=(pool,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []


def test_many_tasks() -> None:
    async def work(pool: Pool) -> Verdict:
        async with pool.async_sandbox() as box:
            return (await box.run(["true"])).verdict

    async def all_of_them(pool: Pool) -> list[Verdict]:
        return await asyncio.gather(*(work(pool) for _ in range(24)))

    with Pool(4) as pool:
        assert asyncio.run(all_of_them(pool)) == [Verdict.OK] * 24


def test_what_is_in_use_survives_its_pool() -> None:
    pool = Pool(2)
    box = pool.sandbox()
    pool.close()
    assert box.run(["true"]).ok
    box.close()
    with pytest.raises(Unavailable, match="closed"):
        pool.sandbox()
    pool.close()


def test_a_box_that_has_died_meanwhile_is_not_given_out() -> None:
    with Pool(1) as pool:
        with pool.sandbox() as box:
            box.run(["true"])
        with pool._changed:
            while not pool._waiting:
                pool._changed.wait(0.01)
            dead = pool._waiting[0]
        dead.kill()
        while not dead.has_ended():
            pass
        with pool.sandbox() as box:
            assert isinstance(box, Sandbox)
            assert box.id != dead.id
            assert box.run(["true"]).ok


def test_the_pool_of_another_process() -> None:
    with Pool(1) as pool:
        child = os.fork()
        if child == 0:
            try:
                pool.sandbox()
            except Unavailable:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        with pool.sandbox() as box:
            assert box.run(["true"]).ok


def test_bad_arguments() -> None:
    with pytest.raises(InvalidArgument):
        Pool(0)
    with pytest.raises(InvalidArgument):
        Pool(1, memory="none")
