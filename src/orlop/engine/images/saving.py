"""Images into archives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orlop.engine.bytestreams import produced
from orlop.engine.images import host
from orlop.errors import InvalidArgument, NotFound
from orlop.image import archive as archives
from orlop.image import platform as platforms
from orlop.image import reference as references
from orlop.image.archive import SavedImage
from orlop.storage.tar import writer
from orlop.storage.tar.entry import FILE, Entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from orlop.engine.images.catalogue import Catalogue, Image
    from orlop.image.content import ContentStore
    from orlop.image.reference import Reference

_READ = 512 << 10


class Saver:
    """Writes archives.

    Args:
        content: has the images' blobs.
        catalogue: knows the images.
    """

    def __init__(self, content: ContentStore, catalogue: Catalogue) -> None:
        self._content = content
        self._catalogue = catalogue

    async def save(self, refs: tuple[str, ...], platform: str) -> AsyncIterator[bytes]:
        """See `Images.save`."""
        images: dict[str, Image] = {}
        names: dict[str, dict[str, Reference]] = {}
        for ref in refs:
            for image, name in self._wanted(ref, platform):
                images[image.id] = image
                known = names.setdefault(image.id, {})
                if name:
                    known[str(name)] = name
        saved = tuple(
            SavedImage(image.manifest, image.document, tuple(names[image.id].values()))
            for image in images.values()
        )
        return await produced(lambda write: self._write(saved, write))

    def _wanted(self, ref: str, platform: str) -> list[tuple[Image, Reference | None]]:
        """The images that somebody means, each with a name that it is saved under."""
        if host.is_host(ref):
            raise InvalidArgument(
                "cannot save the image 'host': it is this machine itself",
                hint="`orlop export` writes all files of a container",
            )
        found = self._named(ref)
        if platform:
            wanted = platforms.parse(platform)
            for image, _ in found:
                if not platforms.matches(image.document.platform, wanted):
                    raise NotFound("image", f"{ref} for {wanted}")
        return found

    def _named(self, ref: str) -> list[tuple[Image, Reference | None]]:
        try:
            image = self._catalogue.find(ref)
        except NotFound:
            image = None
        if image is not None and self._catalogue.is_id_of(ref, image):
            return [(image, None)]
        name = references.parse(ref)
        if name.tag or name.digest:
            return [(self._catalogue.find(ref), None if name.digest else name)]
        # A repository stands for all its tags.
        pairs = [(self._catalogue.named(tagged), tagged) for tagged in self._catalogue.tagged(name)]
        found: list[tuple[Image, Reference | None]] = [(i, n) for i, n in pairs if i is not None]
        if not found:
            raise NotFound("image", ref)
        return found

    def _write(self, images: tuple[SavedImage, ...], write: Callable[[bytes], None]) -> None:
        """Writes the archive, in a thread."""
        small, blobs = archives.write(images)
        now = time.time_ns() // 10**9 * 10**9
        with self._content.hold(blobs):
            for name, data in small:
                write(_header(name, len(data), now) + data + writer.padding(len(data)))
            for digest in blobs:
                size = self._content.size(digest)
                write(_header(archives.path_of(digest), size, now))
                with self._content.open(digest) as blob:
                    while data := blob.read(_READ):
                        write(data)
                write(writer.padding(size))
        write(writer.END)


def _header(name: str, size: int, mtime_ns: int) -> bytes:
    return writer.header(Entry(name.encode(), FILE, 0o644, size=size, mtime_ns=mtime_ns))
