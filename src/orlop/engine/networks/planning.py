"""What a new network, or a container in one, gets: subnets, addresses, devices, ports."""

from __future__ import annotations

import hashlib
import secrets
import time
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from orlop.engine import network as model
from orlop.engine.network import Address, Binding, Endpoint, NetworkObject, Subnet
from orlop.errors import Conflict, InUse, InvalidArgument, Unavailable, Unsupported
from orlop.kernel.links import MACVLAN_MODES
from orlop.network import ports
from orlop.network.addresses import (
    check_free,
    free_address,
    free_subnet,
    hardware_address,
    make_range,
    unique_local_subnet,
)
from orlop.network.endpoint import device_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from orlop.engine.container import Container
    from orlop.engine.network import NetworkRequest
    from orlop.intent.request import Network, Port
    from orlop.network import addresses

_DRIVERS = ("", model.BRIDGE, model.MACVLAN)
_RESERVED = (model.HOST, model.NONE, "default", "container")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_FIRST_PORT, _PORTS = 32768, 28232  # the kernel's own range for ports that nobody chose
_SHORT_ID = 12


# --- networks ---------------------------------------------------------------------------------


def new_network(
    asked: NetworkRequest,
    own: Collection[addresses.Subnet],
    routed: Collection[addresses.Subnet],
    seed: bytes,
    *,
    host_has_ipv6: bool,
) -> NetworkObject:
    """The network that was asked for.

    Args:
        asked: what was.
        own: subnets of other networks, which it must not overlap.
        routed: what the host has routes to; only a network on the host's own wire may overlap it.
        seed: of the engine, for its IPv6 subnets.
        host_has_ipv6: whether the kernel knows IPv6.

    Raises:
        InvalidArgument: a value is wrong.
        InUse: a subnet overlaps one that is taken.
        Conflict: the name is one that every engine has.
        Unsupported: there is no such driver.
        Unavailable: no subnet is left.
    """
    _check_name(asked.name)
    if asked.driver not in _DRIVERS:
        raise Unsupported(
            f"the network driver {asked.driver!r}", needs="bridge or macvlan as the driver"
        )
    driver = asked.driver or model.BRIDGE
    if driver == model.MACVLAN:
        _check_wire(dict(asked.options))
    key = secrets.token_hex(32)
    device = ""
    if driver == model.BRIDGE:
        device = dict(asked.options).get(model.BRIDGE_NAME) or f"ol-{key[:12]}"
        check_device(device)
    return NetworkObject(
        key,
        asked.name,
        driver,
        time.time_ns(),
        asked.labels,
        asked.options,
        subnets_of(asked, own, routed, seed, host_has_ipv6=host_has_ipv6),
        asked.internal,
        asked.attachable,
        device,
        asked.ipv6 or any(":" in one.subnet for one in asked.subnets),
    )


def _check_name(name: str) -> None:
    if not name or not _NAME.issuperset(name) or name[0] in "_.-":
        raise InvalidArgument(
            f"{name!r} is not a network's name", hint="letters, digits and then also _.-"
        )
    if name in _RESERVED:
        raise Conflict(f"the name {name!r} is one that every engine has for itself")


def check_device(name: str) -> None:
    """The name of a network device.

    Raises:
        InvalidArgument: it is too long, or has a character that no device has.
    """
    if (
        not 0 < len(name) <= 15
        or name in (".", "..")
        or any(c.isspace() or c in "/:" for c in name)
    ):
        raise InvalidArgument(
            f"{name!r} is not a network device's name", hint="at most 15 characters, no / or :"
        )


def _check_wire(options: dict[str, str]) -> None:
    """A macvlan needs a device of the host, and a mode that the kernel has."""
    parent = options.get(model.PARENT, "")
    if not parent:
        raise InvalidArgument(
            "a macvlan network needs a device of the host", hint="as -o parent=eth0"
        )
    check_device(parent)
    mode = options.get(model.MACVLAN_MODE, model.USUAL_MACVLAN_MODE)
    if mode not in MACVLAN_MODES:
        raise InvalidArgument(
            f"{mode!r} is not a mode of macvlan", hint=f"one of {', '.join(MACVLAN_MODES)}"
        )


def subnets_of(
    asked: NetworkRequest,
    own: Collection[addresses.Subnet],
    routed: Collection[addresses.Subnet],
    seed: bytes,
    *,
    host_has_ipv6: bool,
) -> tuple[Subnet, ...]:
    """The subnets as they were asked, checked, and those that nobody asked for.

    Containers on a wire of the host's have addresses of the subnet that is there, and IPv6 only if
    somebody asks for it: nobody would answer at a gateway that was made up.

    Raises:
        As `new_network`.
    """
    found: list[Subnet] = []
    is_on_wire = asked.driver == model.MACVLAN
    taken = {*own, *routed}
    for one in asked.subnets:
        reserved = [address for _, address in one.reserved]
        made = make_range(one.subnet, one.gateway, one.ip_range, reserved)
        others = own if is_on_wire else taken
        _check_overlap(made.subnet, [*others, *(ip_network(other.subnet) for other in found)])
        found.append(one.replace(gateway=str(made.gateway)))
    versions = {ip_network(one.subnet).version for one in found}
    if asked.ipv4 and 4 not in versions:
        chosen = free_subnet(taken)
        found.insert(0, Subnet(str(chosen), str(chosen[1])))
    # Who chooses some has chosen all, and a wire's own are not ours to give out.
    may_have_ipv6 = host_has_ipv6 and not asked.subnets and not is_on_wire
    wants_ipv6 = may_have_ipv6 if asked.ipv6 is None else asked.ipv6
    if wants_ipv6 and 6 not in versions:
        found.append(_unique_local(taken, seed))
    if not found:
        raise InvalidArgument("a network needs IPv4 or IPv6")
    return tuple(found)


def _unique_local(taken: Collection[addresses.Subnet], seed: bytes) -> Subnet:
    for number in range(1, 1 << 16):
        chosen = unique_local_subnet(seed, number)
        if chosen not in taken:
            return Subnet(str(chosen), str(chosen[1]))
    raise Unavailable("all IPv6 subnets of the engine are used up")


def _check_overlap(subnet: addresses.Subnet, taken: Iterable[addresses.Subnet]) -> None:
    for other in taken:
        if other.version == subnet.version and subnet.overlaps(other):
            raise InUse(
                f"the subnet {subnet} overlaps {other}, which is in use",
                hint="choose another --subnet, or leave it out",
            )


# --- endpoints --------------------------------------------------------------------------------


def new_endpoint(
    network: NetworkObject,
    container: Container,
    asked: Network,
    inside: Sequence[Endpoint],
    place: int,
    *,
    is_gateway: bool,
    last: str = "",
) -> Endpoint:
    """A container's part in a network: addresses that nobody has.

    Args:
        network: which; not `host` or `none`.
        container: who.
        asked: what was asked about it.
        inside: who is there already.
        place: which of the container's devices it is, from 0 on.
        is_gateway: everything else is reached by it.
        last: the IPv4 address that was given out last.

    Raises:
        InvalidArgument: an address is not in the network.
        InUse: somebody has it.
        Unavailable: there is none left.
    """
    _check_asked(network, asked)
    chosen = []
    for subnet in network.subnets:
        reserved = [address for _, address in subnet.reserved]
        of = make_range(subnet.subnet, subnet.gateway, subnet.ip_range, reserved)
        taken = {ip_address(one.address) for other in inside for one in other.addresses}
        wanted = asked.ipv6 if of.subnet.version == 6 else asked.ipv4
        after = ip_address(last) if last else None
        address = check_free(of, wanted, taken) if wanted else free_address(of, taken, after)
        chosen.append(Address(str(address), of.subnet.prefixlen, subnet.gateway))
    first = ip_address(chosen[0].address)
    return Endpoint(
        network,
        container.id,
        hashlib.sha256(f"{network.id}{container.id}".encode()).hexdigest(),
        asked,
        f"eth{place}",
        device_name(network.id, container.id) if network.driver == model.BRIDGE else "",
        asked.mac or hardware_address(first),
        tuple(chosen),
        is_gateway,
        (),
        names_of(container, asked),
    )


def _check_asked(network: NetworkObject, asked: Network) -> None:
    if (asked.ipv4 or asked.ipv6 or asked.aliases) and network.is_default:
        raise InvalidArgument(
            "addresses and aliases can be chosen only in networks that somebody has made",
            hint="orlop network create NAME --subnet ...",
        )
    for wanted, has in ((asked.ipv4, network.has_ipv4), (asked.ipv6, network.has_ipv6)):
        if wanted and not has:
            raise InvalidArgument(f"network {network.name} has no addresses as {wanted}")


def names_of(container: Container, asked: Network) -> tuple[str, ...]:
    """The names of a container in a network, each once."""
    hostname = container.request.hostname
    names = (container.name, *asked.aliases, container.id[:_SHORT_ID], hostname)
    return tuple(dict.fromkeys(name for name in names if name))


# --- ports ------------------------------------------------------------------------------------


def bindings_of(
    asked: Iterable[Port],
    exposed: Iterable[Port],
    used: Iterable[tuple[str, Binding]],
    host_ip: str,
) -> tuple[Binding, ...]:
    """The ports of the host for a container's ports.

    Args:
        asked: those that are published.
        exposed: further ones that get any port of the host (--publish-all).
        used: what containers have, by their ids.
        host_ip: where a port is reached that does not say it, "" for everywhere.

    Raises:
        Conflict: a port is in use; who has it is said where that is known.
        Unavailable: none is left.
    """
    taken: _Taken = {}
    for container, binding in used:
        _take(taken, binding, f"container {container[:_SHORT_ID]}")
    found = [_take(taken, _binding(port, port.host_ip or host_ip, taken)) for port in asked]
    published = {(port.port, port.protocol) for port in found}
    more = [port for port in exposed if (port.port, port.protocol) not in published]
    return (*found, *(_take(taken, _binding(port, host_ip, taken)) for port in more))


_Taken = dict[tuple[str, int], list[tuple[str, str]]]
"""At which addresses somebody has a port of the host, and who, by protocol and port."""


def _take(taken: _Taken, binding: Binding, who: str = "the same container") -> Binding:
    holders = taken.setdefault((binding.protocol, binding.host_port), [])
    holders.append((binding.host_ip, who))
    return binding


def _binding(port: Port, host_ip: str, taken: _Taken) -> Binding:
    host_ip = "" if host_ip in ("0.0.0.0", "::") else host_ip  # noqa: S104
    if port.host_port is None:
        choices: Iterable[int] = _any_port()
    else:
        choices = range(port.host_port, (port.last_host_port or port.host_port) + 1)
    for choice in choices:
        of_container = _container_at(port.protocol, host_ip, choice, taken)
        if not of_container and ports.is_free(port.protocol, host_ip, choice):
            return Binding(port.port, port.protocol, host_ip, choice)
    if port.host_port is None:
        raise Unavailable(f"no port of the host is left for {port.port}/{port.protocol}")
    where = f"{host_ip or '0.0.0.0'}:{port.host_port}"  # noqa: S104
    who = _container_at(port.protocol, host_ip, port.host_port, taken)
    raise Conflict(
        f"the port {where}/{port.protocol} is already allocated",
        hint=f"{who or ports.holder(port.protocol, port.host_port) or 'somebody'} has it",
    )


def _any_port() -> Iterable[int]:
    start = secrets.randbelow(_PORTS)
    return (_FIRST_PORT + (start + step) % _PORTS for step in range(_PORTS))


def _container_at(protocol: str, host_ip: str, port: int, taken: _Taken) -> str:
    """Which container has the port of the host at that address; "" for none."""
    for other, who in taken.get((protocol, port), ()):
        if not host_ip or not other or host_ip == other:
            return who
    return ""
