"""A container's streams over a websocket: here the engine is in the path of the bytes.

The launcher knows sockets only, so it gets one end of a pair, and what comes out of the other goes
on in binary frames. Both streams are one, as Docker has it there.

See: RFC 6455; the Docker Engine API's ContainerAttachWebsocket.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from aiohttp.http_websocket import WSMsgType
from aiohttp.web_ws import WebSocketResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.web_request import BaseRequest

    from orlop.engine.attachment import Attachment

_PIECE = 64 << 10


async def carry(
    request: BaseRequest, wanted: Attachment, take: Callable[[Attachment], Awaitable[None]]
) -> WebSocketResponse:
    """The client has the streams until it or the container ends them.

    Args:
        request: the client's, which asks for a websocket.
        wanted: what is to go over it; its `fd` is filled in here.
        take: gets it, and closes the descriptor also if it fails.

    Raises:
        HTTPBadRequest: it does not ask for a websocket.
        As `take`: the client is told by the end of the connection.
    """
    answer = WebSocketResponse()
    await answer.prepare(request)
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        await take(wanted.replace(fd=theirs.detach()))
        outward = asyncio.ensure_future(_outward(ours, answer))
        try:
            await _inward(answer, ours)
            await outward
        finally:
            outward.cancel()
    return answer


async def _outward(source: socket.socket, client: WebSocketResponse) -> None:
    """The container's output goes to the client; then the websocket is closed."""
    loop = asyncio.get_running_loop()
    while piece := await loop.sock_recv(source, _PIECE):
        await client.send_bytes(piece)
    await client.close()


async def _inward(client: WebSocketResponse, target: socket.socket) -> None:
    """What the client sends goes to the container, until it closes the websocket."""
    loop = asyncio.get_running_loop()
    async for message in client:
        data = message.data.encode() if message.type is WSMsgType.TEXT else message.data
        with contextlib.suppress(ConnectionError):
            await loop.sock_sendall(target, data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
