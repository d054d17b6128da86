"""Images in listings: a row for each name."""

from __future__ import annotations

from orlop.faces.cli.output import ages
from orlop.faces.cli.output.references import NONE, parted
from orlop.faces.cli.output.text import short_id
from orlop.faces.cli.output.views import Column, View
from orlop.faces.sizes import decimal
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from orlop.faces.cli.output.views import Shown

_SIZE_DIGITS = 3
_UNKNOWN = -1
_NOT_KNOWN = "N/A"


class Named(Record):
    """An image under one of its names."""

    image: Mapping[str, Any]
    repository: str = NONE
    tag: str = NONE
    digest: str = NONE


def named(
    images: Iterable[Mapping[str, Any]], *, digests: bool, alone: bool = False
) -> Iterator[Named]:
    """The rows of a listing.

    Args:
        images: as the API has them.
        digests: with a row for each digest of a tag.
        alone: and with one for each digest without a tag, instead of one for all.
    """
    for image in images:
        if _is_dangling(image):
            yield Named(image)
        else:
            yield from _names(image, digests=digests, alone=alone)


def _is_dangling(image: Mapping[str, Any]) -> bool:
    tags, digests = image.get("RepoTags") or [], image.get("RepoDigests") or []
    return (not tags and not digests) or (
        tags == [f"{NONE}:{NONE}"] and digests == [f"{NONE}@{NONE}"]
    )


def _names(image: Mapping[str, Any], *, digests: bool, alone: bool) -> Iterator[Named]:
    by_name: dict[str, list[str]] = {}
    for reference in image.get("RepoDigests") or ():
        repository, _, digest = parted(reference)
        by_name.setdefault(repository, []).append(digest)
    tags: dict[str, list[str]] = {}
    for reference in image.get("RepoTags") or ():
        repository, tag, _ = parted(reference)
        tags.setdefault(repository, []).append(tag)
    for repository, known in tags.items():
        found = by_name.pop(repository, [])
        for tag in known:
            for digest in found if digests and found else (NONE,):
                yield Named(image, repository, tag, digest)
    for repository, found in by_name.items():
        for digest in found if alone else ("",):
            yield Named(image, repository, NONE, digest)


def _id(row: Named, shown: Shown) -> str:
    identity: str = row.image["Id"]
    return short_id(identity) if shown.short else identity


def _size_of(row: Named, key: str) -> int:
    return int(row.image.get(key) or 0)


def _unique(row: Named, _: Shown) -> str:
    size, shared = _size_of(row, "Size"), _size_of(row, "SharedSize")
    return _NOT_KNOWN if _UNKNOWN in (size, shared) else decimal(size - shared)


def _shared(row: Named, _: Shown) -> str:
    shared = _size_of(row, "SharedSize")
    return _NOT_KNOWN if shared == _UNKNOWN else decimal(shared)


def _containers(row: Named, _: Shown) -> str:
    count = _size_of(row, "Containers")
    return _NOT_KNOWN if count == _UNKNOWN else str(count)


IMAGES = View(
    "*formatter.imageContext",
    {
        "ID": Column("IMAGE ID", _id),
        "Repository": Column("REPOSITORY", lambda row, _: row.repository),
        "Tag": Column("TAG", lambda row, _: row.tag),
        "Digest": Column("DIGEST", lambda row, _: row.digest),
        "CreatedSince": Column(
            "CREATED", lambda row, shown: ages.ago(row.image["Created"], shown.now)
        ),
        "CreatedAt": Column("CREATED AT", lambda row, _: ages.local(row.image["Created"])),
        "Size": Column("SIZE", lambda row, _: decimal(_size_of(row, "Size"), _SIZE_DIGITS)),
        "VirtualSize": Column("SIZE", lambda row, _: decimal(_size_of(row, "Size"))),
        "SharedSize": Column("SHARED SIZE", _shared),
        "UniqueSize": Column("UNIQUE SIZE", _unique),
        "Containers": Column("CONTAINERS", _containers),
    },
)
