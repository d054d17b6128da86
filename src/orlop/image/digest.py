"""Digests: the names of content, made of the content.

See: image-spec descriptor.md#digests.
"""

from __future__ import annotations

import hashlib
import re

from orlop.errors import InvalidArgument

SHA256 = "sha256"
_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_GRAMMAR = re.compile(r"([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*):([0-9a-f]{32,})\Z")


def parse(text: str) -> str:
    """The text itself, if it is a digest of an algorithm that is registered.

    Raises:
        InvalidArgument: it is none.
    """
    match = _GRAMMAR.match(text)
    if not match or _HEX_DIGITS.get(match[1]) != len(match[2]):
        raise InvalidArgument(
            f"invalid digest {text!r:.160}", hint="a digest is as sha256: and 64 hexadecimal digits"
        )
    return text


def is_digest(text: str) -> bool:
    """Whether `parse` takes it."""
    match = _GRAMMAR.match(text)
    return match is not None and _HEX_DIGITS.get(match[1]) == len(match[2])


def split(digest: str) -> tuple[str, str]:
    """Algorithm and hexadecimal digits of a digest."""
    algorithm, _, digits = digest.partition(":")
    return algorithm, digits


def short(digest: str) -> str:
    """The first twelve hexadecimal digits, as people see them."""
    return split(digest)[1][:12]


def of(data: bytes) -> str:
    """The SHA-256 of the data, as a digest."""
    return f"{SHA256}:{hashlib.sha256(data).hexdigest()}"


def hasher(digest: str) -> hashlib._Hash:
    """A hash object of the digest's algorithm."""
    return hashlib.new(split(digest)[0])


def fits(digest: str, data: bytes) -> bool:
    """Whether the data have this digest."""
    hashed = hasher(digest)
    hashed.update(data)
    return finish(hashed) == digest


def finish(hashed: hashlib._Hash) -> str:
    """The digest of what a hash object has been fed."""
    return f"{hashed.name}:{hashed.hexdigest()}"
