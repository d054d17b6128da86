"""An engine's side of one connection, as a script.

A socketpair in place of a real server: what a client does with an answer that comes in pieces,
breaks off, or is no HTTP at all, can be said to the byte, which no real engine can be made to do.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from orlop.client.connection import Connection

PATIENCE_S = 10


class Script:
    """What the other side sends, and what it has got.

    Attributes:
        connection: the client's side.
        received: all that the client has sent.
    """

    def __init__(self, ours: socket.socket) -> None:
        self.connection = Connection(ours)
        self.received = b""


@contextlib.contextmanager
def answering(*pieces: bytes, until: bytes = b"\r\n\r\n") -> Iterator[Script]:
    """A connection to somebody who reads `until`, then sends the pieces one by one, and closes."""
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE_S)
    theirs.settimeout(PATIENCE_S)
    script = Script(ours)

    def serve() -> None:
        with theirs:
            while until and until not in script.received:
                data = theirs.recv(65536)
                if not data:
                    return
                script.received += data
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has heard enough
                for piece in pieces:
                    theirs.sendall(piece)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield script
    finally:
        ours.close()
        thread.join(PATIENCE_S)
