"""Constants of a template, as Go writes them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
}
_HEX_LENGTHS = {"x": 2, "u": 4, "U": 8}
_PREFIXES = {"0x": 16, "0o": 8, "0b": 2}
_OCTAL = "01234567"
_OCTAL_LENGTH = 3
_BYTE = 0x100
_UNSIGNED_LIMIT = 1 << 64


def unquoted(text: str) -> str:
    """The value of a string or character constant with its quotes.

    Raises:
        ValueError: an escape in it is none.
    """
    quote, inside = text[0], text[1:-1]
    if quote == "`":
        return inside.replace("\r", "")
    # Escapes may spell single bytes of a character, so they are put together as bytes.
    data = b"".join(_pieces(inside, quote))
    return data.decode("utf-8", "surrogateescape")


def _pieces(inside: str, quote: str) -> Iterator[bytes]:
    at = 0
    while at < len(inside):
        if inside[at] != "\\":
            yield inside[at].encode("utf-8", "surrogateescape")
            at += 1
            continue
        piece, length = _escape(inside[at + 1 :], quote)
        yield piece
        at += 1 + length


def _escape(text: str, quote: str) -> tuple[bytes, int]:
    """What follows a backslash, and how many characters that takes."""
    first = text[:1]
    if first in _ESCAPES or (first and first == quote):
        return _ESCAPES.get(first, first).encode(), 1
    if first in _HEX_LENGTHS:
        length = 1 + _HEX_LENGTHS[first]
        number = _number(text[1:length], 16, length - 1)
        return (bytes([number]) if first == "x" else chr(number).encode()), length
    number = _number(text[:_OCTAL_LENGTH], 8, _OCTAL_LENGTH)
    if number >= _BYTE:
        raise ValueError("invalid syntax")
    return bytes([number]), _OCTAL_LENGTH


def _number(digits: str, base: int, length: int) -> int:
    if len(digits) != length or not digits.isalnum():
        raise ValueError("invalid syntax")
    try:
        return int(digits, base)
    except ValueError:
        raise ValueError("invalid syntax") from None


def character(text: str) -> int:
    """The number of a character constant with its quotes.

    Raises:
        ValueError: it is not one character.
    """
    value = unquoted(text)
    if not value:
        raise ValueError("invalid syntax")
    if len(value) > 1:
        raise ValueError(f"malformed character constant: {text}")
    return ord(value)


def number(text: str) -> int | float:
    """The value of a number.

    Raises:
        ValueError: it is none.
    """
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    base = _PREFIXES.get(digits[:2].lower(), 0)
    if not base and digits.isdigit() and digits.startswith("0"):
        base = 8  # as in C
    try:
        if not base and not digits.replace("_", "").isdigit():
            return float(text)
        value = int(sign + digits, base or 10)
    except ValueError:
        raise ValueError(f"illegal number syntax: {quoted(text)}") from None
    if value >= _UNSIGNED_LIMIT:
        raise ValueError(f"integer overflow: {quoted(text)}")
    return value


def quoted(text: str) -> str:
    """The text as a string constant, in Go's form of it (%q)."""
    return '"' + "".join(map(_shown, text)) + '"'


_SHOWN = {value: f"\\{letter}" for letter, value in _ESCAPES.items()} | {'"': '\\"'}


def _shown(c: str) -> str:
    if c in _SHOWN:
        return _SHOWN[c]
    if c.isprintable():
        return c
    code = ord(c)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
