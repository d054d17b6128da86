"""Images from registries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine.blocking import in_thread
from orlop.engine.images.answers import Offer, Progress, Pulled
from orlop.engine.images.catalogue import layers_of
from orlop.errors import InvalidArgument, NotFound, Unauthorized, Unavailable
from orlop.image import document as documents
from orlop.image import manifest as manifests
from orlop.image import platform as platforms
from orlop.image import reference as references
from orlop.image.cancellation import Cancellation
from orlop.image.document import DOCUMENT_LIMIT
from orlop.image.manifest import Index, Manifest
from orlop.records import Record

if TYPE_CHECKING:
    from orlop.engine.events import Events
    from orlop.engine.images.answers import Report
    from orlop.engine.images.catalogue import Catalogue
    from orlop.engine.images.collection import Collector
    from orlop.engine.images.transfers import Transfers
    from orlop.image.content import ContentStore
    from orlop.image.document import ImageDocument
    from orlop.image.layer import Layer
    from orlop.image.platform import Platform
    from orlop.image.reference import Reference
    from orlop.image.registry.client import Client, Fetched, Repository
    from orlop.image.registry.credentials import Credentials

_DEPTH = 3  # of indexes in indexes


class _Found(Record):
    """What a registry has under a name, for one platform.

    Attributes:
        digest: of the manifest or index that has the name.
        manifest: of the image.
        raw_document: its configuration.
        document: the same, read.
    """

    digest: str
    manifest: Manifest
    raw_document: bytes
    document: ImageDocument

    @property
    def blobs(self) -> tuple[str, ...]:
        """Digests of all its blobs."""
        layers = (layer.digest for layer in self.manifest.layers)
        return (self.manifest.descriptor.digest, self.manifest.config.digest, *layers)

    @property
    def names(self) -> tuple[str, ...]:
        """Digests of all that must not be collected until the image is known."""
        return (*self.blobs, *self.document.diff_ids)


class Puller:
    """Brings images here.

    Args:
        client: to ask registries.
        content: where manifests and configurations go.
        collector: leaves alone what is on its way.
        transfers: brings layers.
        catalogue: knows images.
        bus: is told what happens.
    """

    def __init__(
        self,
        client: Client,
        content: ContentStore,
        collector: Collector,
        transfers: Transfers,
        catalogue: Catalogue,
        bus: Events,
    ) -> None:
        self._client = client
        self._content = content
        self._collector = collector
        self._transfers = transfers
        self._catalogue = catalogue
        self._events = bus

    async def pull(
        self, reference: Reference, platform: str, auth: Credentials, progress: Report
    ) -> Pulled:
        """See `Images.pull`."""
        wanted = platforms.parse(platform) if platform else platforms.host()
        name = reference.with_default_tag()
        progress(Progress(f"Pulling from {_familiar_path(name)}", name.digest or name.tag))
        cancellation = Cancellation()
        try:
            found = await in_thread(
                _locate, self._client, name, auth, cancellation, wanted, bool(platform)
            )
        finally:
            cancellation.cancel()  # it has ended, or nobody waits for it
        return await self._fetch(name, found, auth, progress)

    async def pull_all(
        self, repository: Reference, platform: str, auth: Credentials, progress: Report
    ) -> tuple[Pulled, ...]:
        """All tags of a repository, in turn; what is for other platforms is left out."""
        tags = await in_thread(_tags, self._client, repository, auth)
        pulled = []
        for tag in tags:
            name = repository.replace(tag=references.check_tag(tag))
            try:
                pulled.append(await self.pull(name, platform, auth, progress))
            except NotFound as error:
                progress(Progress(error.message, tag))
        return tuple(pulled)

    async def offer(self, reference: Reference, auth: Credentials) -> Offer:
        """See `Images.distribution`."""
        return await in_thread(_offer, self._client, reference.with_default_tag(), auth)

    async def _fetch(
        self, name: Reference, found: _Found, auth: Credentials, progress: Report
    ) -> Pulled:
        layers = layers_of(found.manifest, found.document)
        with self._content.hold(found.names):
            while True:
                await self._bring(layers, name, auth, progress)
                await in_thread(self._content.put, found.manifest.raw, fetched=True)
                await in_thread(self._content.put, found.raw_document, fetched=True)
                async with self._collector.entering():
                    if self._collector.is_whole(found.blobs, found.document.diff_ids):
                        return self._enter(name, found, progress)

    async def _bring(
        self, layers: tuple[Layer, ...], name: Reference, auth: Credentials, progress: Report
    ) -> None:
        """All layers are here; the first that fails ends the others."""

        def source(cancellation: Cancellation) -> tuple[Repository, ...]:
            return self._client.repositories(name, auth, cancellation)

        try:
            async with asyncio.TaskGroup() as group:
                for layer in dict.fromkeys(layers):
                    group.create_task(self._transfers.bring(layer, source, progress))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    def _enter(self, name: Reference, found: _Found, progress: Report) -> Pulled:
        """The image is known under its name, and told so."""
        before = self._catalogue.named(name)
        image, _ = self._catalogue.add(
            found.manifest,
            found.document,
            tag=None if name.digest else name,
            digest=name.repository().replace(digest=found.digest),
        )
        is_new = before is None or before.id != image.id
        familiar = name.replace(tag="" if name.digest else name.tag).familiar
        progress(Progress(f"Digest: {found.digest}"))
        kind = "Downloaded newer image" if is_new else "Image is up to date"
        progress(Progress(f"Status: {kind} for {familiar}"))
        labels = tuple(sorted(image.document.config.labels.items()))
        self._events.publish(
            events.of_image(familiar, "pull", name=name.familiar_name, labels=labels)
        )
        return Pulled(image.id, familiar, found.digest, is_new)


# --- in threads -------------------------------------------------------------------------------


def _locate(
    client: Client,
    name: Reference,
    auth: Credentials,
    cancellation: Cancellation,
    wanted: Platform,
    is_asked: bool,
) -> _Found:
    """What the name stands for, from the first place that has it."""
    failure: Exception = NotFound("manifest", name.familiar)
    for repository in client.repositories(name, auth, cancellation):
        try:
            return _look(repository, name, wanted, is_asked)
        except (NotFound, Unauthorized, Unavailable) as error:
            failure = error
    raise failure


def _look(repository: Repository, name: Reference, wanted: Platform, is_asked: bool) -> _Found:
    fetched = repository.manifest(name.wanted)
    manifest = _manifest(repository, fetched, name, wanted)
    raw = repository.small_blob(manifest.config, DOCUMENT_LIMIT)
    document = documents.parse(raw)
    if is_asked and not platforms.matches(document.platform, wanted):
        raise _wrong_platform(name, wanted, str(document.platform))
    if document.platform.os != "linux":
        raise _wrong_platform(name, wanted, str(document.platform))
    layers_of(manifest, document)  # that they fit
    return _Found(fetched.descriptor.digest, manifest, raw, document)


def _manifest(
    repository: Repository, fetched: Fetched, name: Reference, wanted: Platform
) -> Manifest:
    """The manifest itself, or the best one of an index."""
    for _ in range(_DEPTH):
        parsed = manifests.parse(fetched.raw, fetched.descriptor.media_type)
        if isinstance(parsed, Manifest):
            return parsed
        chosen = manifests.choose(parsed, wanted)
        if chosen is None:
            raise _wrong_platform(name, wanted, ", ".join(_platforms(parsed)) or "none")
        fetched = repository.manifest(chosen.digest)
    raise InvalidArgument(f"the image {name.familiar} has indexes in indexes in indexes")


def _platforms(index: Index) -> list[str]:
    entries = (e for e in index.manifests if e.platform and not e.is_attestation)
    return [str(entry.platform) for entry in entries][:20]


def _wrong_platform(name: Reference, wanted: Platform, offered: str) -> NotFound:
    return NotFound("image", f"{name.familiar} for {wanted}", hint=f"there is one for {offered}")


def _tags(client: Client, repository: Reference, auth: Credentials) -> tuple[str, ...]:
    return client.repository(repository, auth).tags()


def _offer(client: Client, name: Reference, auth: Credentials) -> Offer:
    repository = client.repository(name, auth)
    fetched = repository.manifest(name.wanted)
    parsed = manifests.parse(fetched.raw, fetched.descriptor.media_type)
    if isinstance(parsed, Index):
        entries = (e.platform for e in parsed.manifests if not e.is_attestation)
        offered = tuple(platform for platform in entries if platform)
    else:
        raw = repository.small_blob(parsed.config, DOCUMENT_LIMIT)
        offered = (documents.parse(raw).platform,)
    digest = fetched.descriptor.digest
    return Offer(parsed.descriptor.media_type, digest, len(fetched.raw), offered)


def _familiar_path(name: Reference) -> str:
    """As Docker says it: library/debian, me/tool, host/a/b."""
    return name.path if name.domain == references.DOCKER_HUB else name.name
