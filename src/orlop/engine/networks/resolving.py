"""The name server that every container on a bridge finds at 127.0.0.11.

Its sockets are in the containers' namespaces, the work is done here: names of containers are
answered at once, everything else is asked of the host's name servers (or of those that were chosen
with --dns), from the host, and kept as long as the answer allows.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import socket
import struct
import time
from typing import TYPE_CHECKING

import dns.exception
import dns.message

from orlop.network import names
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from orlop.network.names import View
    from orlop.network.namespace import NameSockets
    from orlop.network.resolvers import Resolvers

    Peer = tuple[str, int]

_PORT = 53
_MOST_BYTES = 65535
_ATTEMPT_S, _ATTEMPTS = 2.0, 2  # a datagram may get lost
_IDLE_S = 10.0  # of a TCP connection
_KEPT = 2048
_LENGTH = struct.Struct("!H")
_log = logging.getLogger(__name__)


class _Kept(Record):
    """A response, and until when it counts (monotonic seconds)."""

    response: dns.message.Message
    since_s: float
    until_s: float


class Client(Record):
    """A container that asks.

    Attributes:
        container: its id.
        sockets: where.
        upstream: whom to ask in place of the host's name servers; empty for those.
    """

    container: str
    sockets: NameSockets
    upstream: tuple[str, ...] = ()


class NameService:
    """Serves all containers of an engine; for the event loop.

    Args:
        view: what a container may know, by its id.
        resolvers: the host's name servers.
    """

    def __init__(self, view: Callable[[str], View], resolvers: Resolvers) -> None:
        self._view = view
        self._resolvers = resolvers
        self._clients: dict[str, Client] = {}
        self._servers: dict[str, asyncio.Server] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._cache: collections.OrderedDict[names.Key, _Kept] = collections.OrderedDict()

    async def serve(self, client: Client) -> None:
        """The container's questions are answered from now on; its sockets are ours."""
        self.stop(client.container)
        loop = asyncio.get_running_loop()
        self._clients[client.container] = client
        loop.add_reader(client.sockets.udp, self._datagrams, client)
        # Known before it listens, which takes a turn of the loop in which the container may end: if
        # a socket is closed in its back, the loop takes the next with that number for it.
        server = self._servers[client.container] = await asyncio.start_server(
            lambda reader, writer: self._connection(client, reader, writer),
            sock=client.sockets.tcp,
            start_serving=False,
        )
        await server.start_serving()

    def stop(self, container: str) -> None:
        """It is not answered any more."""
        client = self._clients.pop(container, None)
        server = self._servers.pop(container, None)
        if server is not None:
            server.close()
        if client is not None:
            asyncio.get_running_loop().remove_reader(client.sockets.udp)
            client.sockets.close()

    def close(self) -> None:
        """Nobody is answered any more."""
        for container in tuple(self._clients):
            self.stop(container)
        for task in self._tasks:
            task.cancel()

    # --- how questions come -------------------------------------------------------------------

    def _datagrams(self, client: Client) -> None:
        """Answers what has come; what others have to be asked goes on as a task."""
        while True:
            try:
                data, peer = client.sockets.udp.recvfrom(_MOST_BYTES)
            except OSError:  # nothing left
                return
            query = names.parse(data)
            if query is None:
                continue
            response = self._known(client, query)
            if response is not None:
                _send(client, names.to_datagram(response, query), peer)
            else:
                self._start(self._forward_datagram(client, query, data, peer))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _known(self, client: Client, query: dns.message.QueryMessage) -> dns.message.Message | None:
        return names.answer(query, self._view(client.container))

    async def _forward_datagram(
        self, client: Client, query: dns.message.QueryMessage, data: bytes, peer: Peer
    ) -> None:
        most = names.datagram_bytes(query)
        answer = await self._ask(client, query, data, _by_datagram, most)
        _send(client, answer or names.failure(query).to_wire(), peer)

    async def _connection(
        self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answers questions over TCP, one after the other (RFC 7766)."""
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                while True:
                    async with asyncio.timeout(_IDLE_S):
                        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                        data = await reader.readexactly(length)
                    query = names.parse(data)
                    if query is None:
                        return
                    response = self._known(client, query)
                    if response is not None:
                        answer = names.to_stream(response)
                    else:
                        most = names.STREAM_BYTES
                        found = await self._ask(client, query, data, _by_stream, most)
                        answer = found or names.failure(query).to_wire()
                    writer.write(_LENGTH.pack(len(answer)) + answer)
                    await writer.drain()
        finally:
            writer.close()

    # --- asking others ------------------------------------------------------------------------

    async def _ask(
        self,
        client: Client,
        query: dns.message.QueryMessage,
        data: bytes,
        send: Callable[[str, bytes], Awaitable[bytes]],
        most: int,
    ) -> bytes | None:
        """The answer of a cache or of the first name server that gives one."""
        key = names.key_of(query)
        now = time.monotonic()
        kept = self._cache.get(key) if not client.upstream else None
        if kept is not None and now < kept.until_s:
            return names.aged(kept.response, query, int(now - kept.since_s), most)
        for server in (client.upstream or self._resolvers.servers()) * _ATTEMPTS:
            try:
                async with asyncio.timeout(_ATTEMPT_S):
                    answer = await send(server, data)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                _log.debug("name server %s: %r", server, error)
                continue
            if not client.upstream:
                self._keep(key, answer)
            return answer
        return None

    def _keep(self, key: names.Key, answer: bytes) -> None:
        try:
            response = dns.message.from_wire(answer)
        except (dns.exception.DNSException, ValueError):
            return
        lifetime = names.lifetime_s(response)
        if lifetime > 0:
            now = time.monotonic()
            self._cache[key] = _Kept(response, now, now + lifetime)
            self._cache.move_to_end(key)
            while len(self._cache) > _KEPT:
                self._cache.popitem(last=False)


def _send(client: Client, data: bytes, peer: Peer) -> None:
    with contextlib.suppress(OSError):  # it has gone, or does not listen
        client.sockets.udp.sendto(data, peer)


async def _by_datagram(server: str, data: bytes) -> bytes:
    """The answer of a name server to a datagram, from a port that nobody can guess."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
        asking.connect((server, _PORT))
        await loop.sock_sendall(asking, data)
        while True:
            answer = await loop.sock_recv(asking, _MOST_BYTES)
            if answer[:2] == data[:2]:
                return answer


async def _by_stream(server: str, data: bytes) -> bytes:
    """The same over TCP."""
    reader, writer = await asyncio.open_connection(server, _PORT)
    try:
        writer.write(_LENGTH.pack(len(data)) + data)
        await writer.drain()
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return await reader.readexactly(length)
    finally:
        writer.close()
