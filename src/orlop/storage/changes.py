"""What an overlay's upper directory says was changed of the layers below it.

A whiteout is a deletion. A directory that hides what is below was made anew: what the layers below
had in it is gone unless it is there again. Everything else is new if no layer below has it, and
modified otherwise, with the directories above it, as Docker tells it.

See: Documentation/filesystems/overlayfs.rst "whiteouts and opaque directories".
"""

from __future__ import annotations

import errno
import os
import stat

from orlop.errors import SyscallError
from orlop.kernel.paths import open_in_root
from orlop.records import Record
from orlop.storage import attributes
from orlop.storage.depth import check_depth
from orlop.storage.extract import WHITEOUT_DEVICE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Set

MODIFIED = 0
ADDED = 1
DELETED = 2

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PLACE = os.O_PATH | os.O_NOFOLLOW


class Change(Record):
    """A changed path: absolute in the container, surrogates for what is not UTF-8, and how."""

    path: str
    kind: int


def changes(
    upper: int, lower: int, prefix: str = "", *, unseen: Set[str] = frozenset()
) -> tuple[Change, ...]:
    """What was changed, by path.

    Args:
        upper: descriptor of the overlay's upper directory.
        lower: descriptor of the root of the layers below it.
        prefix: the container path at which the overlay is, "" for the root.
        unseen: container paths that do not count: places that a start has made for its mounts.

    Raises:
        SyscallError: something cannot be read.
    """
    walk = _Walk(lower, prefix, unseen)
    try:
        return tuple(sorted(walk.directory(upper, b"", below=True), key=lambda c: c.path))
    except OSError as error:
        if isinstance(error, SyscallError):
            raise
        raise SyscallError("read", error.errno or 0, str(error.filename or "")) from error


class _Walk:
    """A walk through an upper directory."""

    def __init__(self, lower: int, prefix: str, unseen: Set[str]) -> None:
        self._lower = lower
        self._prefix = prefix
        self._unseen = unseen

    def directory(self, upper: int, at: bytes, *, below: bool) -> Iterator[Change]:
        """The changes in an upper directory; `below`: the lower one is seen through it."""
        check_depth(os.fsdecode(at))
        for name in sorted(map(os.fsencode, os.listdir(upper))):
            path = at + b"/" + name
            shown = self._prefix + os.fsdecode(path)
            if shown not in self._unseen:
                was = _status(self._lower, path) if below else None
                yield from self._entry(upper, name, path, was)

    def _entry(
        self, upper: int, name: bytes, path: bytes, was: os.stat_result | None
    ) -> Iterator[Change]:
        shown = self._prefix + os.fsdecode(path)
        status = os.stat(name, dir_fd=upper, follow_symlinks=False)
        if is_whiteout(status):
            if was is not None:
                yield Change(shown, DELETED)
            return
        inner: tuple[Change, ...] = ()
        if stat.S_ISDIR(status.st_mode):
            inner = tuple(self._inner(upper, name, path, was))
            if not inner and self._was_only_passed(shown, status, was):
                return
        yield Change(shown, ADDED if was is None else MODIFIED)
        yield from inner

    def _inner(
        self, upper: int, name: bytes, path: bytes, was: os.stat_result | None
    ) -> Iterator[Change]:
        was_directory = was is not None and stat.S_ISDIR(was.st_mode)
        directory = os.open(name, _DIRECTORY, dir_fd=upper)
        try:
            if was_directory and is_opaque(directory):
                yield from _hidden(directory, self._lower, path, self._prefix)
            yield from self.directory(directory, path, below=was_directory)
        finally:
            os.close(directory)

    def _was_only_passed(
        self, shown: str, status: os.stat_result, was: os.stat_result | None
    ) -> bool:
        """Whether a directory is here only because of what does not count below it."""
        same = was is not None and (status.st_mode, status.st_uid, status.st_gid) == (
            was.st_mode,
            was.st_uid,
            was.st_gid,
        )
        return same and any(path.startswith(f"{shown}/") for path in self._unseen)


def _hidden(directory: int, lower: int, path: bytes, prefix: str) -> Iterator[Change]:
    """What the layers below have in a directory that hides them, and that is not there again."""
    names = set(map(os.fsencode, os.listdir(directory)))
    below = open_in_root(lower, path, _DIRECTORY)
    try:
        for name in map(os.fsencode, os.listdir(below)):
            if name not in names:
                yield Change(prefix + os.fsdecode(path + b"/" + name), DELETED)
    finally:
        os.close(below)


def _status(lower: int, path: bytes) -> os.stat_result | None:
    """The status of what the layers below have at a path, None for nothing."""
    try:
        place = open_in_root(lower, path, _PLACE)
    except SyscallError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise
    try:
        return os.fstat(place)
    finally:
        os.close(place)


def is_whiteout(status: os.stat_result) -> bool:
    """Whether this is what overlayfs takes for a name that is not there."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == WHITEOUT_DEVICE


def is_opaque(directory: int) -> bool:
    """Whether a directory hides what lower layers have in it."""
    for prefix in (attributes.TRUSTED_OVERLAY, attributes.USER_OVERLAY):
        try:
            if os.getxattr(directory, prefix + attributes.OPAQUE) == b"y":
                return True
        except OSError:
            continue
    return False
