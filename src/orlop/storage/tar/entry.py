"""What an archive says of one file."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.records import Record

FILE = b"0"
LINK = b"1"
SYMLINK = b"2"
CHARACTER = b"3"
BLOCK = b"4"
DIRECTORY = b"5"
FIFO = b"6"

KINDS = {
    FILE: "file",
    LINK: "hard link",
    SYMLINK: "symbolic link",
    CHARACTER: "character device",
    BLOCK: "block device",
    DIRECTORY: "directory",
    FIFO: "fifo",
}

BLOCK_BYTES = 512


class ArchiveError(InvalidArgument):
    """The archive is damaged, cut off, or made to do harm."""


class Entry(Record):
    """A member of an archive.

    Attributes:
        name: as it is written, without trailing slashes; any bytes but NUL.
        kind: one of the constants above.
        mode: permission bits with set-id and sticky, 0 to 0o7777.
        uid: owner.
        gid: group.
        size: bytes of content as the file has them, holes included; 0 for all but files.
        mtime_ns: since 1970, never negative.
        link: of links where they lead, else b"".
        device: major and minor of devices.
        atime_ns: None if the archive does not say.
        xattrs: names with values.
        pieces: of a sparse file offset and length of what is no hole, in order; None for others.
    """

    name: bytes
    kind: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    atime_ns: int | None = None
    xattrs: tuple[tuple[str, bytes], ...] = ()
    pieces: tuple[tuple[int, int], ...] | None = None

    @property
    def label(self) -> str:
        """The name for a message: short, printable."""
        return shown(self.name)


def shown(name: bytes) -> str:
    """A name for a message: at most 200 characters, nothing that moves a cursor."""
    text = name[:200].decode(errors="backslashreplace")
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return repr(text + ("..." if len(name) > 200 else ""))
