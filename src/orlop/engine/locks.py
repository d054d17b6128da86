"""The locks by which one engine has its directories for itself."""

from __future__ import annotations

import fcntl
import os

from orlop.errors import SyscallError, Unavailable

_NAME = "engine.lock"


class DirectoryLock:
    """A host directory, made if it is missing, that no other engine has until it is given up.

    The kernel gives it up with the process, however that ends.

    Raises:
        Unavailable: another engine has it.
        SyscallError: it cannot be made.
    """

    def __init__(self, directory: str) -> None:
        path = f"{directory}/{_NAME}"
        try:
            os.makedirs(directory, 0o711, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SyscallError("make", error.errno or 0, str(error.filename or path)) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise Unavailable(
                f"another engine has {directory}",
                hint="end it, or give this one other directories: --data-root, --exec-root",
            ) from None

    def close(self) -> None:
        """Others may have it."""
        os.close(self._fd)
