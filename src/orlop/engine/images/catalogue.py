"""Which images there are, and by which names: the tables of the database, and the same in memory.

Everything happens in the event loop's thread, and at once. An image is entered when all of it is
there: its manifest and configuration in the content store, its layers unpacked.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, NotFound, OrlopError
from orlop.image import digest as digests
from orlop.image import document as documents
from orlop.image import manifest as manifests
from orlop.image import reference as references
from orlop.image.layer import Layer
from orlop.image.manifest import LAYERS_LIMIT
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.engine.database import Database
    from orlop.image.content import ContentStore
    from orlop.image.document import ImageDocument
    from orlop.image.manifest import Manifest
    from orlop.image.reference import Reference

_log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
    id TEXT PRIMARY KEY,
    manifest TEXT NOT NULL,
    parent TEXT NOT NULL,
    added_ns INTEGER NOT NULL,
    used_ns INTEGER NOT NULL,
    tagged_ns INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS image_tags (
    name TEXT PRIMARY KEY,
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS image_digests (
    name TEXT PRIMARY KEY,
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
);
"""
_HEX = frozenset("0123456789abcdef")


class Image(Record):
    """An image that is here, whole.

    Attributes:
        id: digest of its configuration.
        manifest: its blobs.
        document: its configuration.
        parent: id of the image that it was made from here, "" if it was not.
        added_ns: since when it is here.
        used_ns: when a container was last made of it, or it was pulled.
        tagged_ns: when it last got a name, 0 if never.
    """

    id: str
    manifest: Manifest
    document: ImageDocument
    parent: str = ""
    added_ns: int = 0
    used_ns: int = 0
    tagged_ns: int = 0

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The lowest first."""
        return layers_of(self.manifest, self.document)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Of its layers, the lowest first."""
        return self.document.diff_ids

    @property
    def blobs(self) -> tuple[str, ...]:
        """Digests of all blobs that it is made of."""
        layers = (layer.digest for layer in self.manifest.layers)
        return (self.manifest.descriptor.digest, self.id, *layers)


def layers_of(manifest: Manifest, document: ImageDocument) -> tuple[Layer, ...]:
    """The layers of an image: what its manifest and its configuration say of them.

    Raises:
        InvalidArgument: they do not say the same.
    """
    if len(manifest.layers) != len(document.diff_ids):
        raise InvalidArgument(
            f"invalid image: {len(manifest.layers)} layers in its manifest,"
            f" {len(document.diff_ids)} in its configuration"
        )
    return tuple(
        Layer(blob.digest, blob.size, blob.media_type, diff_id, blob.urls)
        for blob, diff_id in zip(manifest.layers, document.diff_ids, strict=True)
    )


class Catalogue:
    """All images and names of an engine.

    Args:
        database: where they last.
        content: where their manifests and configurations are.
    """

    def __init__(self, database: Database, content: ContentStore) -> None:
        self._database = database
        self._content = content
        self._images: dict[str, Image] = {}
        self._tags: dict[str, str] = {}
        self._digests: dict[str, str] = {}
        database.define(_SCHEMA)
        self._read()

    # --- looking ------------------------------------------------------------------------------

    def all(self) -> tuple[Image, ...]:
        """All images, in no order."""
        return tuple(self._images.values())

    def get(self, image_id: str) -> Image | None:
        """The image of an id."""
        return self._images.get(image_id)

    def tags(self, image_id: str) -> tuple[Reference, ...]:
        """The names of an image, sorted."""
        return _named(self._tags, image_id)

    def digests(self, image_id: str) -> tuple[Reference, ...]:
        """Its names with digests, sorted."""
        return _named(self._digests, image_id)

    def names(self, image_id: str) -> tuple[Reference, ...]:
        """Both."""
        return (*self.tags(image_id), *self.digests(image_id))

    def tagged(self, repository: Reference) -> tuple[Reference, ...]:
        """All names with tags that begin with this repository."""
        found = map(references.parse, sorted(self._tags))
        return tuple(name for name in found if name.repository() == repository.repository())

    def children(self, image_id: str) -> tuple[Image, ...]:
        """The images that were made from it here."""
        return tuple(image for image in self._images.values() if image.parent == image_id)

    def named(self, reference: Reference) -> Image | None:
        """The image of a name; `latest` if it says neither tag nor digest."""
        if reference.digest:
            key = str(reference.replace(tag=""))
            return self._images.get(self._digests.get(key, ""))
        return self._images.get(self._tags.get(str(reference.with_default_tag()), ""))

    def find(self, ref: str) -> Image:
        """The image of a name, of an id, or of the unique beginning of one.

        Raises:
            NotFound: there is none.
            InvalidArgument: it can be no name, or several ids begin so.
        """
        if ref in self._images:
            return self._images[ref]
        if is_id(ref):
            return self._by_prefix(ref) or _missing(ref)
        try:
            reference = references.parse(ref)
        except InvalidArgument:
            found = self._by_prefix(ref)
            if found is None and not _is_hex(ref):
                raise
            return found or _missing(ref)
        found = self.named(reference)
        if found is None and not reference.digest:
            found = self._by_prefix(ref)
        return found or _missing(ref)

    def is_id_of(self, ref: str, image: Image) -> bool:
        """Whether somebody has called the image by its id, or the beginning of it."""
        try:
            if not is_id(ref) and self.named(references.parse(ref)) is not None:
                return False
        except InvalidArgument:
            pass
        return image.id.removeprefix("sha256:").startswith(ref.removeprefix("sha256:"))

    def _by_prefix(self, ref: str) -> Image | None:
        prefix = ref.removeprefix("sha256:")
        if not _is_hex(prefix):
            return None
        full = f"sha256:{prefix}"
        found = [image for image_id, image in self._images.items() if image_id.startswith(full)]
        if len(found) > 1:
            raise InvalidArgument(f"the id {ref!r} is ambiguous: {len(found)} images have it")
        return found[0] if found else None

    # --- changing -----------------------------------------------------------------------------

    def add(
        self,
        manifest: Manifest,
        document: ImageDocument,
        *,
        tag: Reference | None = None,
        digest: Reference | None = None,
        parent: str = "",
    ) -> tuple[Image, bool]:
        """The image is known, by these names too; whether it is new.

        Of an image that is known, the manifest stays the one by which it came.
        """
        now = time.time_ns()
        image_id = manifest.config.digest
        known = self._images.get(image_id)
        image = known or Image(image_id, manifest, document, parent, now)
        tagged_ns = now if tag else image.tagged_ns
        image = image.replace(used_ns=now, tagged_ns=tagged_ns)
        with self._database.transaction():
            self._store(image)
            if tag:
                self._store_name("image_tags", str(tag), image_id)
            if digest:
                self._store_name("image_digests", str(digest), image_id)
        self._images[image_id] = image
        if tag:
            self._tags[str(tag)] = image_id
        if digest:
            self._digests[str(digest)] = image_id
        return image, known is None

    def tag(self, image: Image, name: Reference) -> None:
        """The image has that name, and no other image has."""
        self.add(image.manifest, image.document, tag=name)

    def add_digest(self, image: Image, name: Reference) -> None:
        """The image has that name with a digest."""
        self.add(image.manifest, image.document, digest=name)

    def untag(self, name: Reference) -> None:
        """Nothing has that name, with a tag or with a digest."""
        table, names = (
            ("image_digests", self._digests) if name.digest else ("image_tags", self._tags)
        )
        self._database.execute(f"DELETE FROM {table} WHERE name = ?", (str(name),))  # noqa: S608
        names.pop(str(name), None)

    def remove(self, image: Image) -> None:
        """The image is unknown, with all its names; its blobs and layers are still there."""
        with self._database.transaction():
            self._database.execute("DELETE FROM images WHERE id = ?", (image.id,))
        del self._images[image.id]
        for names in (self._tags, self._digests):
            for name in [name for name, owner in names.items() if owner == image.id]:
                del names[name]

    def used(self, image: Image) -> None:
        """A container was just made of it."""
        image = image.replace(used_ns=time.time_ns())
        self._images[image.id] = image
        self._store(image)

    # --- the database -------------------------------------------------------------------------

    def _store(self, image: Image) -> None:
        self._database.execute(
            "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " used_ns = excluded.used_ns, tagged_ns = excluded.tagged_ns",
            (
                image.id,
                image.manifest.descriptor.digest,
                image.parent,
                image.added_ns,
                image.used_ns,
                image.tagged_ns,
            ),
        )

    def _store_name(self, table: str, name: str, image_id: str) -> None:
        self._database.execute(
            f"INSERT INTO {table} VALUES (?, ?)"  # noqa: S608
            " ON CONFLICT (name) DO UPDATE SET image = excluded.image",
            (name, image_id),
        )

    def _read(self) -> None:
        """Takes what the database has; what lacks blobs is unknown from now on."""
        lost = []
        for row in self._database.execute("SELECT * FROM images"):
            image_id, manifest, parent, added, used, tagged = row
            try:
                image = self._load(str(image_id), str(manifest))
            except OrlopError as error:
                _log.warning("image %s is damaged and was removed: %s", image_id, error)
                lost.append(image_id)
                continue
            self._images[image.id] = image.replace(
                parent=str(parent),
                added_ns=_number(added),
                used_ns=_number(used),
                tagged_ns=_number(tagged),
            )
        for image_id in lost:
            self._database.execute("DELETE FROM images WHERE id = ?", (image_id,))
        for table, names in (("image_tags", self._tags), ("image_digests", self._digests)):
            rows = self._database.execute(f"SELECT name, image FROM {table}")  # noqa: S608
            names.update((str(name), str(image_id)) for name, image_id in rows)

    def _load(self, image_id: str, manifest_digest: str) -> Image:
        manifest = manifests.parse_manifest(self._content.read(manifest_digest))
        raw = self._content.read(image_id)
        for digest, data in ((manifest_digest, manifest.raw), (image_id, raw)):
            if not digests.fits(digest, data):
                raise InvalidArgument(f"the blob {digest} is damaged")
        image = Image(image_id, manifest, documents.parse(raw))
        for digest in image.blobs:
            if not self._content.has(digest):
                raise NotFound("blob", digest)
        return image


def check_depth(document: ImageDocument) -> None:
    """Another layer fits on top of the image.

    Raises:
        InvalidArgument: it does not.
    """
    if len(document.diff_ids) >= LAYERS_LIMIT:
        raise InvalidArgument(f"an image has at most {LAYERS_LIMIT} layers")


def is_id(ref: str) -> bool:
    """Whether the text is an id, or the beginning of one, with its algorithm."""
    return ref.startswith("sha256:") and _is_hex(ref.removeprefix("sha256:"))


def _is_hex(text: str) -> bool:
    return 0 < len(text) <= 64 and _HEX.issuperset(text)


def _named(names: dict[str, str], image_id: str) -> tuple[Reference, ...]:
    found: Iterable[str] = (name for name, owner in names.items() if owner == image_id)
    return tuple(references.parse(name) for name in sorted(found))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _missing(ref: str) -> Image:
    raise NotFound("image", ref)
