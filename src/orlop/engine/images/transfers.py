"""Layers on their way here: fetched and unpacked at the same time, each once for all who want it.

The bytes of a blob go from the connection into the content store, and from there, while they come,
to whoever unpacks. The blob counts when its digest was right and it has reached the disk; the layer
when it is unpacked; both are all or nothing by themselves.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from orlop.engine.blocking import in_thread
from orlop.engine.images.reporting import Reporter
from orlop.engine.images.sharing import Sharing
from orlop.image import digest as digests
from orlop.image.content import WrongContent
from orlop.image.manifest import Descriptor
from orlop.image.registry.download import download

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.engine.images.answers import Report
    from orlop.image.cancellation import Cancellation
    from orlop.image.content import ContentStore, Ingest, IngestReader
    from orlop.image.layer import Layer, LayerStore
    from orlop.image.registry.client import Repository

    Source = Callable[[Cancellation], tuple[Repository, ...]]


class Transfers:
    """All layers that are on their way.

    Args:
        content: where blobs go.
        layers: who unpacks.
        at_once: how many may be fetched at a time.
    """

    def __init__(self, content: ContentStore, layers: LayerStore, at_once: int) -> None:
        self._content = content
        self._layers = layers
        self._slots = asyncio.Semaphore(at_once)
        self._sharing: Sharing[None] = Sharing()

    async def bring(self, layer: Layer, source: Source, progress: Report) -> None:
        """The layer is here: its blob, and unpacked.

        Args:
            layer: which.
            source: gives the repositories that it can come from.
            progress: is told.

        Raises:
            NotFound, Unauthorized, Unavailable: its blob cannot be had.
            InvalidArgument: it is no archive, or a hostile one.
        """
        if self._is_here(layer):
            Reporter(progress, digests.short(layer.digest), layer.size).say("Already exists")
            return

        async def work(report: Report, cancellation: Cancellation) -> None:
            reporter = Reporter(report, digests.short(layer.digest), layer.size)
            reporter.say("Pulling fs layer")
            if self._slots.locked():
                reporter.say("Waiting")
            async with self._slots:
                await in_thread(self._bring, layer, source(cancellation), reporter)
            reporter.say("Pull complete")

        await self._sharing.join(f"{layer.digest} {layer.diff_id}", work, progress)

    async def close(self) -> None:
        """Nothing is on its way any more."""
        await self._sharing.close()

    def _is_here(self, layer: Layer) -> bool:
        return self._layers.has(layer.diff_id) and self._content.has(layer.digest)

    def _bring(
        self, layer: Layer, repositories: tuple[Repository, ...], reporter: Reporter
    ) -> None:
        try:
            self._try(layer, repositories, reporter)
        except WrongContent:
            # Perhaps what an earlier try had left was damaged: it is gone now.
            self._try(layer, repositories, reporter)

    def _try(self, layer: Layer, repositories: tuple[Repository, ...], reporter: Reporter) -> None:
        blob = Descriptor(layer.media_type, layer.digest, layer.size, layer.urls)
        with self._content.ingest(layer.digest, layer.size) as ingest:
            unpacking = None
            if not self._layers.has(layer.diff_id):
                unpacking = _Unpacking(self._layers, layer, ingest, reporter)
            count = reporter.counter("Downloading")

            def told(offset: int) -> None:
                if unpacking:
                    unpacking.check()
                count(offset)

            try:
                if not ingest.is_complete:
                    download(repositories, blob, ingest, told)
                    reporter.say("Verifying Checksum")
                    ingest.commit()
                reporter.say("Download complete")
            except BaseException as error:
                ingest.fail(error)
                raise
            finally:
                if unpacking:
                    unpacking.join()
            if unpacking:
                unpacking.check()


class _Unpacking:
    """A thread that unpacks a layer while it comes."""

    def __init__(
        self, layers: LayerStore, layer: Layer, ingest: Ingest, reporter: Reporter
    ) -> None:
        self._layers = layers
        self._layer = layer
        self._ingest = ingest
        self._told = reporter.counter("Extracting")
        self._error: BaseException | None = None
        self._reader = ingest.reader()
        self._thread = threading.Thread(target=self._run, name="unpack", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """It has ended, well or not."""
        self._thread.join()
        self._reader.close()

    def check(self) -> None:
        """It has not failed so far.

        Raises:
            Whatever it has failed with.
        """
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            stream = _Counted(self._reader, self._ingest, self._told)
            self._layers.unpack(
                stream, media_type=self._layer.media_type, diff_id=self._layer.diff_id
            )
        except BaseException as error:  # noqa: BLE001 - it is raised by `check`
            self._error = error


class _Counted:
    """A stream that tells how much of it was read, once all of the blob is here."""

    def __init__(self, reader: IngestReader, ingest: Ingest, told: Callable[[int], None]) -> None:
        self._reader = reader
        self._ingest = ingest
        self._told = told
        self._count = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._reader.read(size)
        self._count += len(data)
        if data and self._ingest.offset == self._ingest.size:
            self._told(self._count)
        return data
