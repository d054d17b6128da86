"""The layers of an image in a listing."""

from __future__ import annotations

from orlop.faces.cli.output import ages
from orlop.faces.cli.output.text import short_id, shortened
from orlop.faces.cli.output.views import Column, View
from orlop.faces.sizes import decimal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from orlop.faces.cli.output.views import Shown

    Item = Mapping[str, Any]

_CREATED_BY_WIDTH = 45
_SIZE_DIGITS = 3
_MADE_UP = 946_684_800  # the year 2000: builds that can be repeated say such times


def _id(item: Item, shown: Shown) -> str:
    return short_id(item["Id"]) if shown.short else item["Id"]


def _created_at(item: Item, _: Shown) -> str:
    return ages.rfc3339(item["Created"])


def _created_since(item: Item, shown: Shown) -> str:
    if not shown.human:
        return _created_at(item, shown)
    return ages.ago(item["Created"], shown.now) if item["Created"] > _MADE_UP else "N/A"


def _created_by(item: Item, shown: Shown) -> str:
    text = item["CreatedBy"].replace("\t", " ")
    return shortened(text, _CREATED_BY_WIDTH) if shown.short else text


def _size(item: Item, shown: Shown) -> str:
    return decimal(item["Size"], _SIZE_DIGITS) if shown.human else str(item["Size"])


LAYERS = View(
    "*image.historyContext",
    {
        "ID": Column("IMAGE", _id),
        "CreatedAt": Column("CREATED AT", _created_at),
        "CreatedSince": Column("CREATED", _created_since),
        "CreatedBy": Column("CREATED BY", _created_by),
        "Size": Column("SIZE", _size),
        "Comment": Column("COMMENT", lambda item, _: item.get("Comment") or ""),
    },
)
