"""What is told about the files of a container."""

from __future__ import annotations

from orlop.records import Record

MODIFIED = 0
ADDED = 1
DELETED = 2


class PathStat(Record):
    """A file of a container.

    Attributes:
        name: the last part of the path that was asked for.
        size: in bytes.
        mode: in the bits of Go's os.FileMode, as Docker's clients expect.
        mtime_ns: since 1970.
        link_target: of a symlink, the absolute container path that it leads to; else "".
    """

    name: str
    size: int
    mode: int
    mtime_ns: int
    link_target: str = ""

    @property
    def is_directory(self) -> bool:
        """Whether it is one."""
        return bool(self.mode & 1 << 31)


class Change(Record):
    """Something that a container has changed: its absolute path, and MODIFIED, ADDED or DELETED."""

    path: str
    kind: int


class Committing(Record):
    """How a container becomes an image.

    Attributes:
        ref: name of the image, "" for none.
        author: who.
        comment: why.
        pause: the container stands still meanwhile, if it runs.
        changes: instructions of a Dockerfile, as "CMD top", in order.
    """

    ref: str = ""
    author: str = ""
    comment: str = ""
    pause: bool = True
    changes: tuple[str, ...] = ()
