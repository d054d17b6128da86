from __future__ import annotations

import time

import pytest

from orlop.errors import InvalidArgument
from orlop.faces.api.rendering.times import NEVER, human, moment, rfc3339, stamp

SECOND = 1_000_000_000
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("at_ns", "text"),
    [
        (0, NEVER),
        (SECOND, "1970-01-01T00:00:01Z"),
        (1_792_000_000 * SECOND + 500_000_000, "2026-10-14T17:46:40.5Z"),
        (SECOND + 1, "1970-01-01T00:00:01.000000001Z"),
    ],
)
def test_rfc3339(at_ns: int, text: str) -> None:
    assert rfc3339(at_ns) == text


@pytest.mark.parametrize(
    ("at_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-SECOND, "1969-12-31T23:59:59Z"),
        (2**62 * SECOND, "9999-12-31T23:59:59Z"),
        (-(2**62) * SECOND, "1000-01-01T00:00:00Z"),
    ],
)
def test_times_of_files(at_ns: int, text: str) -> None:
    assert stamp(at_ns) == text


@pytest.mark.parametrize(
    ("how_long", "text"),
    [
        (0, "Less than a second"),
        (-SECOND, "Less than a second"),
        (SECOND, "1 second"),
        (59 * SECOND, "59 seconds"),
        (MINUTE, "About a minute"),
        (2 * MINUTE, "2 minutes"),
        (59 * MINUTE, "59 minutes"),
        (HOUR, "About an hour"),
        (89 * MINUTE, "About an hour"),
        (90 * MINUTE, "2 hours"),
        (47 * HOUR, "47 hours"),
        (48 * HOUR, "2 days"),
        (13 * DAY, "13 days"),
        (14 * DAY, "2 weeks"),
        (59 * DAY, "8 weeks"),
        (61 * DAY, "2 months"),
        (700 * DAY, "23 months"),
        (800 * DAY, "2 years"),
    ],
)
def test_human(how_long: int, text: str) -> None:
    assert human(how_long) == text


@pytest.mark.parametrize(
    ("text", "at_ns"),
    [
        ("", 0),
        ("0", 0),
        ("1.5", 1_500_000_000),
        ("1792000000.000000001", 1_792_000_000 * SECOND + 1),
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01T00:00:01.25Z", 1_250_000_000),
        ("1970-01-01T01:00:01.000000001+01:00", SECOND + 1),
        ("1970-01-01T00:00:01", SECOND),
        ("1970-01-02", DAY),
    ],
)
def test_moments(text: str, at_ns: int) -> None:
    assert moment("since", text) == at_ns


def test_how_long_ago() -> None:
    assert abs(time.time_ns() - HOUR - moment("since", "1h")) < 5 * SECOND


@pytest.mark.parametrize("text", ["x", "1.2.3", "-1", "1e5", "99999999999999", "2026-13-01", "٣"])
def test_no_moments(text: str) -> None:
    with pytest.raises(InvalidArgument, match="since"):
        moment("since", text)
