"""Sandboxes and asyncio."""

from __future__ import annotations

import asyncio

import pytest

from orlop import AsyncSandbox, Verdict
from orlop.errors import CommandNotFound, Unavailable

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


def test_it_does_what_the_other_does() -> None:
    async def main() -> None:
        async with AsyncSandbox(memory="64m", pids=8) as box:
            await box.write("file", b"x" * 100_000)
            assert await box.read("file") == b"x" * 100_000
            assert [entry.name for entry in await box.listing()] == ["file"]
            result = await box.run(["sh", "-c", "cat; echo err >&2"], stdin=b"in")
            assert (result.verdict, result.stdout, result.stderr) == (Verdict.OK, b"in", b"err\n")
            limited = await box.run(["sleep", "9"], timeout_s=0.05)
            assert limited.verdict == Verdict.TIMEOUT
            flood = await box.run(["cat", "/dev/zero"], output=1000)
            assert (flood.verdict, len(flood.stdout)) == (Verdict.OUTPUT_LIMIT, 1000)
            with pytest.raises(CommandNotFound):
                await box.run(["nope"])

    asyncio.run(main())


def test_tasks_in_parallel() -> None:
    async def work(number: int) -> bytes:
        async with AsyncSandbox() as box:
            result = await box.run(["sh", "-c", f"sleep 0.1; echo {number}"])
            return result.stdout

    async def main() -> list[bytes]:
        return await asyncio.gather(*map(work, range(20)))

    assert asyncio.run(main()) == [b"%d\n" % number for number in range(20)]


def test_the_loop_goes_on_meanwhile() -> None:
    async def main() -> int:
        ticks = 0
        async with AsyncSandbox() as box:
            run = asyncio.create_task(box.run(["sleep", "0.2"]))
            while not run.done():
                await asyncio.sleep(0.01)
                ticks += 1
            assert (await run).verdict == Verdict.OK
        return ticks

    assert asyncio.run(main()) > 5


def test_a_run_that_is_cancelled_is_killed() -> None:
    async def main() -> None:
        async with AsyncSandbox(timeout_s=None) as box:
            started = asyncio.Event()
            run = asyncio.create_task(
                box.run(["sh", "-c", "echo; sleep 100"], stdout=lambda _: started.set())
            )
            await started.wait()
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
            count = await box.run(["sh", "-c", "ls -d /proc/[0-9]* | wc -l"])
            assert count.stdout.strip() in (b"3", b"4")

    asyncio.run(main())


def test_closing_ends_what_other_tasks_wait_for() -> None:
    async def main() -> None:
        box = AsyncSandbox(timeout_s=None)
        run = asyncio.create_task(box.run(["sleep", "100"]))
        await asyncio.sleep(0.05)
        await box.close()
        assert (await run).signal == 9
        with pytest.raises(Unavailable):
            await box.run(["true"])

    asyncio.run(main())


def test_tasks_take_turns_in_one_box() -> None:
    async def main() -> None:
        async with AsyncSandbox() as box:
            await box.write("count", "0\n")
            script = "read n <count; echo $((n + 1)) >count; cat count"
            results = await asyncio.gather(*(box.run(["sh", "-c", script]) for _ in range(10)))
            assert sorted(int(result.stdout) for result in results) == list(range(1, 11))

    asyncio.run(main())
