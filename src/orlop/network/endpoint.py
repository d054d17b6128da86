"""A container's end of a network: a pair of devices, addresses and routes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from orlop.errors import Conflict, NotFound, OrlopError, SyscallError
from orlop.kernel import links
from orlop.records import Record

if TYPE_CHECKING:
    from orlop.kernel.rtnetlink import Message, Socket
    from orlop.network.addresses import Address
    from orlop.network.namespace import Namespace

_MOST_NAME = 15
_IPV4, _IPV6 = 2, 10
_EBUSY, _EINVAL = 16, 22


class Endpoint(Record):
    """What is to be wired.

    Attributes:
        device: name of the host's end, at most 15 bytes.
        inner: name in the container, as "eth0".
        addresses: with the lengths of their prefixes.
        gateways: by which everything else is reached; empty if this is not the default way.
        mac: hardware address, "" for a random one.
        mtu: 0 for the kernel's default.
        isolated: it reaches the host, and no other container of the bridge.
    """

    device: str
    inner: str
    addresses: tuple[tuple[Address, int], ...]
    gateways: tuple[Address, ...] = ()
    mac: str = ""
    mtu: int = 0
    isolated: bool = False


def device_name(network: str, container: str) -> str:
    """The name of the host's end, made of the ids of a network and a container.

    Whoever finds a leftover can tell whose it is.
    """
    return f"ol{network[:4]}{container[:9]}"[:_MOST_NAME]


def wire(host: Socket, namespace: Namespace, bridge: int, endpoint: Endpoint) -> None:
    """The namespace has a device on the bridge (its number), with addresses and routes.

    A handful of system calls that wait for nobody.

    Raises:
        SyscallError: the kernel refuses; no device is left.
    """
    pair = links.add_veth(
        endpoint.device,
        endpoint.inner,
        namespace.fd,
        master=bridge,
        mtu=endpoint.mtu,
        mac=endpoint.mac,
    )
    host.do(pair)
    try:
        port = links.link_by_name(host, endpoint.device).index
        host.do(links.set_port(port, isolated=endpoint.isolated))
        inner = links.link_by_name(namespace.socket, endpoint.inner)
        namespace.socket.do(*_configuration(inner.index, endpoint))
    except BaseException:
        unwire(host, endpoint.device)
        raise


def wire_macvlan(
    host: Socket, namespace: Namespace, parent: str, mode: str, endpoint: Endpoint
) -> None:
    """The namespace has a device of its own on the wire of a device of the host.

    Raises:
        NotFound: there is no such device.
        Conflict: it does something else with what it receives, as a port of a bridge does.
        SyscallError: the kernel refuses; no device is left.
    """
    index = links.link_by_name(host, parent).index
    own = links.add_macvlan(
        endpoint.inner, index, namespace.fd, mode, mtu=endpoint.mtu, mac=endpoint.mac
    )
    try:
        host.do(own)
    except SyscallError as error:
        raise _why_not_on(parent, error) from None
    try:
        inner = links.link_by_name(namespace.socket, endpoint.inner)
        namespace.socket.do(*_configuration(inner.index, endpoint))
    except BaseException:
        disconnect(namespace, endpoint.inner)
        raise


def _why_not_on(parent: str, error: SyscallError) -> OrlopError:
    if error.errno in (_EBUSY, _EINVAL):
        return Conflict(
            f"the device {parent} cannot have another macvlan",
            hint="it is a port of a bridge, or has one in the mode passthru",
        )
    return error


def _configuration(index: int, endpoint: Endpoint) -> list[Message]:
    messages = [links.set_up(index)]
    messages += [
        links.add_address(index, address.packed, prefix) for address, prefix in endpoint.addresses
    ]
    messages += [
        links.add_default_route(index, gateway.packed, _IPV4 if gateway.version == 4 else _IPV6)
        for gateway in endpoint.gateways
    ]
    return messages


def unwire(host: Socket, device: str) -> None:
    """Neither end is there any more."""
    with contextlib.suppress(NotFound):
        host.do(links.delete(links.link_by_name(host, device).index))


def disconnect(namespace: Namespace, inner: str) -> None:
    """A device of the container is gone, with the other end of its pair."""
    with contextlib.suppress(NotFound):
        namespace.socket.do(links.delete(links.link_by_name(namespace.socket, inner).index))
