"""Connections that have become the streams of a container: attach and exec."""

from __future__ import annotations

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from orlop.client.connection import Connection

STDIN, STDOUT, STDERR = 0, 1, 2
_HEAD = 8
_CHUNK = 65536


class Hijacked:
    """Both directions of a container's streams.

    Attributes:
        socket: the connection.
    """

    def __init__(self, connection: Connection) -> None:
        self.socket = connection.socket
        self._early = connection.early

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """The descriptor of the connection, which stays open and the object's."""
        return self.socket.fileno()

    @property
    def has_more(self) -> bool:
        """Whether something was read already, so that the descriptor would not tell of it."""
        return bool(self._early)

    def read(self) -> bytes:
        """What has come, once something has; nothing at the end."""
        if self._early:
            data, self._early = self._early, b""
            return data
        try:
            return self.socket.recv(_CHUNK)
        except ConnectionResetError:
            return b""

    def write(self, data: bytes) -> bool:
        """Sends this as input; False if nobody takes it any more."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def end_input(self) -> None:
        """There is no more input; output still comes."""
        try:  # noqa: SIM105 - contextlib costs 4 ms to import
            self.socket.shutdown(_socket.SHUT_WR)
        except OSError:  # the other side has gone
            pass

    def close(self) -> None:
        """Leaves the container's streams."""
        self.socket.close()


class Frames:
    """Takes apart what a container without terminal writes: stdout and stderr on one connection.

    A frame is a byte that names the stream, three zero bytes, the length as a big-endian number of
    four bytes, and the data. Data is handed on as it comes, without waiting for a frame's end.
    """

    def __init__(self) -> None:
        self._head = b""
        self._stream = STDOUT
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The streams and what has come of them, of more of the connection's bytes."""
        while data:
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                yield self._stream, piece
                continue
            missing = _HEAD - len(self._head)
            self._head, data = self._head + data[:missing], data[missing:]
            if len(self._head) == _HEAD:
                self._stream = self._head[0]
                self._left = int.from_bytes(self._head[4:], "big")
                self._head = b""
