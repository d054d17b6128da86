"""The files of one log: the current one at its path, older ones at PATH.1, PATH.2 and so on.

Whoever writes rotates by renaming, so a file is known by its inode, and a reader that has come to
the end of one finds the next by looking where its own is now. Nothing is lost or read twice if it
rotates meanwhile, as long as the reader is not slower than all files take to be overwritten.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 1 << 20
_TRIES = 100
_LONGEST_ENTRY = 16 << 20  # what is longer without a line feed is no log


class Opened:
    """One file, open. To be closed."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb", buffering=0, opener=_not_through_a_link)  # noqa: SIM115
        self.fd = self._file.fileno()
        found = os.fstat(self.fd)
        self.key = (found.st_dev, found.st_ino)
        self.size = found.st_size

    def close(self) -> None:
        """It is not open any more."""
        self._file.close()


def _not_through_a_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW)


def open_all(path: str) -> list[Opened]:
    """All files of the log, the oldest first, with their sizes at one moment. To be closed."""
    for _ in range(_TRIES):
        files = _open_each(path)
        if [file.key for file in files] == _keys(path)[::-1]:
            return files
        for file in files:
            file.close()
    return _open_each(path)


def _open_each(path: str) -> list[Opened]:
    files: list[Opened] = []
    try:
        while True:
            files.append(Opened(_name(path, len(files))))
    except FileNotFoundError:
        return files[::-1]


def _name(path: str, age: int) -> str:
    return f"{path}.{age}" if age else path


def _key(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _keys(path: str) -> list[tuple[int, int]]:
    keys: list[tuple[int, int]] = []
    while key := _key(_name(path, len(keys))):
        keys.append(key)
    return keys


class Reader:
    """Reads a log forward, over all of its files. To be closed; for use in threads.

    Args:
        path: host path of the current file; it may be there later.
        start: chooses where to begin, given all files, the oldest first: the index of a file and an
            offset in it.
    """

    def __init__(self, path: str, start: Callable[[list[Opened]], tuple[int, int]]) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._closed = False
        self._rest = b""
        self._file: Opened | None = None
        self._offset = 0
        files = open_all(path)
        try:
            if files:
                index, self._offset = start(files)
                self._file = files.pop(index)
        finally:
            for file in files:
                file.close()

    def close(self) -> None:
        """Nothing is open any more; a reading in another thread is waited for."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None

    def read(self) -> bytes:
        """The next complete lines, about a mebibyte at most; empty if there are none yet."""
        with self._lock:
            while not self._closed:
                data = self._read_file()
                if not data and not self._next_file():
                    break
                self._rest += data
                whole, line_feed, rest = self._rest.rpartition(b"\n")
                if line_feed:
                    self._rest = rest
                    return whole + line_feed
                if len(rest) > _LONGEST_ENTRY:
                    self._rest = b""
        return b""

    def _read_file(self) -> bytes:
        if self._file is None:
            return b""
        data = os.pread(self._file.fd, BLOCK, self._offset)
        self._offset += len(data)
        return data

    def _next_file(self) -> bool:
        """Whether there may be more: in another file, or in this one after all."""
        file = self._file
        if file is None:
            return self._begin_with_oldest()
        is_current = _key(self._path) == file.key
        size = os.fstat(file.fd).st_size  # nobody writes any more to one that is not current
        if is_current and size < self._offset:  # somebody has emptied it
            self._offset, self._rest = 0, b""
        return size != self._offset or (not is_current and self._follow(file))

    def _begin_with_oldest(self) -> bool:
        files = open_all(self._path)
        for file in files[1:]:
            file.close()
        self._file, self._offset = (files[0] if files else None), 0
        return bool(files)

    def _follow(self, file: Opened) -> bool:
        """Goes on with the file that is one younger; whether there is one."""
        files = open_all(self._path)
        keys = [other.key for other in files]
        index = keys.index(file.key) + 1 if file.key in keys else 0
        if index < len(files):  # else it is between two renames
            file.close()
            self._file, self._offset, self._rest = files.pop(index), 0, b""
        for other in files:
            other.close()
        return self._file is not file
