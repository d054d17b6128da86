"""A published port of SCTP, where the kernel has it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from orlop.network.firewall import Published
from tests.integration.network.places import Place, Site
from tests.integration.support.deadlines import PATIENCE_S

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_nftables,
    pytest.mark.requires_sctp,
]


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def opened(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    made.settimeout(PATIENCE_S)
    return made


def heard(client: Place, server: Place, own: str, port: int, asked: tuple[str, int]) -> bytes:
    """What a server of SCTP at its own address says to a client that asks at another one."""

    def listen() -> socket.socket:
        listening = opened(own)
        listening.bind((own, port))
        listening.listen()
        return listening

    def greet(listening: socket.socket) -> None:
        with listening.accept()[0] as peer:
            peer.sendall(b"sctp")

    def ask() -> bytes:
        with opened(asked[0]) as client_socket:
            client_socket.connect(asked)
            return client_socket.recv(10)

    with server.do(listen) as listening:
        thread = threading.Thread(target=greet, args=(listening,))
        thread.start()
        try:
            return client.do(ask)
        finally:
            thread.join()


def test_published(site: Site) -> None:
    one = site.container(site.network("olt-a", "10.50.0.0/24", "fd50::/64"), 2)
    lan = site.lan()
    for own, host in (("10.50.0.2", "10.200.0.1"), ("fd50::2", "fd20::1")):
        site.publish(Published("sctp", None, 8080, ip_address(own), 80))
        assert heard(lan, one, own, 80, (host, 8080)) == b"sctp"
