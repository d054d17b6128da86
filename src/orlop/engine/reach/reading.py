"""What the host's network is like at this moment: rules, addresses, routes and settings."""

from __future__ import annotations

import os
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, Any

from orlop.engine import host_rules
from orlop.errors import OrlopError
from orlop.insight.network.firewall import iptables_chains
from orlop.kernel import links, netns
from orlop.kernel.nftables import Nftables
from orlop.kernel.process import identify
from orlop.kernel.rtnetlink import Socket
from orlop.kernel.settings import read_sysctl
from orlop.network.reach.conditions import Place
from orlop.network.reach.journey import Facts
from orlop.network.reach.ruleset import parse
from orlop.network.reach.values import of_networks
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from ipaddress import IPv4Interface, IPv6Interface

    from orlop.kernel.links import Link, Route
    from orlop.network.reach.ruleset import Ruleset
    from orlop.network.reach.values import Numbers

    Json = Any
    Interface = IPv4Interface | IPv6Interface

_UNTOUCHED = 1  # the generation of the rules of a network namespace that nobody has changed
_LOOPBACKS = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_LOOPBACK6 = ip_address("::1").packed


class Device(Record):
    """A device of the host by which others may come.

    Attributes:
        name: of it.
        addresses: the host's there, with the networks that they are in.
        is_default4, is_default6: by it everything else is reached.
    """

    name: str
    addresses: tuple[Interface, ...]
    is_default4: bool = False
    is_default6: bool = False

    def is_default(self, version: int) -> bool:
        """Whether everything else is reached by it, with addresses of a version."""
        return self.is_default4 if version == 4 else self.is_default6


class HostNetwork(Record):
    """All of that.

    Attributes:
        facts: for judging.
        devices: without the loopback, those of containers, and ports of bridges.
        unread: why nothing that says yes can be relied upon, "" if it can.
    """

    facts: Facts
    devices: tuple[Device, ...]
    unread: str = ""


def read(own: Collection[str]) -> HostNetwork:
    """The host's network as it is now.

    Args:
        own: names of the bridges that the engine has made.

    Raises:
        Unavailable: the rules cannot be read.
        SyscallError: the kernel refuses.
    """
    with Socket() as socket:
        found = links.all_links(socket)
        addresses = links.all_addresses(socket)
        routes, local = links.routes(socket), links.local_routes(socket)
    place = _place(read_rules(), [address for _, address, _ in addresses])
    by_index = {link.index: link.name for link in found}
    return HostNetwork(
        _facts(place, by_index.values(), own, _loopbacks6(local, by_index)),
        tuple(_devices(found, addresses, routes, own)),
        _legacy(),
    )


# --- rules ------------------------------------------------------------------------------------


def read_rules() -> Ruleset:
    """All rules of nftables in this network namespace, those of iptables-nft too.

    Raises:
        Unavailable: they cannot be read.
    """
    with Nftables() as nftables:
        found = host_rules.read(nftables)
    return parse(found.document, found.texts)


def _legacy() -> str:
    """What is to be said if there are rules of older iptables, which are not followed."""
    pid = os.getpid()
    families = netns.iptables_families(pid)
    if not families:
        return ""
    unread = "rules of iptables-legacy, which are not read"
    try:
        chains = iptables_chains(families)
    except OrlopError:
        return unread
    return unread if any(one.rules or one.policy == "drop" for one in chains) else ""


def unread_inside(pid: int) -> str:
    """What is to be said if a container has rules of its own, which are not followed.

    They are a container's, as many as it likes, and so not even listed.

    Raises:
        NotFound: the process has ended.
        SyscallError: its network may not be looked at.
    """
    fd = netns.open_network(identify(pid))
    try:
        changed = netns.within(fd, _has_changed_rules)
    finally:
        os.close(fd)
    if changed or netns.iptables_families(pid):
        return "rules that the container has itself, which are not read"
    return ""


def _has_changed_rules() -> bool:
    with Nftables() as nftables:
        return nftables.generation() != _UNTOUCHED


def _place(ruleset: Ruleset, addresses: Iterable[bytes]) -> Place:
    known = [ip_address(address) for address in addresses]
    return Place(ruleset, _local(known, 4), _local(known, 6))


def _local(addresses: Iterable[Any], version: int) -> Numbers:
    own = [ip_network(one) for one in addresses if one.version == version]
    return of_networks(*own, *(one for one in _LOOPBACKS if one.version == version))


# --- settings ---------------------------------------------------------------------------------


def _facts(
    place: Place, devices: Iterable[str], bridges: Collection[str], loopbacks6: frozenset[str]
) -> Facts:
    everywhere = _is_on("net/ipv4/conf/all/route_localnet")
    filters6 = _is_on("net/bridge/bridge-nf-call-ip6tables")
    return Facts(
        place,
        _is_on("net/ipv4/ip_forward"),
        _is_on("net/ipv6/conf/all/forwarding"),
        frozenset(
            name for name in devices if read_sysctl(f"net/ipv4/conf/{name}/forwarding") == "0"
        ),
        frozenset(
            name for name in bridges if everywhere or _is_on(f"net/ipv4/conf/{name}/route_localnet")
        ),
        frozenset() if filters6 else loopbacks6,
        _is_on("net/bridge/bridge-nf-call-iptables"),
        filters6,
    )


def _is_on(sysctl: str) -> bool:
    return (read_sysctl(sysctl) or "0") != "0"


def _loopbacks6(local: Iterable[Route], by_index: dict[int, str]) -> frozenset[str]:
    """Devices by which what is for ::1 may come in."""
    return frozenset(
        by_index.get(route.device, "") for route in local if route.destination == _LOOPBACK6
    )


# --- devices ----------------------------------------------------------------------------------


def _devices(
    found: Iterable[Link],
    addresses: Iterable[tuple[int, bytes, int]],
    routes: Iterable[Route],
    own: Collection[str],
) -> Iterator[Device]:
    defaults = {(route.device, route.family) for route in routes if not route.prefix}
    by_device: dict[int, list[Interface]] = {}
    for index, address, prefix in addresses:
        one = ip_interface((address, prefix))
        if not one.is_link_local:
            by_device.setdefault(index, []).append(one)
    for link in found:
        is_other = link.up and not link.master and link.name not in own and link.name != "lo"
        if is_other and link.index in by_device:
            yield Device(
                link.name,
                tuple(by_device[link.index]),
                (link.index, 2) in defaults,
                (link.index, 10) in defaults,
            )
