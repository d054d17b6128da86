"""What the caller of a command hands to a launcher, and gets told about a process."""

from __future__ import annotations

import os

from orlop.errors import SyscallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_PRESERVED = 3


def write_pid_file(path: str, pid: int) -> None:
    """A complete file with the PID is at this host path; nothing happens without a path.

    Raises:
        SyscallError: it cannot be written.
    """
    if not path:
        return
    fresh = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}")
    try:
        with open(fresh, "w") as file:
            file.write(str(pid))
        os.rename(fresh, path)
    except OSError as error:
        if os.path.exists(fresh):
            os.unlink(fresh)
        raise SyscallError("write", error.errno or 0, path, hint="--pid-file") from error


class Opened:
    """Sockets that are needed until the launcher has its own copies."""

    def __init__(self) -> None:
        self._close: list[Callable[[], None]] = []

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        for close in self._close:
            close()

    def descriptor(self, fd: int) -> int:
        """A descriptor that is to be closed with the others."""
        self._close.append(lambda: os.close(fd))
        return fd

    def connected(self, path: str) -> int | None:
        """A descriptor connected to the socket at a host path; None without a path."""
        if not path:
            return None
        from orlop.launch import sockets

        socket = sockets.connect(path)
        self._close.append(socket.close)
        return socket.fileno()

    def listening(self, path: str, kind: int | None = None, *, backlog: int = 1) -> int:
        """A descriptor that listens at a host path; `kind` as `orlop.launch.sockets` has it."""
        from orlop.launch import sockets

        socket = sockets.listen(path, sockets.STREAM if kind is None else kind, backlog=backlog)
        self._close.append(socket.close)
        return socket.fileno()
