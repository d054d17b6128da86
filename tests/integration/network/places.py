"""Containers without a container: namespaces on bridges, and what can be reached from where."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeVar

from orlop.kernel import links, netns
from orlop.kernel.nftables import Nftables
from orlop.kernel.rtnetlink import Socket
from orlop.network import bridge, endpoint, firewall
from orlop.network.addresses import Range, hardware_address, make_range
from orlop.network.bridge import Bridge
from orlop.network.endpoint import Endpoint
from orlop.network.firewall import Fence, Published
from orlop.network.namespace import Namespace, make
from tests.integration.support.deadlines import Deadline

T = TypeVar("T")
TABLE = "orlop_test"
QUICKLY_S = 0.4
GREETER = """
import socket, sys
name = sys.argv[1]
server = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    client, peer = server.accept()
    client.sendall(f"{name} {peer[0].removeprefix('::ffff:')}".encode())
    client.close()
"""
"""A program for `python3 -c` that says its name (its argument) and who asks, at port 80."""


class Place:
    """Somewhere that programs run: a namespace, or the host (None)."""

    def __init__(self, namespace: Namespace | None, *addresses: str) -> None:
        self.namespace = namespace
        self.addresses = tuple(ip_address(address) for address in addresses)

    def do(self, work: Callable[[], T]) -> T:
        return work() if self.namespace is None else netns.within(self.namespace.fd, work)

    def reaches(self, address: str, port: int) -> str:
        """What a TCP server there says, "" if it cannot be reached.

        Patient: IPv6 notices up to a second later that a link is up, a server may not listen yet,
        and the machine may be busy.
        """
        deadline = Deadline()
        while not (answer := self._ask(address, port, "")) and not deadline.passed:
            time.sleep(0.01)
        return answer

    def cannot_reach(self, address: str, port: int, *, source: str = "") -> bool:
        """Whether nobody answers there."""
        return not self._ask(address, port, source)

    def _ask(self, address: str, port: int, source: str) -> str:

        def ask() -> str:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family) as client:
                client.settimeout(QUICKLY_S)
                try:
                    if source:
                        client.bind((source, 0))
                    client.connect((address, port))
                    return client.recv(100).decode()
                except OSError:
                    return ""

        return self.do(ask)

    @contextlib.contextmanager
    def serving(self, port: int, name: str, *, address: str = "::") -> Iterator[None]:
        """A TCP server that says its name and who has asked."""

        def listen() -> socket.socket:
            server = socket.create_server(
                (address, port),
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                dualstack_ipv6=address == "::",
            )
            server.settimeout(0.1)
            return server

        server = self.do(listen)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    client, peer = server.accept()
                    client.sendall(f"{name} {peer[0].removeprefix('::ffff:')}".encode())
                    client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            server.close()


class Site:
    """A host with bridges, the packet filter and a LAN, below the tests' own network."""

    def __init__(self) -> None:
        self.socket = Socket()
        self.nftables = Nftables()
        self.host = Place(None)
        self.fences: list[Fence] = []
        self.ports: list[Published] = []
        self._bridges: list[Bridge] = []
        self._namespaces: list[Namespace] = []
        self._count = 0
        bridge.enable_forwarding()
        self.apply()

    def apply(self) -> None:
        assert self.nftables.run(firewall.ruleset(TABLE, self.fences, self.ports)) is None

    def network(self, device: str, *subnets: str, **options: bool) -> Bridge:
        made = Bridge(device, tuple(make_range(subnet) for subnet in subnets))
        bridge.ensure(self.socket, made)
        self._bridges.append(made)
        self.fences.append(Fence(device, tuple(of.subnet for of in made.ranges), **options))
        self.apply()
        return made

    def container(self, on: Bridge, number: int, *, isolated: bool = False) -> Place:
        namespace = self._namespace()
        addresses = [of.subnet[number] for of in on.ranges]
        wired = Endpoint(
            f"olt{self._count}",
            "eth0",
            tuple((address, of.subnet.prefixlen) for address, of in _pairs(addresses, on.ranges)),
            tuple(of.gateway for of in on.ranges),
            mac=hardware_address(addresses[0]),
            isolated=isolated,
        )
        index = links.link_by_name(self.socket, on.device).index
        endpoint.wire(self.socket, namespace, index, wired)
        return Place(namespace, *map(str, addresses))

    def lan(self) -> Place:
        """Another machine, which knows a way to the containers through the host."""
        namespace = self._namespace()
        pair = links.add_veth("lan", "eth0", namespace.fd)
        self.socket.do(pair)
        outer = links.link_by_name(self.socket, "lan").index
        inner = links.link_by_name(namespace.socket, "eth0").index
        self.socket.do(
            links.add_address(outer, IPv4Address("10.200.0.1").packed, 24),
            links.add_address(outer, IPv6Address("fd20::1").packed, 64),
        )
        namespace.socket.do(
            links.set_up(inner),
            links.add_address(inner, IPv4Address("10.200.0.2").packed, 24),
            links.add_address(inner, IPv6Address("fd20::2").packed, 64),
            links.add_default_route(inner, IPv4Address("10.200.0.1").packed, socket.AF_INET),
            links.add_default_route(inner, IPv6Address("fd20::1").packed, socket.AF_INET6),
        )
        return Place(namespace, "10.200.0.2", "fd20::2")

    def publish(self, port: Published) -> None:
        self.ports.append(port)
        assert self.nftables.run("\n".join(firewall.add_ports(TABLE, [port]))) is None

    def close(self) -> None:
        for number in range(1, self._count + 1):  # a namespace takes its time
            endpoint.unwire(self.socket, f"olt{number}")
        for namespace in self._namespaces:
            namespace.close()
        for made in self._bridges:
            bridge.remove(self.socket, made)
        endpoint.unwire(self.socket, "lan")
        self.nftables.run(f"delete table inet {TABLE}")
        self.nftables.close()
        self.socket.close()

    def _namespace(self) -> Namespace:
        self._count += 1
        namespace = make()
        self._namespaces.append(namespace)
        return namespace


def _pairs(
    addresses: list[IPv4Address | IPv6Address], ranges: tuple[Range, ...]
) -> Iterator[tuple[IPv4Address | IPv6Address, Range]]:
    return zip(addresses, ranges, strict=True)
