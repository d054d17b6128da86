"""Times as documents of images write them: RFC 3339, with up to nine digits behind the point."""

from __future__ import annotations

import datetime
import re

_TEXT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)\Z"
)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def parse(text: str) -> int:
    """Nanoseconds since 1970; 0 for what is no time, and for Go's year 1 and others before 1970."""
    match = _TEXT.match(text)
    if not match:
        return 0
    day, time, fraction, zone = match.groups()
    try:
        moment = datetime.datetime.fromisoformat(
            f"{day}T{time}{zone.upper().replace('Z', '+00:00')}"
        )
        seconds = (moment - _EPOCH) // datetime.timedelta(seconds=1)
    except (ValueError, OverflowError):
        return 0
    return max(0, seconds * 10**9 + int((fraction or "0").ljust(9, "0")))


def show(at_ns: int) -> str:
    """The time as text, in UTC, with as many digits as it takes."""
    seconds, rest = divmod(at_ns, 10**9)
    day = (_EPOCH + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{day}{fraction}Z"
