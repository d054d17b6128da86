"""Images that are made here: loaded, imported, committed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine.blocking import in_thread
from orlop.engine.bytestreams import Received
from orlop.engine.images import bootstrap, host
from orlop.engine.images import changes as instructions
from orlop.engine.images.answers import Pulled
from orlop.engine.images.catalogue import check_depth
from orlop.engine.images.layering import store_layer
from orlop.engine.images.reporting import Reporter
from orlop.engine.images.spool import Spool
from orlop.errors import InvalidArgument
from orlop.image import archive as archives
from orlop.image import digest as digests
from orlop.image import document as documents
from orlop.image import manifest as manifests
from orlop.image import media
from orlop.image import platform as platforms
from orlop.image import reference as references
from orlop.image.config import ImageConfig
from orlop.image.document import ImageDocument, Step
from orlop.image.manifest import Descriptor

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterator

    from orlop.engine.events import Events
    from orlop.engine.images.answers import Commit, NewLayer, Report
    from orlop.engine.images.catalogue import Catalogue, Image
    from orlop.engine.images.collection import Collector
    from orlop.image.archive import ArchivedImage, ArchivedLayer
    from orlop.image.content import ContentStore
    from orlop.image.layer import Layer, LayerStore
    from orlop.image.manifest import Manifest
    from orlop.image.reference import Reference

_READ = 512 << 10
_AT_ONCE = 2  # layers of an archive


class Maker:
    """Makes images.

    Args:
        content: gets their blobs.
        layers: gets their layers.
        catalogue: gets to know them.
        collector: leaves alone what is being made.
        bus: is told what happens.
        scratch: absolute host directory for archives on their way.
    """

    def __init__(
        self,
        content: ContentStore,
        layers: LayerStore,
        catalogue: Catalogue,
        collector: Collector,
        bus: Events,
        scratch: str,
    ) -> None:
        self._content = content
        self._layers = layers
        self._catalogue = catalogue
        self._collector = collector
        self._events = bus
        self._scratch = scratch

    # --- import and commit --------------------------------------------------------------------

    async def import_(
        self,
        archive: AsyncIterable[bytes],
        *,
        ref: str,
        changes: tuple[str, ...],
        message: str,
        platform: str,
    ) -> str:
        """See `Images.import_`."""
        name = name_of(ref)
        config = instructions.apply(ImageConfig(), changes)
        where = platforms.parse(platform) if platform else platforms.host()
        async with self._collector.making(), Received(archive) as received:
            layer = await in_thread(store_layer, self._content, self._layers, received.chunks())
            now = time.time_ns()
            step = Step(now, comment=message or f"Imported from -{f' as {ref}' if ref else ''}")
            document = ImageDocument(
                where, config, (layer.diff_id,), (step,), now, comment=step.comment
            )
            image = await self._enter(document, (layer,), name)
        self._publish(image, "import", ref)
        return image.id

    async def bootstrap(self, ref: str, *, progress: Report) -> Pulled:
        """See `Images.bootstrap`."""
        name = references.parse_tagged(ref)
        distribution, suite = bootstrap.suite_of(name)
        reporter = Reporter(progress, suite, 0)
        before = self._catalogue.named(name)

        def work() -> Layer:
            with bootstrap.tree(distribution, suite, self._scratch, reporter.say) as directory:
                return store_layer(self._content, self._layers, bootstrap.archive(directory))

        async with self._collector.making():
            layer = await in_thread(work)
            now = time.time_ns()
            step = Step(now, f"debootstrap {suite} {distribution.mirror}")
            config = instructions.apply(ImageConfig(), bootstrap.CHANGES)
            document = ImageDocument(platforms.host(), config, (layer.diff_id,), (step,), now)
            image = await self._enter(document, (layer,), name)
        is_new = before is None or before.id != image.id
        return Pulled(image.id, name.familiar, image.manifest.descriptor.digest, is_new)

    async def commit(self, wanted: Commit) -> str:
        """See `Images.commit`."""
        name = name_of(wanted.ref)
        parent = self._parent(wanted.parent)
        async with self._collector.making():
            below = parent.layers if parent else ()
            document = parent.document if parent else ImageDocument(platforms.host())
            added: tuple[Layer, ...] = ()
            if wanted.layer:
                check_depth(document)
                added = (await in_thread(self._new_layer, wanted.layer),)
            now = time.time_ns()
            step = Step(
                now, wanted.created_by, wanted.author, wanted.comment, is_empty=not wanted.layer
            )
            document = document.replace(
                platform=wanted.platform or document.platform,
                config=wanted.config,
                diff_ids=(*document.diff_ids, *(layer.diff_id for layer in added)),
                history=(*document.history, step),
                created_ns=now,
                author=wanted.author,
                comment=wanted.comment,
                container=wanted.container,
            )
            image = await self._enter(document, (*below, *added), name, wanted.parent)
        return image.id

    def _parent(self, ref: str) -> Image | None:
        if ref and host.is_host(ref):
            raise InvalidArgument(
                "cannot make an image on top of 'host': it is this machine itself",
                hint="`orlop export` and `orlop import` make one of all files of a container",
            )
        return self._catalogue.find(ref) if ref else None

    def _new_layer(self, layer: NewLayer) -> Layer:
        with open(layer.archive, "rb", buffering=0) as archive:
            chunks: Iterator[bytes] = iter(lambda: archive.read(_READ), b"")
            return store_layer(self._content, self._layers, chunks, diff_id=layer.diff_id)

    # --- load ---------------------------------------------------------------------------------

    async def load(
        self, archive: AsyncIterable[bytes], *, platform: str, progress: Report
    ) -> tuple[str, ...]:
        """See `Images.load`."""
        wanted = platforms.parse(platform) if platform else platforms.host()
        async with self._collector.making(), Received(archive) as received:
            spool = await in_thread(Spool, self._scratch, received.chunks())
            with spool:
                found = await in_thread(archives.read, spool, wanted)
                made = await self._load_layers(spool, found, progress)
            loaded: list[str] = []
            for image in found:
                layers = tuple(made[layer] for layer in image.layers)
                loaded += await self._enter_loaded(image, layers)
        return tuple(loaded)

    async def _load_layers(
        self, spool: Spool, found: tuple[ArchivedImage, ...], progress: Report
    ) -> dict[ArchivedLayer, Layer]:
        """All layers of the archive, each once."""
        slots = asyncio.Semaphore(_AT_ONCE)
        wanted = dict.fromkeys(layer for image in found for layer in image.layers)

        async def one(layer: ArchivedLayer) -> Layer:
            async with slots:
                return await self._load_layer(spool, layer, progress)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = {layer: group.create_task(one(layer)) for layer in wanted}
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return {layer: task.result() for layer, task in tasks.items()}

    async def _load_layer(self, spool: Spool, layer: ArchivedLayer, progress: Report) -> Layer:
        known = self._known(layer)
        if known is not None:
            return known
        size = _size(spool, layer)
        reporter = Reporter(progress, digests.short(layer.diff_id), size)
        digest = layer.blob.digest if layer.blob else ""
        chunks = _told(spool.chunks(layer.member), reporter.counter("Loading layer"))
        return await in_thread(
            store_layer,
            self._content,
            self._layers,
            chunks,
            diff_id=layer.diff_id,
            digest=digest,
        )

    def _known(self, layer: ArchivedLayer) -> Layer | None:
        """The same layer of an image that is here."""
        for image in self._catalogue.all():
            for known in image.layers:
                if known.diff_id != layer.diff_id:
                    continue
                if layer.blob and layer.blob.digest != known.digest:
                    continue
                if self._collector.is_whole((known.digest,), (known.diff_id,)):
                    return known
        return None

    async def _enter_loaded(
        self, image: ArchivedImage, layers: tuple[Layer, ...]
    ) -> tuple[str, ...]:
        """The image is known by all its names; returns these, or its id."""
        is_same = image.manifest is not None and all(
            blob.digest == layer.digest
            for blob, layer in zip(image.manifest.layers, layers, strict=True)
        )
        manifest = image.manifest if is_same else None
        names = tuple(name for name in image.names if not host.is_host(name.familiar))
        for name in names or (None,):
            entered = await self._enter(
                image.document, layers, name, raw=image.raw_document, manifest=manifest
            )
            self._publish(entered, "load", name.familiar if name else entered.id)
        return tuple(name.familiar for name in names) or (image.id,)

    # --- what they have in common -------------------------------------------------------------

    async def _enter(
        self,
        document: ImageDocument,
        layers: tuple[Layer, ...],
        name: Reference | None,
        parent: str = "",
        *,
        raw: bytes = b"",
        manifest: Manifest | None = None,
    ) -> Image:
        """The image of these layers is known under the name."""
        raw = raw or documents.write(document)
        config = Descriptor(media.OCI_CONFIG, digests.of(raw), len(raw))
        blobs = tuple(
            Descriptor(
                media.OF_OCI.get(layer.media_type, layer.media_type),
                layer.digest,
                layer.size,
                layer.urls,
            )
            for layer in layers
        )
        whole = manifest or manifests.write_manifest(config, blobs)
        await in_thread(self._content.put, raw)
        await in_thread(self._content.put, whole.raw)
        read = documents.parse(raw)
        image, _ = self._catalogue.add(whole, read, tag=name, parent=parent)
        if name:
            self._publish(image, "tag", name.familiar)
        return image

    def _publish(self, image: Image, action: str, name: str) -> None:
        labels = tuple(sorted(image.document.config.labels.items()))
        self._events.publish(events.of_image(image.id, action, name=name, labels=labels))


def name_of(ref: str) -> Reference | None:
    """The name that an image is to get, None for none.

    Raises:
        InvalidArgument: it is none.
        Conflict: it is that of `host`.
    """
    if not ref:
        return None
    name = references.parse_tagged(ref)
    host.check_not_host(name.familiar, "replace")
    return name


def _size(spool: Spool, layer: ArchivedLayer) -> int:
    if layer.member not in spool:
        raise InvalidArgument(f"invalid archive: it lacks the layer {layer.member!r:.200}")
    return spool.size(layer.member)


def _told(chunks: Iterator[bytes], told: Callable[[int], None]) -> Iterator[bytes]:
    count = 0
    for chunk in chunks:
        count += len(chunk)
        told(count)
        yield chunk
