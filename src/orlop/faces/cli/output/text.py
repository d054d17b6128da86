"""Ids, names and long texts, shortened as docker does it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SHORT = 12
_ELLIPSIS = "\u2026"
_WIDE = ("W", "F")


def short_id(text: str) -> str:
    """Twelve digits of an id, without the name of its algorithm."""
    return text.rpartition(":")[2][:_SHORT]


def shortened(text: str, width: int) -> str:
    """The text in at most so many columns of a terminal, with an ellipsis if it was longer."""
    if text.isascii():
        return text if len(text) <= width else text[: width - 1] + _ELLIPSIS
    if width_of(text) <= width:
        return text
    used, kept = 0, ""
    for c in text:
        used += _columns(c)
        if used > width - 1:
            break
        kept += c
    return kept + _ELLIPSIS


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(c: str) -> int:
    from unicodedata import east_asian_width

    return 2 if east_asian_width(c) in _WIDE else 1


def labels(found: Mapping[str, str] | None) -> str:
    """Labels as one text, by name."""
    return ",".join(f"{name}={value}" for name, value in sorted((found or {}).items()))


def natural(text: str) -> list[tuple[int, str, int]]:
    """A key for sorting in which "a2" comes before "a10"."""
    key: list[tuple[int, str, int]] = []
    rest = text
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        if digits:
            key.append((0, "", int(rest[:digits])))
            rest = rest[digits:]
        else:
            key.append((1, rest[0], 0))
            rest = rest[1:]
    return key
