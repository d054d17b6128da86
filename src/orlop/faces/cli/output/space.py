"""What is on disk, in a listing: images, containers, volumes."""

from __future__ import annotations

from orlop.faces.cli.moments import moment
from orlop.faces.cli.output import ages
from orlop.faces.cli.output.containers import is_active
from orlop.faces.cli.output.text import short_id
from orlop.faces.cli.output.views import Column, View
from orlop.faces.sizes import decimal
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from orlop.faces.cli.output.views import Shown

_UNKNOWN = -1


class Space(Record):
    """What all objects of one kind take.

    Attributes:
        kind: what they are.
        count: of them all.
        active: of those that are used.
        size: bytes of all.
        reclaimable: bytes of those that nothing uses.
    """

    kind: str
    count: int = 0
    active: int = 0
    size: int = 0
    reclaimable: int = 0


def spaces(found: Mapping[str, Any]) -> tuple[Space, ...]:
    """All kinds, of an answer of /system/df."""
    return (
        _images(found.get("LayersSize") or 0, found.get("Images") or ()),
        _containers(found.get("Containers") or ()),
        _volumes(found.get("Volumes") or ()),
        _cache(found.get("BuildCache") or ()),
    )


def _images(size: int, images: Any) -> Space:
    used = sum(
        image["Size"] - image["SharedSize"]
        for image in images
        if image.get("Containers") and _UNKNOWN not in (image["Size"], image["SharedSize"])
    )
    active = sum((image.get("Containers") or 0) > 0 for image in images)
    return Space("Images", len(images), active, size, size - used)


def _containers(containers: Any) -> Space:
    sizes = [(item.get("SizeRw") or 0, is_active(item)) for item in containers]
    return Space(
        "Containers",
        len(sizes),
        sum(active for _, active in sizes),
        sum(size for size, _ in sizes),
        sum(size for size, active in sizes if not active),
    )


def _volumes(volumes: Any) -> Space:
    usages = [volume.get("UsageData") or {"Size": _UNKNOWN, "RefCount": 0} for volume in volumes]
    known = [usage for usage in usages if usage["Size"] != _UNKNOWN]
    return Space(
        "Local Volumes",
        len(usages),
        sum(usage["RefCount"] > 0 for usage in usages),
        sum(usage["Size"] for usage in known),
        sum(usage["Size"] for usage in known if not usage["RefCount"]),
    )


def _cache(records: Any) -> Space:
    return Space(
        "Build Cache",
        len(records),
        sum(bool(record.get("InUse")) for record in records),
        sum(record.get("Size") or 0 for record in records if not record.get("Shared")),
        sum(
            record.get("Size") or 0
            for record in records
            if not record.get("InUse") and not record.get("Shared")
        ),
    )


def _reclaimable(space: Space) -> str:
    size = decimal(space.reclaimable)
    if space.size > 0:
        return f"{size} ({space.reclaimable * 100 // space.size}%)"
    return size


SPACES = View(
    "*formatter.diskUsageImagesContext",
    {
        "Type": Column("TYPE", lambda space, _: space.kind),
        "TotalCount": Column("TOTAL", lambda space, _: str(space.count)),
        "Active": Column("ACTIVE", lambda space, _: str(space.active)),
        "Size": Column("SIZE", lambda space, _: decimal(space.size)),
        "Reclaimable": Column("RECLAIMABLE", lambda space, _: _reclaimable(space)),
    },
)


# --- the cache of builds ------------------------------------------------------------------------


def _short(item: Mapping[str, Any], shown: Shown) -> str:
    return short_id(item["ID"]) if shown.short else str(item["ID"])


def _last_used(item: Mapping[str, Any], shown: Shown) -> str:
    return ages.ago(_seconds(item["LastUsedAt"]), shown.now) if item.get("LastUsedAt") else ""


def _seconds(text: str) -> float:
    return float(moment(text))


def _is(name: str) -> Callable[[Mapping[str, Any], Shown], str]:
    return lambda item, _: "true" if item.get(name) else "false"


CACHE = View(
    "*formatter.buildCacheContext",
    {
        "ID": Column("CACHE ID", _short),
        "Parent": Column("PARENT", lambda item, _: item.get("Parent") or ""),
        "CacheType": Column("CACHE TYPE", lambda item, _: item.get("Type") or ""),
        "Description": Column("DESCRIPTION", lambda item, _: item.get("Description") or ""),
        "Size": Column("SIZE", lambda item, _: decimal(item.get("Size") or 0, 3)),
        "CreatedAt": Column("CREATED AT", lambda item, _: item.get("CreatedAt") or ""),
        "CreatedSince": Column(
            "CREATED", lambda item, shown: ages.ago(_seconds(item["CreatedAt"]), shown.now)
        ),
        "LastUsedAt": Column("LAST USED AT", lambda item, _: item.get("LastUsedAt") or ""),
        "LastUsedSince": Column("LAST USED", _last_used),
        "UsageCount": Column("USAGE", lambda item, _: str(item.get("UsageCount") or 0)),
        "InUse": Column("IN USE", _is("InUse")),
        "Shared": Column("SHARED", _is("Shared")),
    },
)
