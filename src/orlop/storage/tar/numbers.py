"""How archives write numbers: octal digits, base 256 (GNU, star), decimal with a fraction (pax)."""

from __future__ import annotations

from orlop.storage.tar.entry import ArchiveError, shown

_LARGEST_NS = (1 << 63) - 1


def number(field: bytes, what: str) -> int:
    """The value of a header's field; may be negative in base 256.

    Raises:
        ArchiveError: it is none.
    """
    if field[:1] >= b"\x80":
        return _base_256(field)
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        # Old programs leave something behind the first NUL.
        try:
            return int(field.partition(b"\0")[0].strip() or b"0", 8)
        except ValueError:
            raise ArchiveError(f"the archive has {shown(field)} as {what}, no number") from None


def _base_256(field: bytes) -> int:
    """The first bit says that it is one, the second is the sign, in two's complement."""
    value = int.from_bytes(field, "big")
    bits = 8 * len(field) - 1
    value &= (1 << bits) - 1
    return value - (1 << bits) if field[0] & 0x40 else value


def decimal(text: bytes, what: str) -> int:
    """The value of a pax record that is a whole number.

    Raises:
        ArchiveError: it is none.
    """
    if not text.isdigit() or len(text) > 20:
        sign = text[:1] == b"-" and text[1:].isdigit() and len(text) < 20
        if not sign:
            raise ArchiveError(f"the archive has {shown(text)} as {what}, no number")
    return int(text)


def nanoseconds(text: bytes, what: str) -> int:
    """The value of a pax record that is a time in seconds, to the nanosecond.

    Raises:
        ArchiveError: it is none.
    """
    whole, _, fraction = text.partition(b".")
    negative = whole.startswith(b"-")
    digits = whole.lstrip(b"-") or b"0"
    if not digits.isdigit() or (fraction and not fraction.isdigit()) or len(digits) > 20:
        raise ArchiveError(f"the archive has {shown(text)} as {what}, no time")
    value = int(digits) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0"))
    return bounded(-value if negative else value)


def bounded(ns: int) -> int:
    """A time that a file can have: what is before 1970 or after 2262 becomes 1970, as in Docker."""
    return ns if 0 <= ns <= _LARGEST_NS else 0
