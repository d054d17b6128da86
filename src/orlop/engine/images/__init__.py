"""The images of an engine: pulled, pushed, named, shown, removed, carried in archives.

    images = Images(settings, database, events, containers, layers)

An image is a configuration and the layers below it; its id is the digest of that configuration. It
is in the table of images only when all of it is there. Names (tags) are rows of their own.

Docker's rules hold throughout: which names mean what, what is in the way of a removal, what is
reported. The built-in image `host` is always there; a directory ("/srv/root", "./root") can stand
wherever a container's image can.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.engine.background import Background
from orlop.engine.blocking import in_thread
from orlop.engine.container import ResolvedImage
from orlop.engine.events import CONTAINER, of_image
from orlop.engine.images import host
from orlop.engine.images.answers import (
    DANGLING,
    EVERY,
    Commit,
    HistoryEntry,
    ImageDetails,
    ImageFilter,
    ImageSummary,
    ImageUsage,
    NewLayer,
    Offer,
    Progress,
    Pulled,
    Pushed,
    Removed,
    unheard,
)
from orlop.engine.images.catalogue import Catalogue
from orlop.engine.images.collection import Collector
from orlop.engine.images.listing import Listing
from orlop.engine.images.making import Maker, name_of
from orlop.engine.images.policy import Policy
from orlop.engine.images.pulling import Puller
from orlop.engine.images.pushing import Pusher
from orlop.engine.images.removal import Remover
from orlop.engine.images.saving import Saver
from orlop.engine.images.transfers import Transfers
from orlop.engine.images.usage import Sizes, Users
from orlop.errors import InvalidArgument, NotFound, Unsupported
from orlop.image import platform as platforms
from orlop.image import reference as references
from orlop.image.config import ImageConfig
from orlop.image.content import ContentStore
from orlop.image.registry.client import Client
from orlop.image.registry.credentials import ANONYMOUS, Credentials
from orlop.image.registry.policy import RegistryPolicy, domain_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orlop.engine.database import Database
    from orlop.engine.events import Events
    from orlop.engine.images.answers import Report
    from orlop.engine.images.catalogue import Image
    from orlop.engine.known import Known
    from orlop.engine.settings import Settings
    from orlop.image.layer import Layer, LayerStore

__all__ = [
    "Commit",
    "Credentials",
    "HistoryEntry",
    "ImageDetails",
    "ImageFilter",
    "ImageSummary",
    "ImageUsage",
    "Images",
    "NewLayer",
    "Offer",
    "Progress",
    "Pulled",
    "Pushed",
    "Removed",
]

_DIRECTORY = ("/", "./", "../")


class Images:
    """All images of an engine.

    Args:
        settings: where data is, which registries are trusted, how many transfers at a time.
        database: for the tables of images and names.
        events: is told what happens.
        containers: what containers there are, for what is in use.
        layers: unpacks layers and keeps them.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        events: Events,
        containers: Known,
        layers: LayerStore,
    ) -> None:
        content = ContentStore(f"{settings.data_root}/blobs")
        scratch = f"{settings.data_root}/scratch"
        os.makedirs(scratch, 0o700, exist_ok=True)
        self._client = Client.of(
            RegistryPolicy(
                settings.registry_mirrors,
                settings.insecure_registries,
                settings.registry_certificates,
            )
        )
        self._catalogue = Catalogue(database, content)
        self._content = content
        self._layers = layers
        self._events = events
        self._background = Background()
        users, sizes = Users(containers), Sizes(layers)
        self._users = users
        self._collector = Collector(self._catalogue, content, layers, containers, self._background)
        self._remover = Remover(self._catalogue, self._collector, users, events)
        self._policy = Policy(
            settings, self._catalogue, self._collector, self._remover, sizes, users
        )
        self._listing = Listing(self._catalogue, content, layers, sizes, users)
        self._transfers = Transfers(content, layers, settings.max_downloads)
        self._puller = Puller(
            self._client, content, self._collector, self._transfers, self._catalogue, events
        )
        self._pusher = Pusher(self._client, content, self._catalogue, events, settings.max_uploads)
        self._maker = Maker(content, layers, self._catalogue, self._collector, events, scratch)
        self._saver = Saver(content, self._catalogue)

    async def open(self) -> None:
        """What a dead engine has left half done is put right; automatic collection begins."""
        await self._collector.collect()
        self._background.start(self._follow(), "watch containers for images")
        if self._policy.is_on:
            self._background.start(self._policy.run(), "remove old images")

    async def close(self) -> None:
        """Transfers are given up, in a state from which they can be resumed."""
        await self._background.close()
        await self._transfers.close()
        self._client.close()

    async def settle(self) -> None:
        """Blobs are on the disk: a crash of the machine takes none of them any more. Slow."""
        await in_thread(self._content.settle)

    # --- for containers -----------------------------------------------------------------------

    async def resolve(self, ref: str, platform: str = "") -> ResolvedImage:
        """An image, ready for containers.

        Args:
            ref: a name, an id or the unique beginning of one, `host`, or a directory's path, which
                begins with "/", "./" or "../".
            platform: which it has to be for; "" for the host's, if there is a choice.

        Raises:
            NotFound: there is no such image (kind "image"), or not for that platform.
            InvalidArgument: the name is none.
        """
        if host.is_host(ref):
            return host.resolve()
        if ref.startswith(_DIRECTORY):
            return _directory(ref)
        image = self._catalogue.find(ref)
        if platform and not platforms.matches(image.document.platform, platforms.parse(platform)):
            raise NotFound("image", f"{ref} for {platform}", hint=f"{ref} is for {_where(image)}")
        self._collector.lease(ref, image)
        self._catalogue.used(image)
        await self._unpack_missing(image)
        lowers = await in_thread(self._layers.lowers, image.diff_ids)
        return ResolvedImage(ref, image.id, image.document.config, lowers, _where(image))

    # --- names --------------------------------------------------------------------------------

    async def tag(self, ref: str, target: str) -> None:
        """The image has one more name, which another image loses if it had it.

        Raises:
            NotFound: there is no such image.
            InvalidArgument: the name is none, or is that of `host`.
        """
        host.check_not_host(ref, "tag")
        image, name = self._catalogue.find(ref), name_of(target)
        if name is None:
            raise InvalidArgument("invalid reference: it is empty")
        self._catalogue.tag(image, name)
        labels = tuple(sorted(image.document.config.labels.items()))
        self._events.publish(of_image(image.id, "tag", name=name.familiar, labels=labels))

    async def remove(self, ref: str, *, force: bool = False, prune: bool = True) -> Removed:
        """The name is gone, and the image with it if it was the last one.

        Args:
            ref: a name, or an id, which is all its names.
            force: also while stopped containers have it, and with names in several repositories.
            prune: parents without a name, which nothing else needs, go too.

        Raises:
            NotFound: there is no such image.
            Conflict: containers, names or other images are in the way.
        """
        return await self._remover.remove(ref, force=force, prune=prune)

    # --- showing ------------------------------------------------------------------------------

    def list(
        self, wanted: ImageFilter = EVERY, *, shared_size: bool = False
    ) -> tuple[ImageSummary, ...]:
        """Those that somebody wants to see, the newest first; `host` is the last.

        Raises:
            NotFound: `before` or `since` name no image.
        """
        return self._listing.list(wanted, shared_size=shared_size)

    def inspect(self, ref: str) -> ImageDetails:
        """All about one image.

        Raises:
            NotFound: there is none.
        """
        return self._listing.inspect(ref)

    def history(self, ref: str) -> tuple[HistoryEntry, ...]:
        """How it was made, the last step first.

        Raises:
            NotFound: there is none.
        """
        return self._listing.history(ref)

    def usage(self) -> ImageUsage:
        """How much space images take."""
        return self._listing.usage()

    # --- registries ---------------------------------------------------------------------------

    async def pull(
        self,
        ref: str,
        *,
        platform: str = "",
        all_tags: bool = False,
        auth: Credentials = ANONYMOUS,
        progress: Report = unheard,
    ) -> tuple[Pulled, ...]:
        """The image is here, as the registry has it now; with `all_tags`, all of its repository.

        Two pulls of one image share the work. If the caller is cancelled, only he stops; the work
        does so when nobody waits for it any more, and the next pull uses what it has got.

        Raises:
            NotFound: the registry has no such image ("manifest"), or not for that platform.
            Unauthorized: it wants credentials, or other ones.
            Unavailable: it cannot be reached, or sends something else than it has promised.
            InvalidArgument: the name is none; the image is malformed or hostile.
        """
        name = references.parse(ref)
        if all_tags:
            if name.tag or name.digest:
                raise InvalidArgument("all tags of a repository are pulled by its name alone")
            return await self._puller.pull_all(name, platform, auth, progress)
        return (await self._puller.pull(name, platform, auth, progress),)

    async def push(
        self,
        ref: str,
        *,
        all_tags: bool = False,
        auth: Credentials = ANONYMOUS,
        progress: Report = unheard,
    ) -> tuple[Pushed, ...]:
        """The registry has the image under this name; with `all_tags`, all of its repository.

        Raises:
            NotFound: there is no such image here.
            Unauthorized: it wants credentials, or other ones.
            Unavailable: it cannot be reached.
        """
        name = references.parse(ref)
        if all_tags:
            names = self._pusher.all_names(references.parse_repository(ref))
        else:
            names = (references.parse_tagged(ref),)
        host.check_not_host(name.familiar, "push")
        return tuple([await self._pusher.push(one, auth, progress) for one in names])

    async def login(self, auth: Credentials, server: str = "") -> str:
        """The registry accepts the credentials; returns an identity token, "" if it gives none.

        Args:
            auth: who.
            server: HOST[:PORT] or URL of the registry, "" for Docker Hub.

        Raises:
            Unauthorized: it does not.
            Unavailable: it cannot be reached.
        """
        return await in_thread(self._client.login, domain_of(server), auth)

    async def distribution(self, ref: str, auth: Credentials = ANONYMOUS) -> Offer:
        """What the registry has under a name.

        Raises:
            NotFound, Unauthorized, Unavailable: as with `pull`.
        """
        return await self._puller.offer(references.parse(ref), auth)

    async def search(self, term: str) -> None:
        """Is not offered.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(
            f"searching for {term!r:.100}",
            needs="a search service, which is Docker Hub's own and not part of the protocol",
            hint="look at hub.docker.com, or list a registry's tags with skopeo list-tags",
        )

    # --- archives -----------------------------------------------------------------------------

    async def save(self, refs: tuple[str, ...], *, platform: str = "") -> AsyncIterator[bytes]:
        """A tar archive of images, which `load`, docker and podman read.

        Errors come before the first byte.

        Raises:
            NotFound: there is no such image.
        """
        return await self._saver.save(refs, platform)

    async def load(
        self,
        archive: AsyncIterator[bytes],
        *,
        platform: str = "",
        progress: Report = unheard,
    ) -> tuple[str, ...]:
        """The images of an archive are here; returns their familiar names, or ids for want of one.

        Args:
            archive: as docker save, podman save (either format) or skopeo write it; it may be
                compressed with gzip, bzip2, xz or zstd.
            platform: which one of an index; "" for the host's.
            progress: is told.

        Raises:
            InvalidArgument: it is no such archive, or a hostile one; nothing has changed.
        """
        return await self._maker.load(archive, platform=platform, progress=progress)

    async def import_(
        self,
        archive: AsyncIterator[bytes],
        *,
        ref: str = "",
        changes: tuple[str, ...] = (),
        message: str = "",
        platform: str = "",
        progress: Report = unheard,
    ) -> str:
        """An image with the archive's files as its only layer; returns its id.

        Args:
            archive: a tar archive of a root file system, plain or compressed.
            ref: the name it gets, "" for none.
            changes: Dockerfile instructions ("CMD sh").
            message: the comment of its only step.
            platform: which it is for; "" for the host's.
            progress: is told.

        Raises:
            InvalidArgument: the archive, the name or a change is none.
        """
        return await self._maker.import_(
            archive, ref=ref, changes=changes, message=message, platform=platform
        )

    async def commit(self, wanted: Commit) -> str:
        """An image of a new layer on top of another image; returns its id.

        Raises:
            NotFound: there is no such parent.
            InvalidArgument: the name is none.
        """
        return await self._maker.commit(wanted)

    async def bootstrap(self, ref: str, *, progress: Report = unheard) -> Pulled:
        """An image made by debootstrap: ref as "debian:bookworm".

        Raises:
            Unsupported: there is no debootstrap, or it does not know the suite.
            Unavailable: it failed.
        """
        return await self._maker.bootstrap(ref, progress=progress)

    # --- room ---------------------------------------------------------------------------------

    async def prune(self, wanted: ImageFilter = DANGLING) -> Removed:
        """Images that no container has are gone: those without a name, or all (dangling=False).

        Only `dangling`, `labels`, `without_labels` and `until_ns` of the filter count.
        """
        return await self._remover.prune(wanted)

    async def apply_policy(self) -> tuple[str, ...]:
        """The settings' rules for old images are applied now; returns the ids of what is gone."""
        return await self._policy.apply()

    # --- what the others share ----------------------------------------------------------------

    async def _unpack_missing(self, image: Image) -> None:
        """Layers that were lost are unpacked again from their blobs."""
        for layer in image.layers:
            if not self._layers.has(layer.diff_id):
                await in_thread(self._unpack, layer)

    def _unpack(self, layer: Layer) -> None:
        with self._content.open(layer.digest) as blob:
            self._layers.unpack(blob, media_type=layer.media_type, diff_id=layer.diff_id)

    async def _follow(self) -> None:
        """Containers that are made keep their layers, and those that go leave some behind."""
        subscription = self._events.subscribe(
            keep=lambda event: event.type == CONTAINER and event.action in ("create", "destroy")
        )
        async with subscription:
            async for event in subscription:
                if event.action == "create":
                    self._collector.release(event.attribute("image"))
                elif self._orphaned():
                    await self._collector.collect()

    def _orphaned(self) -> bool:
        """Whether there are layers of images that are gone."""
        known = {diff_id for image in self._catalogue.all() for diff_id in image.diff_ids}
        return any(diff_id not in known for diff_id in self._layers.all())


def _directory(ref: str) -> ResolvedImage:
    """A directory in the place of an image."""
    path = os.path.realpath(ref)
    if not os.path.isdir(path):
        raise NotFound("image", ref, hint="it is written as a directory, but there is none")
    return ResolvedImage(ref, "", ImageConfig(), (path,), str(platforms.host()))


def _where(image: Image) -> str:
    return str(image.document.platform)
