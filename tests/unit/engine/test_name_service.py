"""The name server's sockets: whose they are when containers come and go."""

from __future__ import annotations

import asyncio
import socket

import dns.asyncquery
import dns.message
import dns.name
import dns.rdatatype

from orlop.engine.networks.resolving import Client, NameService
from orlop.network.names import View
from orlop.network.namespace import NameSockets
from orlop.network.resolvers import Resolvers

HERE = "127.0.0.1"


def opened() -> NameSockets:
    """Sockets of a name server, at any port."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    udp.bind((HERE, 0))
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    tcp.bind((HERE, 0))
    tcp.listen()
    return NameSockets(udp, tcp)


def known(_: str) -> View:
    return View({"db": ("10.0.0.2",)}, {})


async def told(sockets: NameSockets) -> list[str]:
    """What is answered, by datagram and by TCP."""
    query = dns.message.make_query("db", "A")
    ports = sockets.udp.getsockname()[1], sockets.tcp.getsockname()[1]
    responses = (
        await dns.asyncquery.udp(query, HERE, timeout=5, port=ports[0]),
        await dns.asyncquery.tcp(query, HERE, timeout=5, port=ports[1]),
    )
    return [one.answer[0][0].to_text() for one in responses]


def test_a_container_that_ends_at_once() -> None:
    """Sockets that are closed while they are taken over; the next ones have their numbers."""

    async def serve() -> None:
        service = NameService(known, Resolvers())
        first = opened()
        numbers = first.udp.fileno(), first.tcp.fileno()
        serving = asyncio.create_task(service.serve(Client("one", first)))
        await asyncio.sleep(0)
        service.stop("one")
        await serving
        second = opened()
        assert (second.udp.fileno(), second.tcp.fileno()) == numbers
        await service.serve(Client("one", second))
        assert await told(second) == ["10.0.0.2", "10.0.0.2"]
        service.stop("one")
        assert first.tcp.fileno() == second.tcp.fileno() == -1
        service.close()

    asyncio.run(serve())
