"""Manifests (which blobs an image is made of) and indexes (which manifest is for which platform).

Two formats, the OCI's and Docker's schema 2, say the same. The bytes are kept as they came, for
their digest is a name. Whatever is read here comes from strangers: sizes, numbers and digests
are checked before anybody uses them, and a document that could be read as manifest and as index
is neither (CVE-2021-41190).

See: image-spec manifest.md, image-index.md; distribution docs/spec/manifest-v2-2.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from orlop.errors import InvalidArgument, Unsupported
from orlop.image import digest as digests
from orlop.image import media, platform
from orlop.records import Record

if TYPE_CHECKING:
    from orlop.image.platform import Platform

MANIFEST_LIMIT = 4 << 20
"""Bytes of a manifest or index: what distribution-spec asks registries to take."""
LAYERS_LIMIT = 500
"""Layers of an image: as many lower directories as an overlay can have."""
_ENTRIES_LIMIT = 10_000
_BLOB_LIMIT = 1 << 46


class Descriptor(Record):
    """A reference to content: what it is, how large, and its digest.

    Attributes:
        media_type: says how to read it.
        digest: its name.
        size: bytes, 0 or more.
        urls: where else it is, if not in the registry.
        platform: what it is for, in an index; None if that is not said.
        annotations: as they were written, sorted.
    """

    media_type: str
    digest: str
    size: int
    urls: tuple[str, ...] = ()
    platform: Platform | None = None
    annotations: tuple[tuple[str, str], ...] = ()

    def annotation(self, name: str) -> str:
        """The value of an annotation, "" if it has none."""
        return dict(self.annotations).get(name, "")

    @property
    def is_attestation(self) -> bool:
        """Whether it says something about another entry of the index, and is no image."""
        return self.annotation("vnd.docker.reference.type") != ""


class Manifest(Record):
    """An image of one platform.

    Attributes:
        descriptor: of the manifest itself.
        raw: its bytes.
        config: of its configuration.
        layers: of its layers, the lowest first.
    """

    descriptor: Descriptor
    raw: bytes
    config: Descriptor
    layers: tuple[Descriptor, ...]


class Index(Record):
    """Images of several platforms.

    Attributes:
        descriptor: of the index itself.
        raw: its bytes.
        manifests: of the manifests, or further indexes, in it.
    """

    descriptor: Descriptor
    raw: bytes
    manifests: tuple[Descriptor, ...]


class _Platform(msgspec.Struct, rename={"os_version": "os.version"}):
    architecture: str = ""
    os: str = ""
    variant: str | None = None
    os_version: str | None = None


class _Descriptor(msgspec.Struct, rename="camel"):
    digest: str
    size: int
    media_type: str = ""
    urls: list[str] | None = None
    platform: _Platform | None = None
    annotations: dict[str, str] | None = None


class _Document(msgspec.Struct, rename="camel"):
    schema_version: int = 0
    media_type: str = ""
    config: _Descriptor | None = None
    layers: list[_Descriptor] | None = None
    manifests: list[_Descriptor] | None = None
    fs_layers: Any = None
    artifact_type: str | None = None


_decoder = msgspec.json.Decoder(_Document)


def parse(raw: bytes, media_type: str = "") -> Manifest | Index:
    """What the bytes of a manifest or index say.

    Args:
        raw: the bytes.
        media_type: as the registry has named it; "" if nobody has.

    Raises:
        InvalidArgument: they say nothing sound.
        Unsupported: it is a manifest of Docker's first schema.
    """
    document = _document(raw)
    if media_type in media.DOCKER_SCHEMA_1 or document.schema_version == 1 or document.fs_layers:
        raise Unsupported(
            "an image in Docker's manifest schema 1",
            needs="an image that was pushed by Docker 1.10 or newer",
        )
    kind = _kind(document, media_type)
    own = Descriptor(kind, digests.of(raw), len(raw))
    if kind in media.INDEXES:
        return Index(own, raw, _entries(document.manifests or [], _ENTRIES_LIMIT))
    return _manifest(own, raw, document)


def parse_manifest(raw: bytes, media_type: str = "") -> Manifest:
    """The same for what has to be a manifest.

    Raises:
        InvalidArgument: it is none.
        Unsupported: it is one of Docker's first schema.
    """
    parsed = parse(raw, media_type)
    if not isinstance(parsed, Manifest):
        raise InvalidArgument("invalid manifest: it is an index")
    return parsed


def choose(index: Index, wanted: Platform) -> Descriptor | None:
    """The entry of an index that suits a platform best, None if none does."""
    offers = [entry for entry in index.manifests if not entry.is_attestation]
    found = platform.best((entry.platform for entry in offers), wanted)
    return None if found is None else offers[found]


def write_manifest(config: Descriptor, layers: tuple[Descriptor, ...]) -> Manifest:
    """An OCI manifest of these blobs.

    It is of Docker's schema 2 if the configuration's media type is Docker's.
    """
    kind = media.DOCKER_MANIFEST if config.media_type == media.DOCKER_CONFIG else media.OCI_MANIFEST
    raw = msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": plain(config),
            "layers": [plain(layer) for layer in layers],
        }
    )
    return Manifest(Descriptor(kind, digests.of(raw), len(raw)), raw, config, layers)


def write_index(manifests: tuple[Descriptor, ...]) -> bytes:
    """An OCI index of these manifests."""
    return msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": media.OCI_INDEX,
            "manifests": [plain(entry) for entry in manifests],
        }
    )


def plain(descriptor: Descriptor) -> dict[str, Any]:
    """The descriptor as a JSON object."""
    found: dict[str, Any] = {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }
    if descriptor.urls:
        found["urls"] = list(descriptor.urls)
    if descriptor.platform:
        found["platform"] = plain_platform(descriptor.platform)
    if descriptor.annotations:
        found["annotations"] = dict(descriptor.annotations)
    return found


def plain_platform(value: Platform) -> dict[str, str]:
    """The platform as a JSON object, without what it does not say."""
    found = {"architecture": value.architecture, "os": value.os}
    if value.variant:
        found["variant"] = value.variant
    if value.os_version:
        found["os.version"] = value.os_version
    return found


def _document(raw: bytes) -> _Document:
    if len(raw) > MANIFEST_LIMIT:
        raise InvalidArgument(f"invalid manifest: it has more than {MANIFEST_LIMIT >> 20} MiB")
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"invalid manifest: {error}") from error


def _kind(document: _Document, media_type: str) -> str:
    """The media type, agreed on by the registry, the document and what is in it."""
    said = {
        kind for kind in (media_type.split(";", maxsplit=1)[0].strip(), document.media_type) if kind
    }
    known = said & {*media.INDEXES, *media.MANIFESTS}
    if len(known) > 1:
        raise InvalidArgument("invalid manifest: it is sent as another type than it says it is")
    if document.manifests is not None and (document.layers is not None or document.config):
        raise InvalidArgument("invalid manifest: it is a manifest and an index at once")
    is_index = document.manifests is not None
    kind = known.pop() if known else (media.OCI_INDEX if is_index else media.OCI_MANIFEST)
    if is_index != (kind in media.INDEXES):
        raise InvalidArgument(f"invalid manifest: it is no {kind}")
    return kind


def _manifest(own: Descriptor, raw: bytes, document: _Document) -> Manifest:
    if document.config is None:
        raise InvalidArgument("invalid manifest: it has no config")
    config = _descriptor(document.config)
    if config.media_type not in media.CONFIGS:
        raise InvalidArgument(
            f"invalid manifest: its config is of type {config.media_type!r:.100}",
            hint="it is an artifact, and no image for containers",
        )
    layers = _entries(document.layers or [], LAYERS_LIMIT)
    for layer in layers:
        if layer.media_type not in media.LAYERS:
            raise InvalidArgument(
                f"invalid manifest: a layer is of the unknown type {layer.media_type!r:.100}"
            )
    return Manifest(own, raw, config, layers)


def _entries(found: list[_Descriptor], limit: int) -> tuple[Descriptor, ...]:
    if len(found) > limit:
        raise InvalidArgument(f"invalid manifest: it has {len(found)} entries, more than {limit}")
    return tuple(_descriptor(entry) for entry in found)


def _descriptor(found: _Descriptor) -> Descriptor:
    if not 0 <= found.size <= _BLOB_LIMIT:
        raise InvalidArgument(f"invalid manifest: {found.digest:.80} has a size of {found.size}")
    return Descriptor(
        found.media_type,
        digests.parse(found.digest),
        found.size,
        tuple(found.urls or ()),
        _platform(found.platform),
        tuple(sorted((found.annotations or {}).items())),
    )


def _platform(found: _Platform | None) -> Platform | None:
    if found is None or not found.architecture:
        return None
    return platform.normal(
        found.os, found.architecture, found.variant or "", found.os_version or ""
    )
