"""The file with the daemon's process id, which is also its lock: two daemons never share one."""

from __future__ import annotations

import fcntl
import os

from orlop.errors import AlreadyExists, PermissionDenied


class PidFile:
    """A file that this process holds; one that another has left behind is taken over.

    Args:
        path: host path.

    Raises:
        AlreadyExists: a process that lives holds it.
        PermissionDenied: it cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._fd = os.open(path, flags, 0o644)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise PermissionDenied(f"cannot write {path}: {reason}") from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._fd, 32).decode(errors="replace").strip()
            os.close(self._fd)
            raise AlreadyExists("an engine with the pidfile", path, hint=f"PID {holder}") from None
        self.write()

    def write(self) -> None:
        """The file has the id of this process (a fork of the one that has made it, maybe)."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def remove(self) -> None:
        """It is gone, and the lock with it."""
        os.unlink(self._path)
        os.close(self._fd)
