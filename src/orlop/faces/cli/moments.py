"""Times as people give them: so long ago, a date, or seconds since 1970."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.intent import units

_HINT = "as 10m, 2026-01-31, 2026-01-31T12:00:00Z or 1769860800"


def moment(text: str) -> str:
    """The time as the API has it: seconds since 1970, with a fraction; "" stays.

    Dates without a zone are of this machine's zone, as everything is that people see here.

    Raises:
        InvalidArgument: it is none of the forms.
    """
    if not text or _is_seconds(text):
        return text
    ago = _ago_ns(text)
    if ago is not None:
        from time import time_ns

        return _seconds(time_ns() - ago)
    return _seconds(_date_ns(text))


def _is_seconds(text: str) -> bool:
    whole, _, fraction = text.partition(".")
    return text.isascii() and whole.isdigit() and (not fraction or fraction.isdigit())


def _ago_ns(text: str) -> int | None:
    try:
        return units.duration(text.removeprefix("-"))
    except InvalidArgument:
        return None


def _date_ns(text: str) -> int:
    from datetime import datetime, timedelta

    try:
        found = datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise InvalidArgument(f"{text!r} is no time", hint=_HINT) from None
    epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return (found - epoch) // timedelta(microseconds=1) * 1000


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09}"
