"""Query strings as typed values: a msgspec struct says which parameters there are.

A field's type is `bool`, `int`, `int | None`, `str`, `tuple[str, ...]` (a parameter that can be
repeated) or `Filters`. Unknown parameters are ignored, as Docker does.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from orlop.errors import InvalidArgument
from orlop.faces.api import filters
from orlop.faces.api.filters import Filters

if TYPE_CHECKING:
    from collections.abc import Callable

_FALSE = ("", "0", "no", "false", "none")
_INT64 = 2**63
_Q = TypeVar("_Q", bound=msgspec.Struct)


class NoQuery(msgspec.Struct, frozen=True):
    """A path without parameters."""


def parse(kind: type[_Q], text: str) -> _Q:
    """The parameters of a query string, without its question mark.

    Raises:
        InvalidArgument: a parameter has no sense; it is named.
    """
    known = _readers(kind)
    if not known or not text:
        return kind()
    given: dict[str, list[str]] = {}
    for name, value in _pairs(text):
        if name in known:
            given.setdefault(name, []).append(value)
    return kind(**{known[name][0]: known[name][1](name, values) for name, values in given.items()})


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    except ValueError as error:
        raise InvalidArgument(f"invalid query: {error}") from None


@functools.cache
def _readers(kind: type[msgspec.Struct]) -> dict[str, tuple[str, Callable[..., Any]]]:
    """By the parameter's name: the field, and what makes its value of texts."""
    return {
        field.encode_name: (field.name, _READERS[field.type])
        for field in msgspec.structs.fields(kind)
    }


def flag(name: str, values: list[str]) -> bool:
    """Docker's booleans: everything is true that is not one of five words."""
    return values[0].strip().lower() not in _FALSE


def number(name: str, values: list[str]) -> int:
    """A whole number of 64 bits; nothing is 0."""
    text = values[0]
    if not text:
        return 0
    digits = text[1:] if text[0] in "+-" else text
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise InvalidArgument(f"invalid {name}: {text!r} is not a whole number")
    found = int(text)
    if not -_INT64 <= found < _INT64:
        raise InvalidArgument(f"invalid {name}: {text} is out of range")
    return found


def _optional_number(name: str, values: list[str]) -> int | None:
    return number(name, values) if values[0] else None


def _text(name: str, values: list[str]) -> str:
    return _sound(name, values[0])


def _texts(name: str, values: list[str]) -> tuple[str, ...]:
    return tuple(_sound(name, value) for value in values)


def _filters(name: str, values: list[str]) -> Filters:
    return filters.parse(_sound(name, values[0]))


def _sound(name: str, value: str) -> str:
    """The same text, which is UTF-8 without NUL; names and paths go on to the kernel.

    Raises:
        InvalidArgument: it is not.
    """
    if "\0" in value or (not value.isprintable() and any("\ud800" <= c <= "\udfff" for c in value)):
        raise InvalidArgument(f"invalid {name}: neither NUL nor what is not UTF-8 can be in it")
    return value


_READERS: dict[Any, Callable[[str, list[str]], Any]] = {
    bool: flag,
    int: number,
    int | None: _optional_number,
    str: _text,
    tuple[str, ...]: _texts,
    Filters: _filters,
}
