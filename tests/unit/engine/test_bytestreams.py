"""Streams between threads and the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from orlop.engine.bytestreams import Abandoned, Broken, Received, produced
from orlop.errors import NotFound

Write = Callable[[bytes], None]
WITHIN_S = 20


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, WITHIN_S))


async def joined(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([portion async for portion in stream])


class TestFromAThread:
    def test_everything_in_order(self) -> None:
        def work(write: Write) -> None:
            for number in range(1000):
                write(b"%d," % number * 100)

        async def test() -> None:
            wanted = b"".join(b"%d," % number * 100 for number in range(1000))
            assert await joined(await produced(work)) == wanted

        run(test())

    def test_small_writes_are_joined(self) -> None:
        def work(write: Write) -> None:
            for _ in range(1000):
                write(b"x")

        async def test() -> None:
            stream = await produced(work)
            assert [len(portion) async for portion in stream] == [1000]

        run(test())

    def test_nothing(self) -> None:
        async def test() -> None:
            assert await joined(await produced(lambda _: None)) == b""

        run(test())

    def test_an_error_before_anything_was_written(self) -> None:
        def work(_: Write) -> None:
            raise NotFound("path", "/x")

        async def test() -> None:
            with pytest.raises(NotFound):
                await produced(work)

        run(test())

    def test_an_error_later(self) -> None:
        def work(write: Write) -> None:
            write(bytes(1 << 20))
            raise NotFound("path", "/x")

        async def test() -> None:
            stream = await produced(work)
            with pytest.raises(NotFound):
                await joined(stream)

        run(test())

    @pytest.mark.parametrize("used", [True, False])
    def test_a_reader_who_leaves(self, used: bool) -> None:
        ended = threading.Event()

        def work(write: Write) -> None:
            try:
                while True:
                    write(bytes(1 << 20))
            except Abandoned:
                ended.set()
                raise

        async def test() -> None:
            stream = await produced(work)
            if used:
                await anext(stream)
                await stream.aclose()  # type: ignore[attr-defined]
            del stream
            await asyncio.to_thread(ended.wait, WITHIN_S)
            assert ended.is_set()

        run(test())


class TestToAThread:
    def test_everything_in_order(self) -> None:
        async def source() -> AsyncIterator[bytes]:
            for number in range(100):
                yield b"%d," % number

        async def test() -> None:
            async with Received(source()) as received:
                got = await asyncio.to_thread(lambda: b"".join(received.chunks()))
            assert got == b"".join(b"%d," % number for number in range(100))

        run(test())

    def test_a_source_that_fails(self) -> None:
        async def source() -> AsyncIterator[bytes]:
            yield b"x"
            raise ConnectionResetError("gone")

        async def test() -> None:
            async with Received(source()) as received:
                with pytest.raises(Broken) as broken:
                    await asyncio.to_thread(lambda: list(received.chunks()))
            assert isinstance(broken.value.error, ConnectionResetError)

        run(test())

    def test_whoever_waits_is_told_that_nothing_comes(self) -> None:
        async def source() -> AsyncIterator[bytes]:
            yield b"x"
            await asyncio.sleep(WITHIN_S)

        async def test() -> None:
            async with Received(source()) as received:
                waiting = asyncio.create_task(asyncio.to_thread(lambda: list(received.chunks())))
                await asyncio.sleep(0)
            with pytest.raises(Abandoned):
                await waiting

        run(test())

    def test_a_source_is_not_read_far_ahead(self) -> None:
        asked = 0

        async def source() -> AsyncIterator[bytes]:
            nonlocal asked
            while True:
                asked += 1
                yield b"x"

        async def test() -> None:
            async with Received(source()) as received:
                for _ in range(100):
                    await asyncio.sleep(0)
                assert 0 < asked < 20
                assert next(received.chunks()) == b"x"

        run(test())
