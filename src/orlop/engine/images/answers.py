"""What the images service is asked, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.image.platform import Platform
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.image.config import ImageConfig


class Progress(Record):
    """How far it is with something, in Docker's words.

    Attributes:
        status: as "Downloading"; a whole sentence if `id` is empty.
        id: of the layer (twelve digits) or the tag that it is about, "" for the whole.
        current: bytes that are done, None if that is not what this tells.
        total: bytes in all, None if that is unknown.
    """

    status: str
    id: str = ""
    current: int | None = None
    total: int | None = None


if TYPE_CHECKING:
    Report = Callable[[Progress], None]
    """Is told of progress, in the event loop's thread."""


def unheard(_progress: Progress) -> None:
    """Tells nobody."""


class HistoryEntry(Record):
    """One step of how an image was made.

    Attributes:
        id: of the image, in the entry of its last step, "" elsewhere.
        created_ns: when, 0 if unknown.
        created_by: the command.
        comment: what was said about it.
        author: who did it.
        size: bytes of the layer that it made, 0 if it made none.
        tags: familiar names of the image, in the entry of its last step.
    """

    id: str
    created_ns: int
    created_by: str
    comment: str
    author: str
    size: int
    tags: tuple[str, ...] = ()


class ImageSummary(Record):
    """An image, as a list shows it.

    Attributes:
        id: "sha256:..." of its configuration.
        tags: familiar names with tags.
        digests: familiar names with digests, of where it was pulled from or pushed to.
        parent: id of the image that it was made from on this machine, "" if it was not.
        created_ns: when it was made, 0 if unknown.
        size: bytes of its unpacked layers.
        shared_size: of those that other images have too; -1 if nobody asked.
        containers: how many are made from it; -1 if nobody asked.
        labels: of its configuration, sorted.
        platform: for which it is.
        is_host: it is the built-in image `host`.
    """

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    parent: str = ""
    created_ns: int = 0
    size: int = 0
    shared_size: int = -1
    containers: int = -1
    labels: tuple[tuple[str, str], ...] = ()
    platform: Platform = Platform()
    is_host: bool = False


class ImageDetails(Record):
    """An image, whole.

    Attributes:
        summary: what lists show.
        config: defaults for containers.
        raw_config: the member "config" of its document, as JSON, with all that is not in `config`.
        author: who made it.
        comment: of its last step.
        docker_version: with what, "" if unknown.
        container: id of the one it was committed from, "" if it was not.
        diff_ids: of its layers, the lowest first.
        lowers: absolute host directories of its layers, the uppermost first.
        tagged_ns: when it last got a name, 0 if never.
        manifest: digest of its manifest.
    """

    summary: ImageSummary
    config: ImageConfig
    raw_config: bytes = b"{}"
    author: str = ""
    comment: str = ""
    docker_version: str = ""
    container: str = ""
    diff_ids: tuple[str, ...] = ()
    lowers: tuple[str, ...] = ()
    tagged_ns: int = 0
    manifest: str = ""


class ImageFilter(Record):
    """Which images somebody wants to see; all conditions hold, of each any one of its values.

    Attributes:
        references: patterns of familiar names, as "debian:*" (path.Match of Go).
        dangling: True for those without a tag only, False for those with one only.
        labels: "NAME" or "NAME=VALUE"; all of them.
        without_labels: the same, none of them.
        before: made before that image, a reference or id; "" for all.
        since: made after that image.
        until_ns: made before that time, in ns since 1970; 0 for all.
        all: also those that are only steps of others.
    """

    references: tuple[str, ...] = ()
    dangling: bool | None = None
    labels: tuple[str, ...] = ()
    without_labels: tuple[str, ...] = ()
    before: str = ""
    since: str = ""
    until_ns: int = 0
    all: bool = False


EVERY = ImageFilter()
DANGLING = ImageFilter(dangling=True)


class Pulled(Record):
    """What a pull has brought.

    Attributes:
        id: of the image.
        ref: the familiar name it was pulled by, with tag or digest.
        digest: of the manifest or index that the registry has under that name.
        is_new: False if it was here already.
    """

    id: str
    ref: str
    digest: str
    is_new: bool


class Pushed(Record):
    """What a push has left in the registry: the tag, and its manifest's digest and size."""

    tag: str
    digest: str
    size: int


class Removed(Record):
    """What a removal has done, in order.

    Attributes:
        untagged: familiar names, or names with digests, that are gone.
        deleted: ids of images, and diff ids of layers, that are gone.
        steps: both in the order in which it was done, as ("untagged" or "deleted", text).
        bytes: of disk space that is free again.
    """

    steps: tuple[tuple[str, str], ...] = ()
    bytes: int = 0

    @property
    def untagged(self) -> tuple[str, ...]:
        """Names that are gone."""
        return tuple(text for kind, text in self.steps if kind == "untagged")

    @property
    def deleted(self) -> tuple[str, ...]:
        """Images and layers that are gone."""
        return tuple(text for kind, text in self.steps if kind == "deleted")


class NewLayer(Record):
    """A layer that was made on this machine and is unpacked already.

    Attributes:
        archive: absolute host path of its tar archive, not compressed; it is read, and stays.
        diff_id: the archive's digest, "" if nobody has computed it.
    """

    archive: str
    diff_id: str = ""


class Commit(Record):
    """An image that is to be made of another one and a new layer.

    Attributes:
        parent: id of the image below; "" for none (`host`, a directory).
        config: of the new image.
        layer: what is new; None for a change of the configuration only.
        author: who.
        comment: why.
        created_by: the command that made the layer.
        container: id of the container that it comes from.
        ref: the name it gets, "" for none.
        platform: None for the parent's, or the host's.
    """

    parent: str
    config: ImageConfig
    layer: NewLayer | None = None
    author: str = ""
    comment: str = ""
    created_by: str = ""
    container: str = ""
    ref: str = ""
    platform: Platform | None = None


class Offer(Record):
    """What a registry has under a name (distribution inspect).

    Attributes:
        media_type: of the manifest or index.
        digest: of it.
        size: bytes of it.
        platforms: for which there are images.
    """

    media_type: str
    digest: str
    size: int
    platforms: tuple[Platform, ...]


class ImageUsage(Record):
    """Disk space of all images.

    Attributes:
        layers_size: bytes of unpacked layers, each counted once.
        blobs_size: bytes of compressed blobs.
        images: all of them, with shared sizes and containers.
        reclaimable: bytes of unpacked layers that only unused images have.
    """

    layers_size: int
    blobs_size: int
    images: tuple[ImageSummary, ...]
    reclaimable: int
