"""Connections whose socket can be given away, for attach and exec.

A client asks for that with `Upgrade: tcp`. aiohttp would parse whatever comes behind such a request
as the next one; here its parser gets the request's head and body and nothing more. The rest is
kept, and goes to whoever takes the socket.

`RequestHandler` is aiohttp's own asyncio protocol: what is overridden here is asyncio's interface
(`data_received`, `eof_received`), and its queue of requests is looked at.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, cast

from aiohttp.web_protocol import RequestHandler
from aiohttp.web_response import StreamResponse
from aiohttp.web_server import Server

from orlop.errors import Unavailable
from orlop.faces.api import answers

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web_request import BaseRequest

_END_OF_HEAD = b"\r\n\r\n"
_LONGEST_HEAD = 64 << 10
_MOST_EARLY_BYTES = 256 << 10
_WANTS_SOCKET = re.compile(rb"\r\nupgrade:[ \t]*tcp[ \t]*\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)


class Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ("_body_left", "_early", "_held", "_last_body", "_wants_socket")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held = b""  # of a head that has not come whole
        self._wants_socket = False
        self._body_left = 0  # of the body of the request that wants the socket
        self._early = bytearray()  # what came behind it
        self._last_body: Any = None

    def data_received(self, data: bytes) -> None:
        """What has come goes to the parser, up to the end of a request that wants the socket."""
        if self._wants_socket:
            self._behind_the_head(data)
        elif self._upgraded:  # to a websocket, which has no heads
            super().data_received(data)
        elif self._last_body is None or self._last_body.is_eof():
            self._at_a_head(data)
        else:
            self._parse(data)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether the connection stays open: a client that wants the socket may half-close it."""
        super().eof_received()
        return self._wants_socket

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        """The answer to what is no HTTP request; the connection ends with it."""
        if request.writer.output_size:
            return Broken()
        text = " ".join((message or "").split()) or "the request cannot be read"
        answer = answers.message(f"bad request: {text}", status)
        answer.force_close()
        return answer

    def give(self, head: bytes) -> tuple[int, bytes]:
        """The client has got the head of an answer, and its socket is the caller's.

        Returns:
            A descriptor of the socket, to be closed by the caller, and what the client has sent
            behind its request.

        Raises:
            Unavailable: the client has gone.
        """
        transport: Any = self.transport
        if transport is None or transport.is_closing():
            raise Unavailable("the client has gone")
        transport.pause_reading()
        # Nothing else is in the transport's buffer, so this is written at once and as a whole.
        transport.write(head)
        if transport.get_write_buffer_size():
            raise Unavailable("the client does not read")
        return os.dup(transport.get_extra_info("socket").fileno()), bytes(self._early)

    def keep(self) -> None:
        """The socket is not given away: what the client has sent behind is its next request."""
        if not self._wants_socket:
            return
        early, self._early = bytes(self._early), bytearray()
        self._wants_socket = False
        if early:
            self.data_received(early)

    def _at_a_head(self, data: bytes) -> None:
        data = self._held + data
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        if end < len(_END_OF_HEAD) and len(data) < _LONGEST_HEAD:
            self._held = data
            return
        self._held = b""
        head = data[:end]
        if not _WANTS_SOCKET.search(head):
            self._parse(data)
            return
        self._wants_socket = True
        length = _LENGTH.search(head)
        self._body_left = int(length[1]) if length else 0
        self._parse(head)
        self._behind_the_head(data[end:])

    def _behind_the_head(self, data: bytes) -> None:
        body, early = data[: self._body_left], data[self._body_left :]
        self._body_left -= len(body)
        if body:
            self._parse(body)
        self._early += early
        if len(self._early) > _MOST_EARLY_BYTES and self.transport is not None:
            self.transport.pause_reading()

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages:
            self._last_body = self._messages[-1][1]


class Connections(Server):
    """Makes the connections of a server."""

    def __call__(self) -> RequestHandler:
        """A new one."""
        return Connection(self, loop=self._loop, **self._kwargs)


class GivenAway(StreamResponse):
    """The answer to a request whose socket was given away: there is nothing to write any more.

    aiohttp closes its own descriptor of the socket afterwards, which nobody sees: close(2) ends a
    connection only with its last descriptor, and nothing here calls shutdown(2).
    """

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Nothing is written."""
        self.force_close()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is written."""


class Broken(GivenAway):
    """The end of an answer that cannot be finished: the connection is closed in the middle."""


def connection_of(request: BaseRequest) -> Connection:
    """The connection that a request came by."""
    return cast("Connection", request.protocol)
