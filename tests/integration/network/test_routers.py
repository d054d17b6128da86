"""Routers that advertise themselves, as any container can that may send raw packets."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.kernel import links
from orlop.kernel.rtnetlink import Socket
from tests.integration.network.places import Place, Site
from tests.integration.support.deadlines import eventually

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_nftables]

PREFIX = bytes.fromhex("fdaa000000000000") + bytes(8)
LIFETIME_S = 600
IPPROTO_ICMPV6, ROUTER, PREFIX_OPTION = 58, 134, 3
ON_LINK_AUTONOMOUS = 0xC0


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def advertisement() -> bytes:
    """That its sender is the default router, of a prefix for everybody; see RFC 4861."""
    head = struct.pack(">BBHBBHII", ROUTER, 0, 0, 64, 0, LIFETIME_S, 0, 0)
    lifetimes = struct.pack(">III", LIFETIME_S, LIFETIME_S, 0)
    option = struct.pack(">BBBB", PREFIX_OPTION, 4, 64, ON_LINK_AUTONOMOUS)
    return head + option + lifetimes + PREFIX


def advertise() -> None:
    """To all nodes on eth0."""
    index = socket.if_nametoindex("eth0")
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, IPPROTO_ICMPV6) as sender:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sender.sendto(advertisement(), ("ff02::1", 0, 0, index))


def believes(place: Place) -> bool:
    """Whether it has an address of the prefix, or a route by the router."""

    def look() -> bool:
        with Socket() as own:
            everywhere = [links.addresses(own, link.index) for link in links.all_links(own)]
            routes = links.routes(own)
        addresses = [address for some in everywhere for address, _ in some]
        gateways = [route.gateway for route in routes if route.family == socket.AF_INET6]
        return any(one.startswith(PREFIX[:8]) for one in addresses) or any(
            one.startswith(b"\xfe\x80") for one in gateways
        )

    return place.do(look)


def test_nobody_believes_a_container(site: Site) -> None:
    """Neither the host nor the neighbours; one that wants to, does, so it can be heard."""
    net = site.network("olt-a", "10.50.0.0/24", "fd50::/64")
    liar, neighbour, credulous = (site.container(net, number) for number in (2, 3, 4))
    credulous.do(lambda: Path("/proc/sys/net/ipv6/conf/eth0/accept_ra").write_text("2"))

    def heard() -> bool:
        liar.do(advertise)
        return believes(credulous)

    eventually(heard, "the advertisement to be heard")
    assert not believes(site.host)
    assert not believes(neighbour)
