"""Times and durations as docker shows them."""

from __future__ import annotations

import time

_MINUTE, _HOUR = 60, 3600
_DAY, _WEEK, _MONTH, _YEAR = 24, 24 * 7, 24 * 30, 24 * 365  # in hours
_SPANS = ((2 * _DAY, 1, "hours"), (2 * _WEEK, _DAY, "days"), (2 * _MONTH, _WEEK, "weeks"))


def span(seconds: float) -> str:
    """A duration in words, as "About an hour" or "3 weeks"."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole < _MINUTE:
        return "1 second" if whole == 1 else f"{whole} seconds"
    if whole < _HOUR:
        minutes = whole // _MINUTE
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / _HOUR + 0.5)
    if hours == 1:
        return "About an hour"
    for limit, unit, name in _SPANS:
        if hours < limit:
            return f"{hours // unit} {name}"
    if hours < 2 * _YEAR:
        return f"{hours // _MONTH} months"
    return f"{int(seconds / _HOUR) // _YEAR} years"


def ago(since: float, now: float) -> str:
    """How long ago a point in time was, in words; both in seconds since 1970."""
    return f"{span(now - since)} ago"


def local(seconds: float) -> str:
    """A point in time here, as "2024-05-01 10:00:00 +0200 CEST"."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(seconds))


def rfc3339(seconds: float, nanoseconds: int = 0, *, digits: int = 0) -> str:
    """The same as RFC 3339 has it, with so many digits of a second's fraction."""
    there = time.localtime(seconds)
    fraction = f".{nanoseconds:09d}"[: digits + 1] if digits else ""
    zone = time.strftime("%z", there)
    zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return time.strftime("%Y-%m-%dT%H:%M:%S", there) + fraction + zone
