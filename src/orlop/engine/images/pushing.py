"""Images to registries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine.blocking import in_thread
from orlop.engine.images.answers import Progress, Pushed
from orlop.engine.images.reporting import Reporter
from orlop.errors import NotFound
from orlop.image import digest as digests
from orlop.image import media
from orlop.image import reference as references
from orlop.image.cancellation import Cancellation
from orlop.image.registry.upload import mount, upload

if TYPE_CHECKING:
    from orlop.engine.events import Events
    from orlop.engine.images.answers import Report
    from orlop.engine.images.catalogue import Catalogue, Image
    from orlop.image.content import ContentStore
    from orlop.image.manifest import Descriptor
    from orlop.image.reference import Reference
    from orlop.image.registry.client import Client, Repository
    from orlop.image.registry.credentials import Credentials


class Pusher:
    """Brings images to registries.

    Args:
        client: to ask these.
        content: has the blobs.
        catalogue: knows images.
        bus: is told what happens.
        at_once: how many blobs are sent at a time.
    """

    def __init__(
        self,
        client: Client,
        content: ContentStore,
        catalogue: Catalogue,
        bus: Events,
        at_once: int,
    ) -> None:
        self._client = client
        self._content = content
        self._catalogue = catalogue
        self._events = bus
        self._slots = asyncio.Semaphore(at_once)

    async def push(self, name: Reference, auth: Credentials, progress: Report) -> Pushed:
        """The registry has the image of that name, under it.

        Raises:
            NotFound: there is no such image here.
        """
        image = self._catalogue.named(name)
        if image is None:
            raise NotFound("image", name.familiar, hint="tag the image with this name first")
        progress(Progress(f"The push refers to repository [{name.name}]"))
        cancellation = Cancellation()
        sources = self._elsewhere(image, name)
        repository = self._client.repository(name, auth, cancellation).for_push(*sources)
        try:
            with self._content.hold(image.blobs):
                await self._send_blobs(image, repository, sources, progress)
                manifest = image.manifest
                digest = await in_thread(
                    repository.put_manifest,
                    name.wanted,
                    manifest.raw,
                    manifest.descriptor.media_type,
                )
        finally:
            cancellation.cancel()  # it has ended, or nobody waits for it
        return self._done(image, name, digest, progress)

    def all_names(self, repository: Reference) -> tuple[Reference, ...]:
        """All names in a repository.

        Raises:
            NotFound: there are none.
        """
        names = self._catalogue.tagged(repository)
        if not names:
            raise NotFound("image", repository.familiar, hint="tag an image with this name first")
        return names

    async def _send_blobs(
        self,
        image: Image,
        repository: Repository,
        sources: tuple[str, ...],
        progress: Report,
    ) -> None:
        """All blobs are there; the first that fails ends the others."""
        layers = tuple(dict.fromkeys(image.manifest.layers))
        here = [layer for layer in layers if layer.media_type not in media.FOREIGN]
        for layer in here:
            Reporter(progress, digests.short(layer.digest), layer.size).say("Preparing")
        try:
            async with asyncio.TaskGroup() as group:
                for layer in here:
                    group.create_task(self._send(layer, repository, sources, progress))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        await in_thread(self._bring, image.manifest.config, repository, sources, None)

    async def _send(
        self,
        layer: Descriptor,
        repository: Repository,
        sources: tuple[str, ...],
        progress: Report,
    ) -> None:
        reporter = Reporter(progress, digests.short(layer.digest), layer.size)
        if self._slots.locked():
            reporter.say("Waiting")
        async with self._slots:
            await in_thread(self._bring, layer, repository, sources, reporter)

    def _bring(
        self,
        blob: Descriptor,
        repository: Repository,
        sources: tuple[str, ...],
        reporter: Reporter | None,
    ) -> None:
        """The blob is in the repository, in one way or the other."""
        say = reporter.say if reporter else _nothing
        if repository.has_blob(blob.digest):
            say("Layer already exists")
            return
        source = sources[0] if sources else ""
        url = mount(repository, blob, source)
        if not url:
            say(f"Mounted from {source}")
            return
        told = reporter.counter("Pushing") if reporter else _nothing
        upload(repository, blob, url, lambda: self._content.open(blob.digest), told)
        say("Pushed")

    def _elsewhere(self, image: Image, name: Reference) -> tuple[str, ...]:
        """A repository of the registry that should have some of the blobs, if any is known."""
        wanted = set(image.diff_ids)
        for other in self._catalogue.all():
            if not wanted.intersection(other.diff_ids):
                continue
            for known in self._catalogue.digests(other.id):
                if known.domain == name.domain and known.path != name.path:
                    return (known.path,)
        return ()

    def _done(self, image: Image, name: Reference, digest: str, progress: Report) -> Pushed:
        size = len(image.manifest.raw)
        self._catalogue.add_digest(image, name.repository().replace(digest=digest))
        progress(Progress(f"{name.tag}: digest: {digest} size: {size}"))
        labels = tuple(sorted(image.document.config.labels.items()))
        self._events.publish(
            events.of_image(name.familiar, "push", name=name.familiar_name, labels=labels)
        )
        return Pushed(name.tag, digest, size)


def _nothing(_: object) -> None:
    """Nobody is told."""


def tagged(ref: str) -> Reference:
    """The name to push.

    Raises:
        InvalidArgument: it is none, or has a digest.
    """
    return references.parse_tagged(ref)
