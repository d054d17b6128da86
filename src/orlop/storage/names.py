"""Names of archives as paths below a root: no "..", no empty parts, nothing that leads out."""

from __future__ import annotations

from orlop.storage.tar.entry import ArchiveError, shown

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
RESERVED = b".wh..wh."


def clean(name: bytes) -> bytes:
    """The path without leading slash that a name means; b"" is the root itself.

    ".." is taken back within the name, as Docker does it; in an absolute name it stops at the root.

    Raises:
        ArchiveError: a relative name leads above the root.
    """
    plain = name[:1] not in (b".", b"/") and name[-1:] != b"/"
    if plain and b"/." not in name and b"//" not in name:
        return name
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part in (b"", b"."):
            continue
        if part != b"..":
            parts.append(part)
        elif parts:
            parts.pop()
        elif name[:1] != b"/":
            raise ArchiveError(f"entry {shown(name)} leads out of the root")
    return b"/".join(parts)


def hidden_by(name: bytes, full: bytes) -> bytes:
    """The name that a whiteout hides.

    Raises:
        ArchiveError: none that a file can have.
    """
    hidden = name.removeprefix(WHITEOUT)
    if hidden in (b"", b".", b".."):
        raise ArchiveError(f"entry {shown(full)} is a whiteout of nothing")
    return hidden
