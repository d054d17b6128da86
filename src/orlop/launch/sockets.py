"""Unix sockets by path, however long the path is; `socket` would cost 9 ms to import."""

from __future__ import annotations

import _socket
import os

from orlop.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STREAM, PACKETS = _socket.SOCK_STREAM, _socket.SOCK_SEQPACKET


def listen(path: str, kind: int = STREAM, *, backlog: int = 1) -> _socket.socket:
    """A socket that listens at a host path, for its owner only.

    Raises:
        Unavailable: it cannot be made.
    """
    socket = _at(path, kind, "listen on", lambda socket, short: socket.bind(short))
    os.chmod(path, 0o600)
    socket.listen(backlog)
    return socket


def connect(path: str, kind: int = STREAM, *, wait: bool = True) -> _socket.socket:
    """A socket that is connected to the one at a host path.

    Without `wait` it does not block, now or later.

    Raises:
        Unavailable: nobody listens there, or (without `wait`) too many wait already.
    """
    kind |= 0 if wait else _socket.SOCK_NONBLOCK
    return _at(path, kind, "connect to", lambda socket, short: socket.connect(short))


def _at(
    path: str, kind: int, verb: str, do: Callable[[_socket.socket, str], None]
) -> _socket.socket:
    # sun_path has room for 107 bytes (unix(7)); through a descriptor any directory is near.
    socket = _socket.socket(_socket.AF_UNIX, kind | _socket.SOCK_CLOEXEC)
    try:
        directory = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_CLOEXEC)
        try:
            do(socket, f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        finally:
            os.close(directory)
    except OSError as error:
        socket.close()
        raise Unavailable(f"cannot {verb} {path}: {error.strerror}") from error
    return socket
