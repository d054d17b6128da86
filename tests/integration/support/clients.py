"""Clients of containers' streams: one end of a connection, the other goes to a launcher."""

from __future__ import annotations

import asyncio
import socket
from typing import Self

from orlop.engine.attachment import Attachment


class Client:
    """A client that reads what comes. Close it, or use it in a `with` block.

    Attributes:
        attachment: to be given away, once.
    """

    def __init__(self, **choices: object) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        self.attachment = Attachment(theirs.detach()).replace(**choices)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up."""
        self._ours.close()

    async def everything(self) -> bytes:
        """All bytes until the other side hangs up."""
        received = b""
        while data := await self.some():
            received += data
        return received

    async def until(self, text: bytes) -> bytes:
        """All bytes up to the point where this text is among them, or the end."""
        received = b""
        while text not in received and (data := await self.some()):
            received += data
        return received

    async def some(self) -> bytes:
        """The next bytes; none at the end."""
        try:
            return await asyncio.get_running_loop().sock_recv(self._ours, 1 << 16)
        except ConnectionResetError:
            return b""

    async def send(self, data: bytes) -> None:
        """Sends bytes."""
        await asyncio.get_running_loop().sock_sendall(self._ours, data)

    def end_input(self) -> None:
        """Nothing more comes from here; output is still read."""
        self._ours.shutdown(socket.SHUT_WR)


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """Docker's frames: number of the stream and payload."""
    found = []
    while data:
        size = int.from_bytes(data[4:8], "big")
        found.append((data[0], data[8 : 8 + size]))
        data = data[8 + size :]
    return found
