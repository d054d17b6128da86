"""Volumes and networks in listings."""

from __future__ import annotations

from orlop.faces.cli.documents.times import Time
from orlop.faces.cli.output.text import labels, short_id
from orlop.faces.cli.output.views import Column, View, label_of
from orlop.faces.sizes import decimal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from orlop.faces.cli.output.views import Shown

    Item = Mapping[str, Any]

_NOT_KNOWN = "N/A"


def _links(item: Item, _: Shown) -> str:
    usage = item.get("UsageData")
    return str(usage["RefCount"]) if usage else _NOT_KNOWN


def _size(item: Item, _: Shown) -> str:
    usage = item.get("UsageData")
    return decimal(usage["Size"]) if usage else _NOT_KNOWN


def _of_a_cluster(_: Item, __: Shown) -> str:
    """Only swarms have that."""
    return _NOT_KNOWN


VOLUMES = View(
    "*formatter.volumeContext",
    {
        "ID": Column("ID", None),
        "Name": Column("VOLUME NAME", lambda item, _: item["Name"]),
        "Driver": Column("DRIVER", lambda item, _: item.get("Driver") or ""),
        "Scope": Column("SCOPE", lambda item, _: item.get("Scope") or ""),
        "Mountpoint": Column("MOUNTPOINT", lambda item, _: item.get("Mountpoint") or ""),
        "Labels": Column("LABELS", lambda item, _: labels(item.get("Labels"))),
        "Links": Column("LINKS", _links),
        "Size": Column("SIZE", _size),
        "Group": Column("GROUP", _of_a_cluster),
        "Availability": Column("AVAILABILITY", _of_a_cluster),
        "Status": Column("STATUS", _of_a_cluster),
    },
    {"Label": lambda item: label_of(item.get("Labels"))},
)


def _id(item: Item, shown: Shown) -> str:
    return short_id(item["Id"]) if shown.short else item["Id"]


def _flag(name: str, head: str) -> Column:
    return Column(head, lambda item, _: "true" if item.get(name) else "false")


NETWORKS = View(
    "*network.networkContext",
    {
        "ID": Column("NETWORK ID", _id),
        "Name": Column("NAME", lambda item, _: item["Name"]),
        "Driver": Column("DRIVER", lambda item, _: item.get("Driver") or ""),
        "Scope": Column("SCOPE", lambda item, _: item.get("Scope") or ""),
        "IPv4": _flag("EnableIPv4", "IPV4"),
        "IPv6": _flag("EnableIPv6", "IPV6"),
        "Internal": _flag("Internal", "INTERNAL"),
        "Labels": Column("LABELS", lambda item, _: labels(item.get("Labels"))),
        "CreatedAt": Column("CREATED AT", lambda item, _: Time(item.get("Created") or "").text()),
    },
    {"Label": lambda item: label_of(item.get("Labels"))},
)
