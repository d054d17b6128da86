"""Trees of files as archives.

A tree may be one that a container writes to meanwhile: every directory is opened from the one above
it, files only after they have turned out to be such, and one that grows or shrinks while it is read
has in the archive the size that it had.

The order is that of the names, so the same tree gives the same archive.
"""

from __future__ import annotations

import errno
import os
import stat

from orlop.errors import SyscallError
from orlop.kernel.paths import reopen_regular
from orlop.storage import attributes
from orlop.storage.changes import is_opaque, is_whiteout
from orlop.storage.depth import check_depth
from orlop.storage.names import OPAQUE, WHITEOUT
from orlop.storage.tar import writer
from orlop.storage.tar.entry import (
    BLOCK,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    LINK,
    SYMLINK,
    Entry,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Keep = Callable[[bytes, os.stat_result], bool]

END = writer.END
"""What an archive ends with; see `members`."""

_KINDS = {
    stat.S_IFREG: FILE,
    stat.S_IFDIR: DIRECTORY,
    stat.S_IFLNK: SYMLINK,
    stat.S_IFCHR: CHARACTER,
    stat.S_IFBLK: BLOCK,
    stat.S_IFIFO: FIFO,
}
_PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_BYTES = 512 << 10
_GONE = (errno.ENOENT, errno.ESTALE)


def everything(_path: bytes, _status: os.stat_result) -> bool:
    """Every file goes into the archive."""
    return True


def archived(
    directory: int,
    name: str | bytes,
    called: str | bytes,
    keep: Keep = everything,
    *,
    layer: bool = False,
) -> Iterator[bytes]:
    """The bytes of an archive of an entry of a directory, with all below it.

    Sockets are left out, and what disappears meanwhile.

    Args:
        directory: descriptor of the directory; needed until the end.
        name: of the entry, "." for the directory itself.
        called: its name in the archive; "" for no entry of itself, but of what is below.
        keep: whether a file goes into the archive, by its path in it; of a directory, also what is
            below.
        layer: the tree is an overlay's layer: its whiteouts become those of images.

    Raises:
        SyscallError: something cannot be read.
    """
    yield from members(directory, name, called, keep, layer=layer)
    yield END


def members(
    directory: int,
    name: str | bytes,
    called: str | bytes,
    keep: Keep = everything,
    *,
    layer: bool = False,
) -> Iterator[bytes]:
    """The same without the end of the archive, so that more can follow.

    Raises:
        As `archived`.
    """
    tree = _Tree(keep, layer)
    try:
        yield from tree.walk(directory, os.fsencode(name), os.fsencode(called))
    except OSError as error:
        if isinstance(error, SyscallError):
            raise
        raise SyscallError("read", error.errno or 0, str(error.filename or "")) from error


class _Tree:
    """One archive in the making; knows which files it has already, for hard links."""

    def __init__(self, keep: Keep, layer: bool) -> None:
        self._keep = keep
        self._layer = layer
        self._known: dict[tuple[int, int], bytes] = {}

    def walk(self, directory: int, name: bytes, called: bytes) -> Iterator[bytes]:
        check_depth(os.fsdecode(called))
        try:
            place = os.open(name, _PLACE, dir_fd=directory)
        except OSError as error:
            if error.errno in _GONE:
                return
            raise
        try:
            status = os.fstat(place)
            if stat.S_ISSOCK(status.st_mode) or not self._keep(called, status):
                return
            if stat.S_ISREG(status.st_mode):
                yield from self._file(place, called, status)
            elif self._layer and is_whiteout(status):
                yield writer.header(whiteout_of(called))
            else:
                if called:
                    yield writer.header(self._entry(place, called, status))
                if stat.S_ISDIR(status.st_mode):
                    yield from self._below(place, called)
        finally:
            os.close(place)

    def _below(self, place: int, called: bytes) -> Iterator[bytes]:
        try:
            directory = os.open(b".", _DIRECTORY, dir_fd=place)
        except OSError as error:
            if error.errno in _GONE:
                return
            raise
        try:
            above = called if called in (b"", b"/") else called + b"/"
            if self._layer and is_opaque(directory):
                yield writer.header(Entry(above + OPAQUE, FILE, 0o600))
            for name in sorted(map(os.fsencode, os.listdir(directory))):
                yield from self.walk(directory, name, above + name)
        finally:
            os.close(directory)

    def _file(self, place: int, called: bytes, status: os.stat_result) -> Iterator[bytes]:
        if status.st_nlink > 1:
            known = self._known.setdefault((status.st_dev, status.st_ino), called)
            if known != called:
                yield writer.header(self._link(called, known, status))
                return
        yield writer.header(self._entry(place, called, status))
        if not status.st_size:
            return
        fd = reopen_regular(place, os.fsdecode(called))
        try:
            yield from _content(fd, status.st_size)
        finally:
            os.close(fd)
        yield writer.padding(status.st_size)

    @staticmethod
    def _link(called: bytes, known: bytes, status: os.stat_result) -> Entry:
        return Entry(
            called,
            LINK,
            stat.S_IMODE(status.st_mode),
            status.st_uid,
            status.st_gid,
            mtime_ns=max(status.st_mtime_ns, 0),
            link=known,
        )

    @staticmethod
    def _entry(place: int, called: bytes, status: os.stat_result) -> Entry:
        kind = _KINDS[stat.S_IFMT(status.st_mode)]
        device = (0, 0)
        if kind in (CHARACTER, BLOCK):
            device = os.major(status.st_rdev), os.minor(status.st_rdev)
        return Entry(
            called,
            kind,
            stat.S_IMODE(status.st_mode),
            status.st_uid,
            status.st_gid,
            status.st_size if kind == FILE else 0,
            max(status.st_mtime_ns, 0),
            os.readlink(b"", dir_fd=place) if kind == SYMLINK else b"",
            device,
            None,
            tuple(attributes.read(f"/proc/self/fd/{place}")),
        )


def whiteout_of(called: bytes) -> Entry:
    """The entry by which a layer of an image hides a name of the layers below."""
    above, slash, name = called.rpartition(b"/")
    return Entry(above + slash + WHITEOUT + name, FILE, 0o600)


def _content(fd: int, size: int) -> Iterator[bytes]:
    """As many bytes as the header says; zeros for those that have gone meanwhile."""
    left = size
    while left:
        got = os.read(fd, min(left, _READ_BYTES))
        if not got:
            break
        left -= len(got)
        yield got
    while left:
        zeros = bytes(min(left, _READ_BYTES))
        left -= len(zeros)
        yield zeros
