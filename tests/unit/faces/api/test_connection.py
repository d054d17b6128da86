"""Connections whose socket is given away: nothing is lost, whenever and however bytes come."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from orlop.errors import Unavailable
from tests.unit.faces.api.serving import RUNNING, FakeEngine, container, served

HEAD = (
    b"POST /v1.47/containers/web/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n"
    b"Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
)
PING = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def talk(directory: Path, engine: FakeEngine, what: Talk) -> None:
    async def run() -> None:
        async with served(directory, engine) as path:
            reader, writer = await asyncio.open_unix_connection(path)
            async with asyncio.timeout(10):
                await what(reader, writer)
            writer.close()

    asyncio.run(run())


async def taken(engine: FakeEngine) -> tuple[socket.socket, bytes]:
    """What the engine got: the client's socket, and what had come before."""
    attachment = await engine.containers.attached.get()
    return socket.socket(fileno=attachment.fd), attachment.first


async def head_of(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(container("web", 1, state=RUNNING))


def test_the_client_is_the_engines(tmp_path: Path, engine: FakeEngine) -> None:
    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n")
        head = await head_of(reader)
        assert head.startswith(UPGRADED)
        assert b"application/vnd.docker.multiplexed-stream" in head
        client, first = await taken(engine)
        assert first == b""
        await asyncio.sleep(0.05)  # the server lets go of its descriptor: nothing must follow
        client.sendall(b"output")
        assert await reader.readexactly(6) == b"output"
        writer.write(b"input")
        await asyncio.sleep(0)
        client.setblocking(True)
        assert client.recv(100) == b"input"
        writer.write_eof()
        assert client.recv(100) == b""
        client.sendall(b"late")  # a half-closed client still reads
        client.close()
        assert await reader.read() == b"late"

    talk(tmp_path, engine, what)


@pytest.mark.parametrize("body", [b"", b'{"Detach": false}'])
@pytest.mark.parametrize("step", [1, 7, 60, 10_000])
def test_what_comes_early_is_kept(
    tmp_path: Path, engine: FakeEngine, body: bytes, step: int
) -> None:
    """In pieces of any size, also together with the request; it may look like another one."""
    early = b"early\r\n\r\n" + PING

    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body + early
        sent = len(request) if step > len(request) else len(request) - len(early)
        for at in range(0, sent, step):
            writer.write(request[at : min(at + step, sent)])
            await writer.drain()
            await asyncio.sleep(0)
        await head_of(reader)
        writer.write(request[sent:])
        writer.write_eof()
        client, first = await taken(engine)
        client.setblocking(True)
        with client, client.makefile("rb") as rest:
            assert first + rest.read() == early

    talk(tmp_path, engine, what)


def test_after_other_requests_of_the_same_connection(tmp_path: Path, engine: FakeEngine) -> None:
    """docker-py takes any of its connections."""

    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(PING + PING)
        for _ in range(2):
            assert (await head_of(reader)).startswith(b"HTTP/1.1 200")
            await reader.readexactly(2)
        writer.write(HEAD + b"\r\n")
        assert (await head_of(reader)).startswith(UPGRADED)
        client, _ = await taken(engine)
        client.close()
        assert await reader.read() == b""

    talk(tmp_path, engine, what)


def test_a_refused_client_may_ask_again(tmp_path: Path, engine: FakeEngine) -> None:
    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD.replace(b"/web/", b"/nobody/") + b"\r\n" + PING)
        head = await head_of(reader)
        assert head.startswith(b"HTTP/1.1 404")
        await reader.readuntil(b"}\n")
        assert (await head_of(reader)).startswith(b"HTTP/1.1 200")

    talk(tmp_path, engine, what)


def test_a_client_that_half_closes_at_once(tmp_path: Path, engine: FakeEngine) -> None:
    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n" + b"all input")
        writer.write_eof()
        await head_of(reader)
        client, first = await taken(engine)
        client.setblocking(True)
        assert first == b"all input"
        assert client.recv(10) == b""
        client.sendall(b"answer")
        client.close()
        assert await reader.read() == b"answer"

    talk(tmp_path, engine, what)


def test_without_an_upgrade(tmp_path: Path, engine: FakeEngine) -> None:
    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD.replace(b"Connection: Upgrade\r\nUpgrade: tcp\r\n", b"") + b"\r\n")
        head = await head_of(reader)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"application/vnd.docker.raw-stream" in head
        client, _ = await taken(engine)
        client.sendall(b"output")
        client.close()
        assert await reader.read() == b"output"

    talk(tmp_path, engine, what)


def test_what_goes_wrong_late_is_told_in_the_stream(tmp_path: Path, engine: FakeEngine) -> None:
    engine.containers.fails = Unavailable("the launcher does not answer")

    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n")
        await head_of(reader)
        text = b"the launcher does not answer\r\n"
        assert await reader.read() == bytes([2, 0, 0, 0, 0, 0, 0, len(text)]) + text

    talk(tmp_path, engine, what)


def test_no_descriptor_is_left(tmp_path: Path, engine: FakeEngine) -> None:
    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        before = len(os.listdir("/proc/self/fd"))
        writer.write(HEAD + b"\r\n")
        await head_of(reader)
        client, _ = await taken(engine)
        client.close()
        await reader.read()
        await asyncio.sleep(0.01)
        assert len(os.listdir("/proc/self/fd")) == before - 1  # the server's end

    talk(tmp_path, engine, what)


def test_a_large_head_without_an_end_is_refused(tmp_path: Path, engine: FakeEngine) -> None:
    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /_ping HTTP/1.1\r\nX: " + b"x" * (200 << 10))
        assert (await head_of(reader)).startswith(b"HTTP/1.0 400")

    talk(tmp_path, engine, what)
