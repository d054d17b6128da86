"""Extended headers of pax: records of names with values, which go before what the header says.

See: pax(1) "pax Extended Header", and for the vendors' names star(5), tar(5) of libarchive.
"""

from __future__ import annotations

import base64
import binascii
import urllib.parse

from orlop.storage.tar.entry import ArchiveError, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHILY = b"SCHILY.xattr."
LIBARCHIVE = b"LIBARCHIVE.xattr."


def records(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    r"""Names and values of "LENGTH NAME=VALUE\n", in order; the value may be empty.

    Raises:
        ArchiveError: they are not of that form.
    """
    at = 0
    while at < len(text):
        space = text.find(b" ", at, at + 21)
        digits = text[at:space] if space > 0 else b""
        if not digits.isdigit():
            if not text[at:].strip(b"\0"):  # padding that counts as part of it
                return
            raise ArchiveError("the archive has a pax header without a length")
        end = at + int(digits)
        if end > len(text) or end <= space + 1 or text[end - 1 : end] != b"\n":
            raise ArchiveError("the archive has a pax header with a wrong length")
        name, equals, value = text[space + 1 : end - 1].partition(b"=")
        if not equals or not name:
            raise ArchiveError("the archive has a pax header without a name")
        yield name, value
        at = end


def xattrs(found: Mapping[bytes, bytes]) -> tuple[tuple[str, bytes], ...]:
    """The extended attributes among these records; star's form goes before libarchive's."""
    attributes: dict[str, bytes] = {}
    for name, value in found.items():
        if name.startswith(LIBARCHIVE):
            key = urllib.parse.unquote_to_bytes(name.removeprefix(LIBARCHIVE))
            attributes[_text(key)] = _base_64(value)
    for name, value in found.items():
        if name.startswith(SCHILY):
            attributes[_text(name.removeprefix(SCHILY))] = value
    return tuple(attributes.items())


def _text(name: bytes) -> str:
    if b"\0" in name or not name:
        raise ArchiveError(f"the archive has an extended attribute of the name {shown(name)}")
    return name.decode(errors="surrogateescape")


def _base_64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        raise ArchiveError("the archive has an extended attribute that is not base 64") from None
