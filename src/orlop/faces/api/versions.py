"""Versions of the API: which are served, and what is said of the others.

See: docs.docker.com, "Engine API version history"; moby api/docs/CHANGELOG.md
"""

from __future__ import annotations

from orlop.errors import InvalidArgument

Version = tuple[int, int]

LEAST: Version = (1, 24)
NEWEST: Version = (1, 47)
"""The newest version that is served whole."""

ENGINE_VERSION = "27.5.1"
"""The release of Docker's that speaks the newest version here; some clients compare it."""


def text_of(version: Version) -> str:
    """As "1.47"."""
    return f"{version[0]}.{version[1]}"


def parse(text: str) -> Version:
    """The version that a path asks for, as "1.47"; trailing zeros count for nothing.

    Raises:
        InvalidArgument: it is none, or not served.
    """
    parts = text.split(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        raise InvalidArgument(f"invalid API version {text!r}")
    numbers = [int(part) for part in parts[:2]]
    return _served((numbers[0], numbers[1] if len(numbers) > 1 else 0), text)


def _served(version: Version, text: str) -> Version:
    if version < LEAST:
        raise InvalidArgument(
            f"client version {text} is too old. Minimum supported API version is "
            f"{text_of(LEAST)}, please upgrade your client to a newer version"
        )
    if version > NEWEST:
        raise InvalidArgument(
            f"client version {text} is too new. Maximum supported API version is {text_of(NEWEST)}"
        )
    return version
