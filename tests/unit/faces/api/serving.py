"""The API around an engine in memory, at a socket in a directory of the test.

The engine is the smallest that answers: what is tested here is the way from bytes to calls and
back, which needs no container. With containers it is tested in tests/integration/api.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import aiohttp

from orlop.engine.attachment import Attachment
from orlop.engine.background import Background
from orlop.engine.container import Container, ResolvedImage, State
from orlop.engine.containers import Created, Ended, WaitCondition
from orlop.engine.database import Database
from orlop.engine.engine import Engine
from orlop.engine.events import Events
from orlop.engine.networks import Networks
from orlop.errors import NotFound, OrlopError
from orlop.faces.api.serving import Serving
from orlop.intent.request import Host, HostImage, Namespaces, Request

T = TypeVar("T")
SECOND = 1_000_000_000


def container(name: str, number: int, **fields: Any) -> Container:
    """A container with the host's network; its id begins with the number, in two digits."""
    request = fields.pop("request", Request(HostImage(), namespaces=Namespaces(networks=(Host(),))))
    image = fields.pop("image", ResolvedImage("host", "sha256:" + "0" * 64))
    created_ns = fields.pop("created_ns", number * SECOND)
    return Container(f"{number:02x}" * 32, name, created_ns, request, image, **fields)


class FakeContainers:
    """Containers in a list; what was called is in `calls`."""

    def __init__(self, *known: Container) -> None:
        self.known = list(known)
        self.calls: list[tuple[Any, ...]] = []
        self.attached: asyncio.Queue[Attachment] = asyncio.Queue()
        self.fails: OrlopError | None = None
        self.ended: asyncio.Future[Ended] | None = None

    def all(self) -> tuple[Container, ...]:
        return tuple(self.known)

    def get(self, ref: str) -> Container:
        for one in self.known:
            if ref and (one.id.startswith(ref) or ref.lstrip("/") == one.name):
                return one
        raise NotFound("container", ref)

    async def create(self, request: Request, *, name: str = "", platform: str = "") -> Created:
        self.calls.append(("create", request, name, platform))
        return Created("ab" * 32, ("a warning",))

    async def start(self, ref: str) -> bool:
        self.calls.append(("start", ref))
        if self.fails:
            raise self.fails
        return not self.get(ref).is_running

    @contextlib.contextmanager
    def attaching(self, ref: str) -> Iterator[Callable[[Attachment], Awaitable[None]]]:
        yield functools.partial(self.attach, ref)

    async def attach(self, ref: str, attachment: Attachment) -> None:
        if self.fails:
            socket.socket(fileno=attachment.fd).close()
            raise self.fails
        await self.attached.put(attachment)

    def wait(self, ref: str, condition: WaitCondition) -> asyncio.Future[Ended]:
        self.calls.append(("wait", ref, condition))
        self.ended = asyncio.get_running_loop().create_future()
        return self.ended


class FakeEngine:
    """An engine with containers, networks and events."""

    def __init__(self, *known: Container) -> None:
        self.database = Database(":memory:")
        self.containers = FakeContainers(*known)
        self.events = Events()
        self.networks = Networks(self.database, self.events, Background(), str, "/nowhere")
        self.networks.make_usual()


RUNNING = State(status="running", pid=1, started_ns=SECOND)


@contextlib.asynccontextmanager
async def served(directory: Path, engine: FakeEngine) -> AsyncIterator[str]:
    """The path of a socket at which the engine's API is served."""
    path = str(directory / "s")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()
    serving = Serving(cast("Engine", engine))
    await serving.listen([listener])
    try:
        yield path
    finally:
        await serving.close(1)


def with_client(
    directory: Path,
    engine: FakeEngine,
    use: Callable[[aiohttp.ClientSession], Awaitable[T]],
) -> T:
    """What `use` makes of a client of the engine's API."""

    async def run() -> T:
        async with served(directory, engine) as path:
            connector = aiohttp.UnixConnector(path)
            async with aiohttp.ClientSession("http://x", connector=connector) as session:
                return await use(session)

    return asyncio.run(run())


def ask(
    directory: Path,
    engine: FakeEngine,
    method: str,
    path: str,
    *,
    raw: bool = False,
    **options: Any,
) -> tuple[int, Any]:
    """Status and JSON (or text, or always with `raw`) of one answer."""

    async def use(session: aiohttp.ClientSession) -> tuple[int, Any]:
        async with session.request(method, path, **options) as answer:
            is_json = answer.content_type == "application/json" and not raw
            return answer.status, await (answer.json() if is_json else answer.text())

    return with_client(directory, engine, use)
