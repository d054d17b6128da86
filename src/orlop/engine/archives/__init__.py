"""Files of containers, whether they run or not: looked at, copied out and in, compared, kept.

    archives = Archives(settings, containers, roots, events, lock)

A running container's files are what its first process sees, with volumes and all. Those of another
one are put together for the moment, where nobody else sees it. Paths are looked up as in the
container, and cannot lead out of it, whatever it does meanwhile. What is compressed is decompressed
here, by libraries: no program is started, least of all one of the container's.

See: CVE-2018-15664, CVE-2019-14271, CVE-2026-41567.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from orlop.engine import events, nameless
from orlop.engine.archives import reading, writing
from orlop.engine.archives.answers import (
    ADDED,
    DELETED,
    MODIFIED,
    Change,
    Committing,
    PathStat,
)
from orlop.engine.archives.commit import committed
from orlop.engine.blocking import in_thread
from orlop.engine.bytestreams import Broken, Received, produced

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator

    from orlop.engine.archives.commit import Pausing
    from orlop.engine.container import Container
    from orlop.engine.events import Events
    from orlop.engine.images import Images
    from orlop.engine.roots import Roots
    from orlop.engine.settings import Settings

__all__ = ["ADDED", "DELETED", "MODIFIED", "Archives", "Change", "Committing", "PathStat"]


class Archives:
    """The files of an engine's containers.

    Args:
        settings: where there is room for an image's new layer until it is one.
        containers: who knows, and can pause, containers.
        lock: of a container, by its id; held while something is written to one that does not run.
        roots: what their roots are made of.
        images: gets new images.
        bus: is told what happens.
    """

    def __init__(
        self,
        settings: Settings,
        containers: Pausing,
        lock: Callable[[str], asyncio.Lock],
        roots: Roots,
        images: Images,
        bus: Events,
    ) -> None:
        self._settings = settings
        self._containers = containers
        self._lock = lock
        self._roots = roots
        self._images = images
        self._events = bus

    async def stat(self, ref: str, path: str) -> PathStat:
        """What is at a container path; a symlink at its end is not followed.

        Raises:
            NotFound: there is no such container, or no such file (kind "path").
            InvalidArgument: the path is none, or "DIR/" is no directory.
        """
        container = self._containers.get(ref)
        return await in_thread(reading.stat, self._roots, container, path)

    async def get(self, ref: str, path: str) -> tuple[PathStat, AsyncIterator[bytes]]:
        """What is at a container path, and it and all below it as a tar archive.

        Entries begin with the path's last part, as Docker's do; those of "DIR/." with ".".

        Raises:
            As `stat`.
        """
        container = self._containers.get(ref)
        found = await in_thread(reading.stat, self._roots, container, path)
        archive = await produced(lambda w: reading.archive(self._roots, container, path, w))
        self._tell(container, "archive-path")
        return found, archive

    async def put(
        self,
        ref: str,
        path: str,
        archive: AsyncIterable[bytes],
        *,
        keep_kinds: bool = False,
        own: bool = False,
    ) -> None:
        """The entries of a tar archive, compressed or not, are below a container's directory.

        Args:
            ref: of the container.
            path: of a directory in it.
            archive: its bytes.
            keep_kinds: a directory never takes the place of a file, nor the other way round
                (noOverwriteDirNonDir).
            own: everything belongs to the container's user (copyUIDGID).

        Raises:
            NotFound: there is no such container, or no such directory (kind "path").
            InvalidArgument: the path is no directory; the archive is damaged or hostile.
            PermissionDenied: it cannot be written to (--read-only, a read-only volume).
            Unavailable: the disk is nearly full.
        """
        container = self._containers.get(ref)
        how = {"keep_kinds": keep_kinds, "own": own}
        async with contextlib.AsyncExitStack() as held:
            received = await held.enter_async_context(Received(archive))
            try:
                chunks = received.chunks()
                if not container.is_running:
                    chunks = await self._complete(chunks, held)
                async with self._unchanged(container):
                    container = self._containers.get(container.id)
                    await in_thread(writing.put, self._roots, container, path, chunks, **how)
            except Broken as broken:
                raise broken.error from None
        self._tell(container, "extract-to-dir")

    async def _complete(
        self, chunks: Iterator[bytes], held: contextlib.AsyncExitStack
    ) -> Iterator[bytes]:
        """The same chunks when all have come: who sends slowly keeps no container from starting."""
        directory = f"{self._settings.data_root}/scratch"
        file = await in_thread(nameless.complete, directory, chunks, "keep the archive")
        held.callback(file.close)
        return nameless.content(file)

    async def changes(self, ref: str) -> tuple[Change, ...]:
        """What the container has changed of its image's files, by path.

        Raises:
            NotFound: there is no such container.
        """
        return await in_thread(reading.changes, self._roots, self._containers.get(ref))

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        """All files of a container, without those of volumes, as a tar archive.

        Raises:
            NotFound: there is no such container.
        """
        container = self._containers.get(ref)
        archive = await produced(lambda write: reading.export(self._roots, container, write))
        self._tell(container, "export")
        return archive

    async def commit(self, ref: str, how: Committing) -> str:
        """The container's changes are an image; returns its id.

        Raises:
            NotFound: there is no such container.
            InvalidArgument: a name or a change is malformed.
            Unavailable: the disk is nearly full.
        """
        container = self._containers.get(ref)
        image = await committed(
            container,
            how,
            settings=self._settings,
            containers=self._containers,
            roots=self._roots,
            images=self._images,
        )
        self._tell(container, "commit", comment=how.comment, imageID=image, imageRef=how.ref)
        return image

    @contextlib.asynccontextmanager
    async def _unchanged(self, container: Container) -> AsyncIterator[None]:
        """A container that does not run is not started meanwhile."""
        if container.is_running:
            yield
        else:
            async with self._lock(container.id):
                yield

    def _tell(self, container: Container, action: str, **attributes: str) -> None:
        self._events.publish(events.of_container(container, action, **attributes))
