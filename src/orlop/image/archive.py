"""Archives of images: what is in them, in the two formats that there are.

- docker save's: `manifest.json` lists images with their configuration, names and layers, as paths.
- An OCI layout: `index.json` lists manifests, blobs are at blobs/ALGORITHM/HEX.

Docker 25 and newer write both into one archive; then manifest.json is read, which has the images
of this host, while the index may have others. We write both too, over the same blobs, with layers
compressed as they are: all who read one of the formats decompress.

Archives come from strangers: documents are bounded, names are looked up and never opened as paths.

See: moby image/spec/v1.2.md, image-spec image-layout.md; containers/image docker/archive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from orlop.errors import InvalidArgument, NotFound
from orlop.image import digest as digests
from orlop.image import document as documents
from orlop.image import manifest as manifests
from orlop.image import media
from orlop.image import reference as references
from orlop.image.document import DOCUMENT_LIMIT
from orlop.image.manifest import MANIFEST_LIMIT, Descriptor, Index, Manifest
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.image.document import ImageDocument
    from orlop.image.platform import Platform
    from orlop.image.reference import Reference

_LIST_LIMIT = 16 << 20
_IMAGES_LIMIT = 1000
_DEPTH = 3
_NAME = "io.containerd.image.name"
_REF_NAME = "org.opencontainers.image.ref.name"


class Members(Protocol):
    """The files of an archive, by name."""

    def __contains__(self, name: str) -> bool:
        """Whether there is such a file."""

    def read(self, name: str, limit: int) -> bytes:
        """All of a file.

        Raises:
            NotFound: there is none ("member").
            InvalidArgument: it has more than so many bytes.
        """


class ArchivedLayer(Record):
    """A layer in an archive.

    Attributes:
        member: the file that it is.
        diff_id: digest of it, uncompressed.
        blob: what its manifest says of it, None if there is no manifest.
    """

    member: str
    diff_id: str
    blob: Descriptor | None = None


class ArchivedImage(Record):
    """An image in an archive.

    Attributes:
        raw_document: its configuration.
        document: the same, read.
        layers: the lowest first.
        names: that it has in the archive, with tags.
        manifest: None if there is none.
    """

    raw_document: bytes
    document: ImageDocument
    layers: tuple[ArchivedLayer, ...]
    names: tuple[Reference, ...] = ()
    manifest: Manifest | None = None

    @property
    def id(self) -> str:
        """The digest of its configuration."""
        return digests.of(self.raw_document)


class _Entry(msgspec.Struct, rename="pascal"):
    config: str
    layers: list[str] | None = None
    repo_tags: list[str] | None = None


_entries = msgspec.json.Decoder(list[_Entry])


def read(members: Members, wanted: Platform) -> tuple[ArchivedImage, ...]:
    """The images of an archive; of those for several platforms, the one that suits best.

    Raises:
        InvalidArgument: it has none, or malformed ones.
    """
    if "manifest.json" in members:
        found = _read_docker(members)
    elif "index.json" in members:
        found = _read_layout(members, wanted)
    elif "repositories" in members:
        raise InvalidArgument(
            "the archive is of a format that Docker has not written since 1.10",
            hint="load it into an older engine, and save it there again",
        )
    else:
        raise InvalidArgument(
            "the archive has no images: neither manifest.json nor index.json is in it",
            hint="an archive of a root file system is for `import`",
        )
    if not found:
        raise InvalidArgument(f"the archive has no image for {wanted}")
    return found


# --- docker save's format ---------------------------------------------------------------------


def _read_docker(members: Members) -> tuple[ArchivedImage, ...]:
    raw = members.read("manifest.json", _LIST_LIMIT)
    try:
        entries = _entries.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"invalid manifest.json: {error}") from error
    if len(entries) > _IMAGES_LIMIT:
        raise InvalidArgument(f"the archive has more than {_IMAGES_LIMIT} images")
    return tuple(_docker_image(members, entry) for entry in entries)


def _docker_image(members: Members, entry: _Entry) -> ArchivedImage:
    raw = _member(members, entry.config, DOCUMENT_LIMIT)
    document = documents.parse(raw)
    paths = entry.layers or []
    if len(paths) != len(document.diff_ids):
        raise InvalidArgument(
            f"invalid archive: {len(paths)} layers in manifest.json,"
            f" {len(document.diff_ids)} in {entry.config!r:.100}"
        )
    layers = tuple(map(ArchivedLayer, paths, document.diff_ids))
    names = tuple(references.parse_tagged(name) for name in entry.repo_tags or [])
    return ArchivedImage(raw, document, layers, names)


# --- OCI layouts ------------------------------------------------------------------------------


def _read_layout(members: Members, wanted: Platform) -> tuple[ArchivedImage, ...]:
    index = manifests.parse(_member(members, "index.json", MANIFEST_LIMIT))
    if not isinstance(index, Index):
        raise InvalidArgument("invalid index.json: it is a manifest")
    if len(index.manifests) > _IMAGES_LIMIT:
        raise InvalidArgument(f"the archive has more than {_IMAGES_LIMIT} images")
    found: dict[str, ArchivedImage] = {}
    for entry in index.manifests:
        manifest = _chosen(members, entry, wanted)
        if manifest is None:
            continue
        image = _layout_image(members, manifest)
        known = found.get(image.id, image)
        found[image.id] = known.replace(names=(*known.names, *_layout_names(entry)))
    return tuple(found.values())


def _chosen(members: Members, entry: Descriptor, wanted: Platform) -> Manifest | None:
    """The manifest of an entry, if it is an image for that platform."""
    for _ in range(_DEPTH):
        if entry.is_attestation or entry.media_type not in media.ACCEPTED:
            return None
        if _path(entry) not in members:  # other platforms may have been left out
            return None
        parsed = manifests.parse(_blob(members, entry, MANIFEST_LIMIT), entry.media_type)
        if isinstance(parsed, Manifest):
            return parsed
        chosen = manifests.choose(parsed, wanted)
        if chosen is None:
            return None
        entry = chosen
    raise InvalidArgument("the archive has indexes in indexes in indexes")


def _layout_image(members: Members, manifest: Manifest) -> ArchivedImage:
    raw = _blob(members, manifest.config, DOCUMENT_LIMIT)
    document = documents.parse(raw)
    if len(manifest.layers) != len(document.diff_ids):
        raise InvalidArgument(
            f"invalid archive: {len(manifest.layers)} layers in a manifest,"
            f" {len(document.diff_ids)} in its configuration"
        )
    layers = tuple(
        ArchivedLayer(_path(blob), diff_id, blob)
        for blob, diff_id in zip(manifest.layers, document.diff_ids, strict=True)
    )
    return ArchivedImage(raw, document, layers, (), manifest)


def _layout_names(entry: Descriptor) -> tuple[Reference, ...]:
    """The name of an entry: containerd's, which is whole, or the OCI's if that looks whole."""
    for name in (entry.annotation(_NAME), entry.annotation(_REF_NAME)):
        if name and ("/" in name or ":" in name):
            return (references.parse_tagged(name),)
    return ()


def path_of(digest: str) -> str:
    """Where a blob is in a layout."""
    return f"blobs/{'/'.join(digests.split(digest))}"


def _path(blob: Descriptor) -> str:
    return path_of(blob.digest)


def _blob(members: Members, blob: Descriptor, limit: int) -> bytes:
    raw = _member(members, _path(blob), limit)
    if not digests.fits(blob.digest, raw):
        raise InvalidArgument(f"invalid archive: {blob.digest} is damaged")
    return raw


def _member(members: Members, name: str, limit: int) -> bytes:
    try:
        return members.read(name, limit)
    except NotFound:
        raise InvalidArgument(f"invalid archive: it lacks {name!r:.200}") from None


# --- writing ----------------------------------------------------------------------------------


class SavedImage(Record):
    """An image that is to be saved.

    Attributes:
        manifest: of it; its blobs go into the archive too.
        document: its configuration.
        names: that it is saved under, with tags.
    """

    manifest: Manifest
    document: ImageDocument
    names: tuple[Reference, ...] = ()


def write(images: Iterable[SavedImage]) -> tuple[tuple[tuple[str, bytes], ...], tuple[str, ...]]:
    """What an archive of the images has: small files with their content, and blobs' digests."""
    saved = tuple(images)
    small: dict[str, bytes] = {}
    blobs: dict[str, None] = {}
    for image in saved:
        small[_path(image.manifest.descriptor)] = image.manifest.raw
        for blob in (image.manifest.config, *image.manifest.layers):
            blobs[blob.digest] = None
    small["index.json"] = manifests.write_index(tuple(e for i in saved for e in _index_entries(i)))
    small["manifest.json"] = msgspec.json.encode([_docker_entry(image) for image in saved])
    small["repositories"] = msgspec.json.encode(_repositories(saved))
    small["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    return tuple(small.items()), tuple(blobs)


def _index_entries(image: SavedImage) -> list[Descriptor]:
    """An entry for each name, or one without a name."""
    bare = image.manifest.descriptor.replace(platform=image.document.platform)
    if not image.names:
        return [bare]
    return [
        bare.replace(annotations=((_NAME, str(name)), (_REF_NAME, name.tag)))
        for name in image.names
    ]


def _docker_entry(image: SavedImage) -> dict[str, object]:
    return {
        "Config": _path(image.manifest.config),
        "RepoTags": [name.familiar for name in image.names] or None,
        "Layers": [_path(layer) for layer in image.manifest.layers],
    }


def _repositories(images: tuple[SavedImage, ...]) -> dict[str, dict[str, str]]:
    """Names by repository, as the oldest readers want them."""
    found: dict[str, dict[str, str]] = {}
    for image in images:
        for name in image.names:
            top = image.document.diff_ids[-1] if image.document.diff_ids else ""
            found.setdefault(name.familiar_name, {})[name.tag] = digests.split(top)[1]
    return found
