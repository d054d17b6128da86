"""What callers write for a signal and for a user."""

from __future__ import annotations

import signal

import pytest

from orlop.errors import InvalidArgument
from orlop.runtime.lifecycle.execute import parse_user
from orlop.runtime.lifecycle.kill import SIGNALS, parse_signal


def test_names_are_those_of_the_system() -> None:
    known = {name: getattr(signal, f"SIG{name}") for name in SIGNALS}
    assert known == SIGNALS


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9", 9),
        ("KILL", 9),
        ("SIGKILL", 9),
        ("sigterm", 15),
        ("hup", 1),
        ("0", 0),
        ("64", 64),
        ("RTMIN", 34),
        ("SIGRTMIN+3", 37),
        ("rtmax-2", 62),
        ("RTMAX", 64),
        ("SIGCLD", 17),
        ("POLL", 29),
        ("IOT", 6),
    ],
)
def test_signal(text: str, number: int) -> None:
    assert parse_signal(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", "65", "-1", "1.0", "\u0669", "SIG", "SIGSIGKILL", "KILLER"),
        *("RTMIN-1", "RTMAX+1", "RTMIN+31", "RTMIN+", "RTMIN5", "RTMIN*5", "RTMIN +1"),
    ],
)
def test_no_signal(text: str) -> None:
    with pytest.raises(InvalidArgument, match="there is no signal"):
        parse_signal(text)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("0", (0, 0)),
        ("1000", (1000, 0)),
        ("1000:1001", (1000, 1001)),
        ("4294967294:4294967294", (4294967294, 4294967294)),
        ("007", (7, 0)),
    ],
)
def test_user(text: str, ids: tuple[int, int]) -> None:
    assert parse_user(text) == ids


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ":",
            "1000:",
            ":1000",
            "1:2:3",
            "root",
            "1000:staff",
            "-1",
            "+1",
            "1.5",
            "0x10",
            " 1",
        ),
        *("4294967295", "4294967296", "1:4294967295", "99999999999999999999", "\u0661"),
    ],
)
def test_no_user(text: str) -> None:
    """CVE-2024-40635: 2^32 must not become 0."""
    with pytest.raises(InvalidArgument, match="UID"):
        parse_user(text)
