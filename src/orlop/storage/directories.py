"""Directories below a root by their paths, as descriptors: found, made, and kept open for a while.

Archives come in the order of a walk, so the directory of an entry is nearly always that of the one
before, or close to it.
"""

from __future__ import annotations

import errno
import os
import stat

from orlop.errors import SyscallError
from orlop.kernel.paths import open_in_root
from orlop.storage.tar.entry import ArchiveError, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.storage.space import Watch

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_OPEN = 128


class Directories:
    """Descriptors of directories below a root.

    Args:
        root: descriptor of the root, which stays the caller's.
        space: is told of directories that are made.

    Attributes:
        made: paths of directories that no entry has asked for, and that were made on the way.
    """

    def __init__(self, root: int, space: Watch) -> None:
        self._root = root
        self._space = space
        self._open: dict[bytes, int] = {}
        self.made: dict[bytes, None] = {}

    def get(self, path: bytes, *, make: bool = True) -> int:
        """A descriptor of the directory, valid until the next call.

        A symlink on the way is followed as a process in the root would: never out of it.

        Args:
            path: cleaned, b"" for the root.
            make: what is missing is made; else it is an error.

        Raises:
            ArchiveError: something on the way is no directory, or (`make`) missing.
            OSError: another reason.
        """
        if not path:
            return self._root
        found = self._open.get(path)
        return self._walk(path, make) if found is None else found

    def forget(self, *, but: int = -1) -> None:
        """Nothing is open any more: a directory was removed, and may come again as another.

        Args:
            but: a descriptor that stays.
        """
        kept = {path: fd for path, fd in self._open.items() if fd == but}
        for fd in self._open.values():
            if fd != but:
                os.close(fd)
        self._open = kept

    def _walk(self, path: bytes, make: bool) -> int:
        parts = path.split(b"/")
        known = len(parts) - 1
        while known and b"/".join(parts[:known]) not in self._open:
            known -= 1
        at = b"/".join(parts[:known])
        directory = self._open[at] if known else self._root
        for part in parts[known:]:
            at = at + b"/" + part if at else part
            directory = self._keep(at, self._enter(directory, part, at, make))
        return directory

    def _enter(self, directory: int, name: bytes, path: bytes, make: bool) -> int:
        try:
            return os.open(name, _FLAGS, dir_fd=directory)
        except FileNotFoundError:
            if not make:
                raise ArchiveError(f"there is no directory {shown(path)}") from None
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            return self._follow(directory, name, path)
        self._space.count(0)
        os.mkdir(name, 0o755, dir_fd=directory)
        self.made[path] = None
        return os.open(name, _FLAGS, dir_fd=directory)

    def _follow(self, directory: int, name: bytes, path: bytes) -> int:
        """What a symlink leads to, if that is a directory below the root."""
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            try:
                return open_in_root(self._root, path, os.O_RDONLY | os.O_DIRECTORY)
            except SyscallError:
                pass
        raise ArchiveError(f"{shown(path)} is no directory") from None

    def _keep(self, path: bytes, fd: int) -> int:
        if len(self._open) >= _MOST_OPEN:
            oldest = next(iter(self._open))
            os.close(self._open.pop(oldest))
        self._open[path] = fd
        return fd
