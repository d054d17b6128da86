"""The images service of an engine by itself, driven from a plain test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import TypeVar

from orlop.engine.container import EXITED, RUNNING, Container, ResolvedImage, State
from orlop.engine.database import Database
from orlop.engine.events import Event, Events
from orlop.engine.images import Credentials, Images, Progress, Pulled
from orlop.engine.settings import Settings
from orlop.engine.unpack import UnpackedLayers
from orlop.errors import NotFound
from orlop.intent.flags import parse_run
from tests.integration.support.registry import Registry

PATIENCE_S = 60

_T = TypeVar("_T")


class SomeContainers:
    """Containers that a test says there are: what images ask about them needs no running ones."""

    def __init__(self) -> None:
        self.some: list[Container] = []

    def add(self, image: ResolvedImage, *, running: bool = False) -> Container:
        """There is a container of the image."""
        number = len(self.some)
        state = State(RUNNING if running else EXITED)
        request = parse_run([image.ref])
        made = Container(f"{number:064x}", f"c{number}", 1, request, image, state=state)
        self.some.append(made)
        return made

    def get(self, ref: str) -> Container:
        """The one of that name."""
        for container in self.some:
            if container.name == ref:
                return container
        raise NotFound("container", ref)

    def all(self) -> tuple[Container, ...]:
        """All of them."""
        return tuple(self.some)


class ImageService:
    """An images service with a data root of its own, and a loop that turns while it is awaited.

    Attributes:
        directory: its data root.
        containers: what it thinks that there are.
        events: what it tells.
        images: itself.
    """

    def __init__(
        self,
        directory: Path,
        registry: Registry | None = None,
        used: tuple[ResolvedImage, ...] = (),
        **more: object,
    ) -> None:
        certificates = (str(registry.certificates),) if registry else ()
        self.directory = directory
        self.settings = Settings(
            data_root=str(directory), exec_root=str(directory), registry_certificates=certificates
        ).replace(**more)
        directory.mkdir(exist_ok=True)
        self.containers = SomeContainers()
        for image in used:
            self.containers.add(image)
        self._loop = asyncio.new_event_loop()
        self.events = Events()
        self._database = Database(self.settings.database)
        self.images = self(self._open())

    async def _open(self) -> Images:
        layers = UnpackedLayers(self.settings)
        images = Images(self.settings, self._database, self.events, self.containers, layers)
        await images.open()
        return images

    def __call__(self, work: Awaitable[_T]) -> _T:
        """What becomes of some work."""

        async def patiently() -> _T:
            async with asyncio.timeout(PATIENCE_S):
                return await work

        return self._loop.run_until_complete(patiently())

    def close(self) -> None:
        """Everything is let go of."""
        self(self.images.close())
        self._database.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    # --- what tests often do ------------------------------------------------------------------

    def pull(
        self, registry: Registry, name: str, platform: str = ""
    ) -> tuple[Pulled, list[Progress]]:
        """Pulls with the rights for the registry; what came of it, and what was told."""
        told: list[Progress] = []
        auth = Credentials(registry.username, registry.password)
        ref = f"{registry.address}/{name}"
        (pulled,) = self(self.images.pull(ref, platform=platform, auth=auth, progress=told.append))
        return pulled, told

    def load(self, archive: Path | bytes) -> tuple[str, ...]:
        """Loads an archive of images."""
        data = archive.read_bytes() if isinstance(archive, Path) else archive
        return self(self.images.load(stream(data)))

    def import_(self, archive: bytes, ref: str, *changes: str) -> str:
        """Imports an archive of a root file system; returns the image's id."""
        return self(self.images.import_(stream(archive), ref=ref, changes=changes))

    def save(self, *refs: str) -> bytes:
        """An archive of images."""

        async def all_of_it() -> bytes:
            return b"".join([data async for data in await self.images.save(refs)])

        return self(all_of_it())

    def names(self) -> list[str]:
        """All names of images, but `host`."""
        rows = self.images.list()
        return sorted(name for row in rows if not row.is_host for name in row.tags or (row.id,))

    def read(self, ref: str, path: str) -> bytes:
        """A file of an image, in its uppermost layer that has it."""
        for lower in self(self.images.resolve(ref)).lowers:
            if Path(lower, path).is_file():
                return Path(lower, path).read_bytes()
        raise FileNotFoundError(path)

    def leftovers(self) -> list[str]:
        """Files of blobs and directories of layers that there are, relative to the data root."""
        places = ("blobs/sha256", "blobs/new", "blobs/partial", "layers", "scratch")
        return sorted(
            f"{place}/{entry.name}"
            for place in places
            if (self.directory / place).is_dir()
            for entry in (self.directory / place).iterdir()
        )

    def told(self, *actions: str) -> list[Event]:
        """The events of these actions."""
        return [event for event in self.events.history() if event.action in actions]


@contextlib.contextmanager
def image_service(
    directory: Path,
    registry: Registry | None = None,
    used: tuple[ResolvedImage, ...] = (),
    **more: object,
) -> Iterator[ImageService]:
    """An images service that is closed at the end.

    Args:
        directory: its data root.
        registry: whose authority it knows.
        used: images that containers have.
        more: settings.
    """
    service = ImageService(directory, registry, used, **more)
    try:
        yield service
    finally:
        service.close()


async def stream(archive: bytes) -> AsyncIterator[bytes]:
    """The bytes of an archive, in pieces."""
    for at in range(0, len(archive), 100_000):
        yield archive[at : at + 100_000]
