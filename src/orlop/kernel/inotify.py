"""Changes of directories, told by the kernel.

See: inotify(7).
"""

from __future__ import annotations

import errno
import os
import struct

from orlop.errors import SyscallError
from orlop.kernel import syscalls
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

MODIFY, CLOSE_WRITE, MOVED_TO, CREATE, DELETE = 0x2, 0x8, 0x80, 0x100, 0x200
OVERFLOW, IGNORED = 0x4000, 0x8000
"""Bits of `Change.mask`: events were lost; a watch has ended, with its directory or by `remove`."""

_ONLYDIR = 0x01000000
_HEAD = struct.Struct("iIII")
_ENOUGH = 1 << 16


class Change(Record):
    """Something in a watched directory has changed; a `watch` of -1 stands for all (OVERFLOW)."""

    watch: int
    mask: int
    name: str


class Inotify:
    """A descriptor for changes. To be closed."""

    def __init__(self) -> None:
        """Opens one.

        Raises:
            SyscallError: the user has too many (EMFILE).
        """
        self._fd = syscalls.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """The descriptor, readable when there are changes."""
        return self._fd

    def close(self) -> None:
        """Nothing is watched any more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def add(self, directory: str, mask: int) -> int:
        """Watches what happens to files of a host directory; returns the watch's number.

        Raises:
            SyscallError: there is no such directory, or the user has too many watches (ENOSPC).
        """
        return syscalls.inotify_add_watch(self._fd, directory, mask | _ONLYDIR)

    def remove(self, watch: int) -> None:
        """The watch is gone, if it was not already."""
        try:
            syscalls.inotify_rm_watch(self._fd, watch)
        except SyscallError as error:
            if error.errno != errno.EINVAL:
                raise

    def read(self) -> tuple[Change, ...]:
        """The changes since the last reading; does not wait."""
        try:
            data = os.read(self._fd, _ENOUGH)
        except BlockingIOError:
            return ()
        changes = []
        at = 0
        while at < len(data):
            watch, mask, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            name = os.fsdecode(data[at : at + length].rstrip(b"\0"))
            changes.append(Change(watch, mask, name))
            at += length
        return tuple(changes)
