"""Paths of the API with what is asked for behind them. `urllib.parse` costs 9 ms to import."""

from __future__ import annotations

from orlop import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")


def quoted(text: str, also: bytes = b"") -> str:
    """The text as it may stand in a path or query; bytes of `also` stay. See: RFC 3986, 2.1."""
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(c) if c in _PLAIN or c in also else f"%{c:02X}" for c in data)


def part(text: str) -> str:
    """The name of something, as it may stand in a path. Names of images keep their slashes."""
    return quoted(text, b"/:@+")


def with_query(path: str, query: Mapping[str, Any] | None) -> str:
    """The path and the query: a value of None is left out, a list is several of the name.

    True is 1 and False is 0; objects, as `filters`, are JSON.
    """
    pairs = "&".join(f"{quoted(k)}={quoted(v)}" for k, v in _pairs(query or {}))
    return f"{path}?{pairs}" if pairs else path


def _pairs(query: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in query.items():
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None:
                yield name, _text(one)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return jsontext.dumps(value) if isinstance(value, dict) else str(value)
