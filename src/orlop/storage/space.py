"""Looking at how much room a file system has, so that nobody fills the host's disk."""

from __future__ import annotations

import os

from orlop.errors import Unavailable

_EVERY_BYTES = 64 << 20
_EVERY_FILES = 4096
_RESERVE_BYTES = 256 << 20
_RESERVE_PART = 50  # 2 %, on small file systems
_RESERVE_FILES = 1024


class Watch:
    """Stops a writer before the file system is full.

    Args:
        directory: descriptor of a directory on it.
        what: is being written, for the message.
    """

    def __init__(self, directory: int, what: str) -> None:
        self._directory = directory
        self._what = what
        self._bytes = self._files = 0

    def count(self, size: int) -> None:
        """A file of that size is about to be written.

        Raises:
            Unavailable: the file system has no room for it.
        """
        self._files += 1
        self._bytes += size
        if self._bytes >= _EVERY_BYTES or self._files >= _EVERY_FILES:
            self._look()

    def _look(self) -> None:
        now = os.fstatvfs(self._directory)
        free = now.f_bavail * now.f_frsize
        reserve = min(_RESERVE_BYTES, now.f_blocks * now.f_frsize // _RESERVE_PART)
        # File systems that make inodes as they need them say that they have none.
        if free - self._bytes < reserve or (now.f_files and now.f_favail < _RESERVE_FILES):
            raise no_room(self._what)
        self._bytes = self._files = 0


def no_room(what: str) -> Unavailable:
    """The error of somebody whose disk is full."""
    return Unavailable(f"cannot {what}: no space left on the disk", hint="see `orlop system df`")
