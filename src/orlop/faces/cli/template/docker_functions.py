"""The functions that docker adds to text/template."""

from __future__ import annotations

from orlop.faces.cli.template.json_ import encoded
from orlop.faces.cli.template.values import (
    ANYTHING,
    STRINGS,
    Function,
    Refused,
    Slice,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _split(text: str, separator: str) -> Slice:
    pieces = text.split(separator) if separator else list(text)
    return Slice(pieces, STRINGS)


def _title(text: str) -> str:
    """The first letter of each word is a capital; the others stay."""
    words, previous = [], " "
    for c in text:
        words.append(c if _is_inside(previous) else c.title() if c.isalpha() else c)
        previous = c
    return "".join(words)


def _is_inside(previous: str) -> bool:
    """Whether what follows this character is inside a word."""
    if ord(previous) < 128:
        return previous.isalnum() or previous == "_"
    return not previous.isspace()


def _pad(text: str, before: int, after: int) -> str:
    return " " * before + text + " " * after if text else text


def _truncate(text: str, length: int) -> str:
    """At most so many characters (docker counts bytes, and may cut through one)."""
    if length < 0:
        raise Refused(f"runtime error: slice bounds out of range [:{length}]")
    return text[:length]


def _each(change: Callable[[str], str]) -> Callable[[str], str]:
    """Changes character by character: none becomes two."""

    def changed(text: str) -> str:
        return "".join(new if len(new := change(c)) == 1 else c for c in text)

    return changed


DOCKER: Mapping[str, Function] = {
    "join": Function(lambda items, separator: separator.join(items), (STRINGS, "string")),
    "json": Function(encoded, (ANYTHING,)),
    "lower": Function(_each(str.lower), ("string",)),
    "pad": Function(_pad, ("string", "int", "int")),
    "split": Function(_split, ("string", "string")),
    "title": Function(_title, ("string",)),
    "truncate": Function(_truncate, ("string", "int")),
    "upper": Function(_each(str.upper), ("string",)),
}

_TEXT = ("string",)

HEADER: Mapping[str, Function] = {
    "join": Function(lambda text, _: text, ("string", "string")),
    "json": Function(lambda text: text, _TEXT),
    "lower": Function(lambda text: text, _TEXT),
    "split": Function(lambda text, _: text, ("string", "string")),
    "title": Function(lambda text: text, _TEXT),
    "truncate": Function(lambda text, _: text, ("string", "int")),
    "upper": Function(lambda text: text, _TEXT),
}
"""What takes their place for the head of a table: names of columns stay as they are."""
