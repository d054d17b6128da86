"""The keys by which one leaves a container."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.faces.cli.detaching import DEFAULT, DetachKeys, keys_of

P, Q = b"\x10", b"\x11"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", b""),
        (DEFAULT, P + Q),
        ("a,b", b"ab"),
        ("ctrl-a", b"\1"),
        ("CTRL-A", b"\1"),
        ("ctrl-[", b"\x1b"),
        ("ctrl-@,ctrl-_", b"\0\x1f"),
    ],
)
def test_names_of_keys(text: str, keys: bytes) -> None:
    assert keys_of(text) == keys


@pytest.mark.parametrize("text", ["ab", "ctrl-", "ctrl-1", "a,,b", "é", "alt-a"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is no key"):
        keys_of(text)


def typed(keys: bytes, *pieces: bytes) -> tuple[bytes, bool]:
    watch = DetachKeys(keys)
    passed = b""
    for piece in pieces:
        found, left = watch.pass_on(piece)
        passed += found
        if left:
            return passed, True
    return passed, False


@pytest.mark.parametrize(
    ("pieces", "passed", "left"),
    [
        ((b"hello",), b"hello", False),
        ((b"hi" + P + Q + b"more",), b"hi", True),
        ((P, Q), b"", True),
        ((P, b"x"), P + b"x", False),
        ((P,), b"", False),  # held back: it may be the beginning
        ((P, P, Q), P, True),
        ((Q, P), Q, False),
    ],
)
def test_what_is_passed_on(pieces: tuple[bytes, ...], passed: bytes, left: bool) -> None:
    assert typed(P + Q, *pieces) == (passed, left)


def test_without_keys_everything_is_passed_on() -> None:
    assert typed(b"", P + Q) == (P + Q, False)
