"""Sizes, times and numbers as people write them for Docker.

See: github.com/docker/go-units (RAMInBytes), Go's time.ParseDuration.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SIZE = "a size as 512m, 1.5g or a number of bytes"
_DURATION = "a time as 1m30s or 500ms"
_POWERS = "bkmgtp"
_MAX_SIZE = (1 << 63) - 1
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}


def size(text: str) -> int:
    """Bytes of a size, in powers of 1024: 512, 64k, 1.5g, 2 GiB; letters of either case.

    Raises:
        InvalidArgument: it is none, or does not fit into 63 bits.
    """
    number, suffix = _split(text)
    suffix = suffix.removeprefix(" ").lower()
    units = {"": 0, "b": 0}
    for power, letter in enumerate(_POWERS[1:], 1):
        units |= {letter: power, f"{letter}b": power, f"{letter}ib": power}
    if suffix not in units:
        raise InvalidArgument(f"is not {_SIZE}")
    total = decimal(number, 1024 ** units[suffix], _SIZE)
    if total > _MAX_SIZE:
        raise InvalidArgument("is too large")
    return total


def size_or_unlimited(text: str) -> int:
    """Bytes of a size, or -1 for no limit.

    Raises:
        InvalidArgument: it is neither.
    """
    return -1 if text == "-1" else size(text)


def show_size(size_bytes: int) -> str:
    """The size as people write it: 256m."""
    for letter in reversed(_POWERS[1:]):
        unit = 1024 ** _POWERS.index(letter)
        if size_bytes and not size_bytes % unit:
            return f"{size_bytes // unit}{letter}"
    return str(size_bytes)


def duration(text: str) -> int:
    """Nanoseconds of a time in Go's form: 300ms, 1h30m, 1.5s, 0.

    Raises:
        InvalidArgument: it is none, or negative.
    """
    rest, total = text, 0
    if rest == "0":
        return 0
    while rest:
        number, rest = _split_front(rest)
        unit = rest[: len(rest) - len(rest.lstrip("nuµμmsh"))]
        if unit not in _NANOSECONDS or not number:
            raise InvalidArgument(f"is not {_DURATION}")
        total += decimal(number, _NANOSECONDS[unit], _DURATION)
        rest = rest[len(unit) :]
    if not text or total > _MAX_SIZE:
        raise InvalidArgument(f"is not {_DURATION}")
    return total


LEAST_CHECK_NS = 10**6
"""No time of a health check is shorter."""


def check_time(text: str) -> int:
    """Nanoseconds of a time of a health check, 0 for the image's.

    Raises:
        InvalidArgument: it is none, or shorter than a millisecond.
    """
    found = duration(text)
    if 0 < found < LEAST_CHECK_NS:
        raise InvalidArgument("is not at least 1ms")
    return found


_BITS = {
    unit: power * bits
    for prefix, power in (("", 1), ("k", 10**3), ("m", 10**6), ("g", 10**9), ("t", 10**12))
    for unit, bits in ((f"{prefix}bit", 1), (f"{prefix}bps", 8))
}
_RATE = "a rate as 10mbit, 1.5gbit or (in bytes) 2mbps"


def rate(text: str) -> int:
    """Bits per second of a rate in tc's words, powers of 1000; -1 for `unlimited`.

    Raises:
        InvalidArgument: it is none, or less than 8 bits per second.

    See: tc(8), "RATES".
    """
    if text == "unlimited":
        return -1
    number, suffix = _split(text)
    factor = _BITS.get(suffix.strip().lower())
    if factor is None:
        raise InvalidArgument(f"is not {_RATE}")
    bits = decimal(number, factor, _RATE)
    if not 8 <= bits <= _MAX_SIZE:
        raise InvalidArgument("is no rate that a network can have")
    return bits


def percent(text: str) -> int:
    """Parts of a million of a percentage, as 0.5% or 3.

    Raises:
        InvalidArgument: it is none, or above 100.
    """
    parts = decimal(text.removesuffix("%"), 10**4, "a percentage as 0.5%")
    if parts > 10**6:
        raise InvalidArgument("is more than 100 %")
    return parts


def cpus(text: str) -> int:
    """Billionths of a CPU, of a number as 1.5 or .25.

    Raises:
        InvalidArgument: it is none, or more precise than that.
    """
    form = "a number of CPUs as 1.5"
    if len(text.partition(".")[2]) > 9:
        raise InvalidArgument("is more precise than a billionth of a CPU")
    return decimal(text, 10**9, form)


def decimal(text: str, unit: int, form: str) -> int:
    """A decimal number, times a unit, cut to a whole number.

    Raises:
        InvalidArgument: it is not of its `form`.
    """
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 40:
        raise InvalidArgument(f"is not {form}")
    scale: int = 10 ** len(fraction)
    return int(digits) * unit // scale


def whole(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers from low to high, which raises InvalidArgument for others."""

    def read(text: str) -> int:
        digits = text.removeprefix("-")
        good = digits.isascii() and digits.isdigit() and len(digits) < 20
        if not good or not low <= int(text) <= high:
            raise InvalidArgument(f"is not a whole number from {low} to {high}")
        return int(text)

    return read


def _split(text: str) -> tuple[str, str]:
    """Number and unit: what comes up to the last digit, and the rest."""
    end = len(text)
    while end and text[end - 1] not in "0123456789.":
        end -= 1
    return text[:end], text[end:]


def _split_front(text: str) -> tuple[str, str]:
    end = 0
    while end < len(text) and text[end] in "0123456789.":
        end += 1
    return text[:end], text[end:]
