"""A client's socket for a container's streams: attach and exec.

The answer is `101 UPGRADED` for clients that ask for an upgrade, and `200 OK` for those who simply
begin to talk raw bytes, as Docker's oldest do. It is written before the engine gets the socket, so
before any data; from then on nothing here touches the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from typing import TYPE_CHECKING

from orlop.errors import OrlopError
from orlop.faces.api import failures
from orlop.faces.api.answers import MULTIPLEXED_STREAM, RAW_STREAM
from orlop.faces.api.connection import GivenAway, connection_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.web_request import BaseRequest
    from aiohttp.web_response import StreamResponse

    from orlop.engine.attachment import Attachment
    from orlop.faces.api.versions import Version

_MULTIPLEXED = (1, 42)
_STDERR = 2
_FIRST_LOOK_S = 0.0002
_LAST_LOOK_S = 0.1


def content_type(version: Version, *, framed: bool) -> str:
    """What the stream is called."""
    return MULTIPLEXED_STREAM if framed and version >= _MULTIPLEXED else RAW_STREAM


async def hand_over(
    request: BaseRequest,
    version: Version,
    wanted: Attachment,
    take: Callable[[Attachment], Awaitable[None]],
) -> StreamResponse:
    """The client's socket is the engine's.

    Args:
        request: the client's.
        version: of the API.
        wanted: what is to go over the socket; its `fd` and `first` are filled in here.
        take: gets it, and closes the socket also if it fails. What goes wrong then is
            written to the client, who has its 101 already.

    Raises:
        Unavailable: the client has gone.
    """
    async for _ in request.content.iter_any():
        pass  # the rest of a body that nobody has read: what comes behind it is the stream
    upgrade = "tcp" in request.headers.get("Upgrade", "").lower()
    fd, first = connection_of(request).give(_head(version, wanted, upgrade=upgrade))
    spare = os.dup(fd)
    try:
        await _until_read(fd)
        await take(wanted.replace(fd=fd, first=first))
    except OrlopError as error:
        _tell(spare, wanted, failures.message_of(error))
    finally:
        os.close(spare)
    return GivenAway()


def _head(version: Version, wanted: Attachment, *, upgrade: bool) -> bytes:
    kind = content_type(version, framed=wanted.framed)
    if upgrade:
        lines = ("HTTP/1.1 101 UPGRADED", f"Content-Type: {kind}", "Connection: Upgrade")
        return "\r\n".join((*lines, "Upgrade: tcp", "", "")).encode()
    return f"HTTP/1.1 200 OK\r\nContent-Type: {RAW_STREAM}\r\n\r\n".encode()


async def _until_read(fd: int) -> None:
    """The client has read the head of the answer, or does not do so within a fifth of a second.

    docker-py reads it through a buffer, and loses what comes along with it. See: unix(7), SIOCOUTQ.
    """
    pause_s = _FIRST_LOOK_S
    while struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, b"\0" * 4))[0]:
        if pause_s > _LAST_LOOK_S:
            return
        await asyncio.sleep(pause_s)
        pause_s *= 2


def _tell(fd: int, wanted: Attachment, text: str) -> None:
    """The client has a text, if it still reads."""
    line = f"{text}\r\n".encode()
    data = struct.pack(">BxxxL", _STDERR, len(line)) + line if wanted.framed else line
    with contextlib.suppress(OSError):
        os.write(fd, data)
