"""Times in Go's and Docker's forms.

See: RFC 3339; Go's time package; moby daemon/container/state.go (String), docker/go-units.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from orlop.errors import InvalidArgument
from orlop.intent import units

NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time."""

_SECOND = 1_000_000_000
_FIRST_S, _LAST_S = -30_610_224_000, 253_402_300_799  # the years 1000 and 9999
_STEPS = (
    (1, "Less than a second", ""),
    (2, "1 second", ""),
    (60, "", "seconds"),
    (120, "About a minute", ""),
    (60 * 60, "", "minutes"),
)


def rfc3339(at_ns: int) -> str:
    """A time since 1970 as "2026-11-26T08:00:00.5Z"; 0 is Go's zero time."""
    return stamp(at_ns) if at_ns > 0 else NEVER


def stamp(at_ns: int) -> str:
    """The same of a file, which may be of 1970 or before; years that Go cannot read are cut off."""
    seconds, fraction = divmod(at_ns, _SECOND)
    seconds = min(max(seconds, _FIRST_S), _LAST_S)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    digits = f"{fraction:09d}".rstrip("0")
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"


def human(nanoseconds: int) -> str:
    """How long, as `docker ps` says it: "About a minute"."""
    seconds = max(0, nanoseconds) // _SECOND
    for below, text, unit in _STEPS:
        if seconds < below:
            return text or f"{seconds // (60 if unit == 'minutes' else 1)} {unit}"
    hours = int(seconds / 3600 + 0.5)
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    days = hours // 24
    if days < 14:
        return f"{days} days"
    if days < 60:
        return f"{days // 7} weeks"
    return f"{days // 30} months" if days < 730 else f"{days // 365} years"


def moment(name: str, text: str) -> int:
    """A time that a client gives, in ns since 1970; 0 for none.

    Args:
        name: of the parameter, for the error.
        text: seconds since 1970 with a fraction, RFC 3339 without or with zone and fraction, or
            how long ago in Go's form ("10m").

    Raises:
        InvalidArgument: it is none of these.
    """
    if text in ("", "0"):
        return 0
    for read in (_seconds, _ago, _date):
        try:
            return read(text)
        except (ValueError, OverflowError, InvalidArgument):
            continue
    raise InvalidArgument(f"invalid value for {name!r}: {text!r} is not a time")


def _seconds(text: str) -> int:
    whole, _, fraction = text.partition(".")
    if not (whole + fraction).isascii() or not (whole + fraction).isdigit() or len(whole) > 11:
        raise ValueError(text)
    return int(whole or "0") * _SECOND + int(f"{fraction:0<9.9}")


def _ago(text: str) -> int:
    return time.time_ns() - units.duration(text)


def _date(text: str) -> int:
    whole, _, rest = text.partition(".")
    digits = rest[: _digits(rest)]
    zone = rest[len(digits) :]
    parsed = datetime.fromisoformat((whole + zone).replace("z", "Z").replace("t", "T"))
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return int(parsed.timestamp()) * _SECOND + int(f"{digits:0<9.9}")


def _digits(text: str) -> int:
    """How many digits it begins with."""
    return len(text) - len(text.lstrip("0123456789"))
