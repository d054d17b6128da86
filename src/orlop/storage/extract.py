"""Entries of an archive become files below a root, and nowhere else.

The root is a descriptor. Every directory on the way is opened from the one above it, without
following links; where an archive writes through a link of its own, openat2(2) keeps that below the
root. What is there already gives way, as in Docker: a directory stays for a directory, everything
else is removed first. Directories get their owners, modes and times at the end, when nothing
changes them any more.

See: image-spec layer.md; openat2(2); CVE-2018-15664, CVE-2019-14271.
"""

from __future__ import annotations

import errno
import os
import stat

from orlop.errors import SyscallError
from orlop.records import Record
from orlop.storage import attributes, removal
from orlop.storage.directories import Directories
from orlop.storage.names import OPAQUE, RESERVED, WHITEOUT, clean, hidden_by
from orlop.storage.space import Watch, no_room
from orlop.storage.tar.entry import (
    BLOCK,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    LINK,
    SYMLINK,
    ArchiveError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orlop.storage.tar.entry import Entry
    from orlop.storage.tar.reader import TarReader

OVERLAY = "overlay"
APPLIED = "applied"
PLAIN = "plain"

WHITEOUT_DEVICE = os.makedev(0, 0)
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_SET_ID = 0o7000

# What is the archive's fault, whoever says it.
_REFUSALS = (
    errno.ENAMETOOLONG,
    errno.EINVAL,
    errno.ELOOP,
    errno.EFBIG,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENOENT,
    errno.EMLINK,
    errno.E2BIG,
    errno.ERANGE,
)
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Rules(Record):
    """How entries become files.

    Attributes:
        whiteouts: OVERLAY makes of `.wh.` entries what overlayfs takes for them, APPLIED removes
            what they hide, PLAIN takes them for ordinary names.
        opaque: the attribute of a directory that hides what is below it in lower layers.
        owner: whom all files belong to; None for what the archive says.
        owners: files can be given away (not without rights over the host's ids).
        devices: devices can be made; else they are left out.
        keep_kinds: a directory never takes the place of something else, nor the other way round.
        top: an entry of the root itself counts: its mode and times become the root's.
        fresh: the root was empty before, and nobody else knows it.
    """

    whiteouts: str = PLAIN
    opaque: str = attributes.TRUSTED_OVERLAY + attributes.OPAQUE
    owner: tuple[int, int] | None = None
    owners: bool = True
    devices: bool = True
    keep_kinds: bool = False
    top: bool = True
    fresh: bool = False


class Extracted(Record):
    """What an archive has become.

    Attributes:
        files: how many entries.
        size: bytes of content, holes not counted.
        implicit: paths of directories that it has no entry of.
    """

    files: int
    size: int
    implicit: tuple[bytes, ...] = ()


def extract(reader: TarReader, root: int, rules: Rules, warn: Callable[[str], None]) -> Extracted:
    """All entries of the archive are below the root.

    Args:
        reader: the archive.
        root: descriptor of a directory; stays the caller's.
        rules: how.
        warn: gets a text for what was left out.

    Raises:
        ArchiveError: the archive is at fault; what came before the mistake is there.
        Unavailable: the disk is nearly full.
        SyscallError: the kernel refuses for another reason.
    """
    work = Extraction(root, rules, warn)
    try:
        for entry in reader:
            work.add(entry, reader.content())
        return work.finish()
    finally:
        work.close()


class Extraction:
    """An extraction that goes on; see `extract`."""

    def __init__(self, root: int, rules: Rules, warn: Callable[[str], None]) -> None:
        self._root = root
        self._rules = rules
        self._warn = warn
        self._pending: dict[bytes, Entry] = {}
        self._space = Watch(root, "unpack the archive")
        self._directories = Directories(root, self._space)
        self._umask = _umask()
        self._own = os.geteuid(), os.getegid()
        self._files = self._size = 0
        # In a directory with the set-group-id bit new files belong to its group.
        self._group_is_ours = rules.fresh and not os.fstat(root).st_mode & stat.S_ISGID

    def close(self) -> None:
        """Descriptors are closed."""
        self._directories.forget()

    def add(self, entry: Entry, content: Iterator[memoryview]) -> None:
        """The entry is there; of a directory, its attributes are not yet.

        Raises:
            As `extract`.
        """
        try:
            self._add(entry, content)
        except OSError as error:
            raise _translated(error, f"unpack {entry.label}") from error
        self._files += 1

    def finish(self) -> Extracted:
        """Directories have owners, modes and times, the deepest first.

        Raises:
            As `extract`.
        """
        # The order keeps neighbours together, and what is above behind what is below.
        for path in sorted(self._pending, reverse=True):
            entry = self._pending[path]
            try:
                self._finish_directory(path, entry)
            except OSError as error:
                raise _translated(error, f"unpack {entry.label}") from error
        implicit = tuple(path for path in self._directories.made if path not in self._pending)
        return Extracted(self._files, self._size, implicit)

    # --- entries ------------------------------------------------------------------------------

    def _add(self, entry: Entry, content: Iterator[memoryview]) -> None:
        path = clean(entry.name)
        if not path:
            self._add_top(entry)
            return
        above, _, name = path.rpartition(b"/")
        if self._rules.whiteouts != PLAIN and name.startswith(WHITEOUT):
            self._whiteout(entry, above, name)
            return
        directory = self._directories.get(above)
        if entry.kind == FILE:
            self._file(directory, name, entry, content)
        elif entry.kind == DIRECTORY:
            self._directory(directory, name, path, entry)
        else:
            _MAKERS[entry.kind](self, directory, name, entry)

    def _add_top(self, entry: Entry) -> None:
        if entry.kind != DIRECTORY:
            raise ArchiveError(f"entry {entry.label} would replace the root by something else")
        if self._rules.top:
            self._pending[b""] = entry

    def _file(
        self, directory: int, name: bytes, entry: Entry, content: Iterator[memoryview]
    ) -> None:
        stored = entry.size if entry.pieces is None else sum(size for _, size in entry.pieces)
        self._space.count(stored)
        fd = self._new_file(directory, name, entry)
        try:
            if entry.pieces is None:
                for piece in content:
                    _write(fd, piece)
            else:
                _write_pieces(fd, entry, content)
            self._size += stored
            self._finish_file(fd, entry)
        finally:
            os.close(fd)

    def _new_file(self, directory: int, name: bytes, entry: Entry) -> int:
        mode = entry.mode & 0o777
        try:
            return os.open(name, _NEW_FILE, mode, dir_fd=directory)
        except FileExistsError:
            pass
        try:
            self._clear(directory, name, entry)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return _open_mounted(directory, name, entry.mode)
        return os.open(name, _NEW_FILE, mode, dir_fd=directory)

    def _finish_file(self, fd: int, entry: Entry) -> None:
        owner = self._owner(entry)
        if owner is not None:
            os.fchown(fd, *owner)
        if entry.mode & (self._umask | _SET_ID):
            os.fchmod(fd, entry.mode)
        if entry.xattrs:
            attributes.apply(fd, entry.xattrs)
        os.utime(fd, ns=_times(entry))

    def _directory(self, directory: int, name: bytes, path: bytes, entry: Entry) -> None:
        try:
            # Nobody looks in before it is as it should be; see `_finish_directory`.
            os.mkdir(name, 0o700, dir_fd=directory)
        except FileExistsError:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                self._clear(directory, name, entry)
                os.mkdir(name, 0o700, dir_fd=directory)
                if self._rules.whiteouts == OVERLAY and _is_whiteout(status):
                    # The whiteout has hidden what lower layers have here.
                    self._make_opaque(self._directories.get(path))
        self._pending[path] = entry

    def symlink(self, directory: int, name: bytes, entry: Entry) -> None:
        """A symbolic link, which may lead anywhere: nobody here follows it."""
        self._make(directory, name, entry, lambda: os.symlink(entry.link, name, dir_fd=directory))
        self._finish_special(directory, name, entry)

    def fifo(self, directory: int, name: bytes, entry: Entry) -> None:
        """A fifo."""
        mode = entry.mode & 0o777
        self._make(directory, name, entry, lambda: os.mkfifo(name, mode, dir_fd=directory))
        self._finish_special(directory, name, entry)

    def device(self, directory: int, name: bytes, entry: Entry) -> None:
        """A device, if such can be made here."""
        if not self._rules.devices:
            self._warn(f"left out the device {entry.label}: only root of the host can make devices")
            return
        kind = stat.S_IFCHR if entry.kind == CHARACTER else stat.S_IFBLK
        mode, device = kind | entry.mode & 0o777, _device_number(entry)
        self._make(directory, name, entry, lambda: os.mknod(name, mode, device, dir_fd=directory))
        self._finish_special(directory, name, entry)

    def link(self, directory: int, name: bytes, entry: Entry) -> None:
        """A further name of a file that the archive has made before."""
        above, _, target = clean(entry.link).rpartition(b"/")
        if not target:
            raise ArchiveError(f"entry {entry.label} is a hard link to the root")
        # Looking up the target, and removing what is in the way, may close what is cached.
        directory = os.dup(directory)
        source = -1
        try:
            source = os.dup(self._directories.get(above, make=False))
            if _is_same(source, target, directory, name):
                return

            def link() -> None:
                places = {"src_dir_fd": source, "dst_dir_fd": directory}
                os.link(target, name, **places, follow_symlinks=False)

            self._make(directory, name, entry, link)
        except (FileNotFoundError, PermissionError):
            raise ArchiveError(
                f"entry {entry.label} is a hard link to what is no file of the archive"
            ) from None
        finally:
            os.close(directory)
            if source >= 0:
                os.close(source)

    def _make(self, directory: int, name: bytes, entry: Entry, make: Callable[[], None]) -> None:
        self._space.count(0)
        try:
            make()
        except FileExistsError:
            self._clear(directory, name, entry)
            make()

    def _clear(self, directory: int, name: bytes, entry: Entry) -> None:
        """What is there under the name is gone.

        Raises:
            ArchiveError: it is a directory or is to become one, and the rules forbid that.
        """
        is_directory = _is_directory(directory, name)
        if self._rules.keep_kinds and is_directory != (entry.kind == DIRECTORY):
            old, new = (
                ("directory", "non-directory") if is_directory else ("non-directory", "directory")
            )
            raise ArchiveError(f"cannot overwrite {old} {entry.label} with {new}")
        removal.remove(directory, name)
        if is_directory:
            path = clean(entry.name)
            self._pending = {
                there: pending
                for there, pending in self._pending.items()
                if there != path and not there.startswith(path + b"/")
            }
            self._directories.forget(but=directory)

    # --- whiteouts ----------------------------------------------------------------------------

    def _whiteout(self, entry: Entry, above: bytes, name: bytes) -> None:
        if name == OPAQUE:
            self._hide_all(above)
            return
        if name.startswith(RESERVED):  # what aufs kept for itself
            return
        hidden = hidden_by(name, entry.name)
        directory = self._directories.get(above)
        if self._rules.whiteouts == APPLIED:
            removal.remove(directory, hidden)
            self._directories.forget()
            return
        try:
            os.mknod(hidden, stat.S_IFCHR, WHITEOUT_DEVICE, dir_fd=directory)
        except FileExistsError:
            # The layer has the name itself, which hides what is below; of a directory not all.
            if _is_directory(directory, hidden):
                self._make_opaque(self._directories.get(above + b"/" + hidden if above else hidden))

    def _hide_all(self, path: bytes) -> None:
        """Nothing is seen in a directory of what was there before."""
        directory = self._directories.get(path)
        if self._rules.whiteouts == APPLIED:
            removal.empty(directory)
            self._directories.forget()
        else:
            self._make_opaque(directory)

    def _make_opaque(self, directory: int) -> None:
        os.setxattr(directory, self._rules.opaque, b"y")

    # --- attributes ---------------------------------------------------------------------------

    def _owner(self, entry: Entry) -> tuple[int, int] | None:
        """Whom a new file is to be given to, None if it is that one's."""
        if not self._rules.owners:
            return None
        owner = self._rules.owner or (entry.uid, entry.gid)
        return None if owner == self._own and self._group_is_ours else owner

    def _finish_special(self, directory: int, name: bytes, entry: Entry) -> None:
        """Owner, mode, attributes and times of what cannot be opened without consequences."""
        owner = self._owner(entry)
        if owner is not None:
            os.chown(name, *owner, dir_fd=directory, follow_symlinks=False)
        chmod = entry.kind != SYMLINK and entry.mode & (self._umask | _SET_ID)
        if chmod or entry.xattrs:
            place = os.open(name, _PLACE, dir_fd=directory)
            try:
                if chmod and not stat.S_ISLNK(os.fstat(place).st_mode):
                    os.chmod(f"/proc/self/fd/{place}", entry.mode)
                attributes.apply(f"/proc/self/fd/{place}", entry.xattrs)
            finally:
                os.close(place)
        os.utime(name, ns=_times(entry), dir_fd=directory, follow_symlinks=False)

    def _finish_directory(self, path: bytes, entry: Entry) -> None:
        directory = self._directories.get(path, make=False)
        owner = self._rules.owner or (entry.uid, entry.gid)
        if self._rules.owners:
            os.fchown(directory, *owner)
        os.fchmod(directory, entry.mode)
        if entry.xattrs:
            attributes.apply(directory, entry.xattrs)
        os.utime(directory, ns=_times(entry))


_MAKERS: dict[bytes, Callable[[Extraction, int, bytes, Entry], None]] = {
    LINK: Extraction.link,
    SYMLINK: Extraction.symlink,
    CHARACTER: Extraction.device,
    BLOCK: Extraction.device,
    FIFO: Extraction.fifo,
}


def _umask() -> int:
    """The process's, without changing it."""
    with open("/proc/thread-self/status") as file:
        return next((int(line[6:], 8) for line in file if line.startswith("Umask:")), 0o777)


def _times(entry: Entry) -> tuple[int, int]:
    """Access and modification; as in Docker, nothing was read before it was written."""
    return max(entry.atime_ns or 0, entry.mtime_ns), entry.mtime_ns


def _write(fd: int, piece: memoryview) -> None:
    written = os.write(fd, piece)
    while written < len(piece):
        written += os.write(fd, piece[written:])


def _write_pieces(fd: int, entry: Entry, content: Iterator[memoryview]) -> None:
    """The content of a sparse file, at its places."""
    os.ftruncate(fd, entry.size)
    places = iter(entry.pieces or ())
    room = 0
    for portion in content:
        at = 0
        while at < len(portion):
            while not room:
                offset, room = next(places)
                os.lseek(fd, offset, os.SEEK_SET)
            piece = portion[at : at + room]
            _write(fd, piece)
            room -= len(piece)
            at += len(piece)


def _open_mounted(directory: int, name: bytes, mode: int) -> int:
    """The file that is mounted under a name, emptied: it cannot be replaced by another."""
    place = os.open(name, _PLACE, dir_fd=directory)
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), name)
        os.chmod(f"/proc/self/fd/{place}", mode)
        return os.open(f"/proc/self/fd/{place}", os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    finally:
        os.close(place)


def _is_directory(directory: int, name: bytes) -> bool:
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    return stat.S_ISDIR(status.st_mode)


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == WHITEOUT_DEVICE


def _is_same(source: int, target: bytes, directory: int, name: bytes) -> bool:
    """Whether both names are of one file already."""
    ours = os.stat(target, dir_fd=source, follow_symlinks=False)
    try:
        there = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _device_number(entry: Entry) -> int:
    major, minor = entry.device
    if not (0 <= major < 1 << 12 and 0 <= minor < 1 << 20):
        raise ArchiveError(f"entry {entry.label} is a device {major}:{minor}, which cannot be")
    return os.makedev(major, minor)


def _translated(error: OSError, what: str) -> Exception:
    """The error of a system call as one that says whose fault it is."""
    number = error.errno or 0
    if number in _FULL:
        return no_room(what)
    if number in _REFUSALS:
        return ArchiveError(f"cannot {what}: {os.strerror(number)}")
    return SyscallError(what, number)
