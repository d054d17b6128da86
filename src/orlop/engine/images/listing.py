"""Images as people see them: in lists, one by one, and how they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.engine.images import host, patterns
from orlop.engine.images.answers import (
    HistoryEntry,
    ImageDetails,
    ImageSummary,
    ImageUsage,
)
from orlop.engine.images.usage import owners
from orlop.errors import NotFound

if TYPE_CHECKING:
    import collections
    from collections.abc import Mapping

    from orlop.engine.images.answers import ImageFilter
    from orlop.engine.images.catalogue import Catalogue, Image
    from orlop.engine.images.usage import Sizes, Users
    from orlop.image.content import ContentStore
    from orlop.image.layer import LayerStore


class Listing:
    """Shows the images of a catalogue.

    Args:
        catalogue: knows them.
        content: has their blobs.
        layers: has their layers.
        sizes: knows how large these are.
        users: knows who uses them.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        content: ContentStore,
        layers: LayerStore,
        sizes: Sizes,
        users: Users,
    ) -> None:
        self._catalogue = catalogue
        self._content = content
        self._layers = layers
        self._sizes = sizes
        self._users = users

    def list(self, wanted: ImageFilter, *, shared_size: bool) -> tuple[ImageSummary, ...]:
        """See `Images.list`."""
        before, since = self._created(wanted.before), self._created(wanted.since)
        images = self._catalogue.all()
        shares = owners(images) if shared_size else None
        counts = self._users.counts() if shared_size else None
        rows = []
        for image in images:
            created_ns = image.document.created_ns
            if (before and created_ns >= before) or (since and created_ns <= since):
                continue
            row = self.summary(image, shares, counts)
            if self._is_step(image, wanted) or not fits(image, wanted, is_tagged=bool(row.tags)):
                continue
            if wanted.references:
                row = row.replace(tags=self._fitting_tags(image, wanted))
                if not row.tags:
                    continue
            rows.append(row)
        rows.sort(key=lambda row: (row.created_ns, row.id), reverse=True)
        return (*rows, *self._host(wanted))

    def summary(
        self,
        image: Image,
        shares: collections.Counter[str] | None = None,
        counts: dict[str, int] | None = None,
    ) -> ImageSummary:
        """One image, as a list shows it."""
        return ImageSummary(
            image.id,
            tuple(name.familiar for name in self._catalogue.tags(image.id)),
            tuple(name.familiar for name in self._catalogue.digests(image.id)),
            image.parent,
            image.document.created_ns,
            self._sizes.image(image),
            -1 if shares is None else self._sizes.shared(image, shares),
            -1 if counts is None else counts.get(image.id, 0),
            tuple(sorted(image.document.config.labels.items())),
            image.document.platform,
        )

    def inspect(self, ref: str) -> ImageDetails:
        """See `Images.inspect`."""
        if host.is_host(ref):
            return host.details()
        image = self._catalogue.find(ref)
        document = image.document
        return ImageDetails(
            self.summary(image),
            document.config,
            document.raw_config,
            document.author,
            document.comment or (document.history[-1].comment if document.history else ""),
            document.docker_version,
            document.container,
            document.diff_ids,
            self._lowers(image),
            image.tagged_ns,
            image.manifest.descriptor.digest,
        )

    def history(self, ref: str) -> tuple[HistoryEntry, ...]:
        """See `Images.history`."""
        if host.is_host(ref):
            return (HistoryEntry(host.host_id(), 0, "", "", "", 0, (f"{host.HOST}:latest",)),)
        image = self._catalogue.find(ref)
        diff_ids = iter(image.diff_ids)
        entries = [
            HistoryEntry(
                "",
                step.created_ns,
                step.created_by,
                step.comment,
                step.author,
                0 if step.is_empty else self._sizes.layer(next(diff_ids, "")),
            )
            for step in image.document.history
        ]
        tags = tuple(name.familiar for name in self._catalogue.tags(image.id))
        if entries:
            entries[-1] = entries[-1].replace(id=image.id, tags=tags)
        return tuple(reversed(entries))

    def usage(self) -> ImageUsage:
        """See `Images.usage`."""
        images = self._catalogue.all()
        shares, counts = owners(images), self._users.counts()
        used = self._users.needed(self._catalogue)
        total = self._sizes.together(images)
        kept = self._sizes.together(image for image in images if image.id in used)
        return ImageUsage(
            total,
            sum(size for _, size in self._content.all()),
            tuple(self.summary(image, shares, counts) for image in images),
            total - kept,
        )

    def _lowers(self, image: Image) -> tuple[str, ...]:
        try:
            return self._layers.lowers(image.diff_ids)
        except NotFound:  # unpacked again when a container needs it
            return ()

    def _created(self, ref: str) -> int:
        return self._catalogue.find(ref).document.created_ns if ref else 0

    def _is_step(self, image: Image, wanted: ImageFilter) -> bool:
        """Whether it has no name, and others were made from it: Docker hides it."""
        if wanted.all or self._catalogue.names(image.id):
            return False
        return bool(self._catalogue.children(image.id))

    def _fitting_tags(self, image: Image, wanted: ImageFilter) -> tuple[str, ...]:
        return tuple(
            name.familiar
            for name in self._catalogue.tags(image.id)
            if any(patterns.matches(pattern, name) for pattern in wanted.references)
        )

    def _host(self, wanted: ImageFilter) -> tuple[ImageSummary, ...]:
        """The image `host`, unless the filter asks for something that it is not."""
        if wanted.dangling or wanted.labels or wanted.before or wanted.since or wanted.until_ns:
            return ()
        found = host.summary()
        if wanted.references:
            texts = (host.HOST, *found.tags)
            compiled = map(patterns.compiled, wanted.references)
            if not any(p.fullmatch(text) for p in compiled for text in texts):
                return ()
        return (found,)


def fits(image: Image, wanted: ImageFilter, *, is_tagged: bool) -> bool:
    """Whether the image itself fits the filter: dangling, labels and until."""
    if wanted.dangling is not None and wanted.dangling == is_tagged:
        return False
    if wanted.until_ns and image.document.created_ns >= wanted.until_ns:
        return False
    labels = image.document.config.labels
    if not all(_has_label(labels, text) for text in wanted.labels):
        return False
    return not any(_has_label(labels, text) for text in wanted.without_labels)


def _has_label(labels: Mapping[str, str], text: str) -> bool:
    name, equals, value = text.partition("=")
    return name in labels and (not equals or labels[name] == value)
