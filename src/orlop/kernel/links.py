"""Network devices, addresses and routes, as requests for `orlop.kernel.rtnetlink`.

See: rtnetlink(7), linux/if_link.h, linux/if_addr.h, linux/veth.h.
"""

from __future__ import annotations

import _socket
import struct

from orlop.errors import NotFound, SyscallError
from orlop.kernel.rtnetlink import (
    APPEND,
    CREATE,
    DUMP,
    EXCLUSIVE,
    REPLACE,
    Message,
    Socket,
    attribute,
    attributes,
    nested,
    number,
    text,
)
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _DELADDR, _GETADDR = 20, 21, 22
_NEWROUTE, _DELROUTE, _GETROUTE = 24, 25, 26

_ADDRESS, _NAME, _MTU, _LINK, _MASTER, _LINK_INFO = 1, 3, 4, 5, 10, 18
_PROTINFO, _NET_NS_FD, _IFALIAS, _TXQLEN = 12, 28, 20, 13
_INFO_KIND, _INFO_DATA = 1, 2
_VETH_PEER = 1
_MACVLAN_MODE = 1
_BRPORT_HAIRPIN, _BRPORT_ISOLATED = 4, 33
_AF_BRIDGE = 7
_BR_MCAST_SNOOPING = 23
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_NODAD = 0x02
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_TABLE = 1, 4, 5, 6, 15
_UP, _LOOPBACK = 1, 8
_MAIN_TABLE, _LOCAL_TABLE, _BOOT, _UNIVERSE, _LINK_SCOPE = 254, 255, 3, 0, 253
_UNICAST, _LOCAL, _LAST_RESORT = 1, 2, 1 << 16

_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBi")
_ROUTE = struct.Struct("=BBBBBBBBI")

MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}


class Link(Record):
    """A network device: number and name, its bridge's number (0: none), and whether it is up.

    The `alias` is a remark that somebody has given it, as with `ip link set alias`.
    """

    index: int
    name: str
    master: int
    up: bool
    kind: str
    mac: str
    mtu: int
    alias: str
    is_loopback: bool = False


class Route(Record):
    """A route of the main table: destination with its prefix (0 bits: the default), its device."""

    family: int
    destination: bytes
    prefix: int
    device: int
    gateway: bytes


def _info(index: int = 0, flags: int = 0, change: int = 0, family: int = 0) -> bytes:
    return _IFINFO.pack(family, 0, index, flags, change)


def mac_bytes(mac: str) -> bytes:
    """A hardware address as the kernel has it."""
    return bytes.fromhex(mac.replace(":", ""))


def add_bridge(name: str, *, mtu: int = 0, mac: str = "") -> Message:
    """A bridge, which is up.

    It floods multicast: with snooping the first solicitation of an IPv6 neighbour is lost, and with
    it a second of the first connection.
    """
    body = _info(flags=_UP, change=_UP) + text(_NAME, name)
    if mtu:
        body += number(_MTU, mtu)
    if mac:
        body += attribute(_ADDRESS, mac_bytes(mac))
    data = nested(_INFO_DATA, attribute(_BR_MCAST_SNOOPING, b"\0"))
    body += nested(_LINK_INFO, text(_INFO_KIND, "bridge"), data)
    return Message(_NEWLINK, CREATE | EXCLUSIVE, body, f"add the bridge {name}")


def add_device(name: str, kind: str) -> Message:
    """A device that needs no more than a kind, as "ifb"; it is up."""
    body = _info(flags=_UP, change=_UP) + text(_NAME, name)
    body += nested(_LINK_INFO, text(_INFO_KIND, kind))
    return Message(_NEWLINK, CREATE | EXCLUSIVE, body, f"add the link {name}")


def add_veth(
    name: str, peer: str, namespace: int, *, master: int = 0, mtu: int = 0, mac: str = ""
) -> Message:
    """A pair of devices: one here, which is up and a port of a bridge, and one in a namespace.

    Args:
        name: of the one here.
        peer: name of the other one, which cannot be up before there is a pair.
        namespace: descriptor of the network namespace in which that is.
        master: number of the bridge, 0 for none.
        mtu: of both, 0 for the kernel's.
        mac: hardware address of the peer, "" for a random one.
    """
    size = number(_MTU, mtu) if mtu else b""
    other = _info() + text(_NAME, peer) + number(_NET_NS_FD, namespace) + size
    if mac:
        other += attribute(_ADDRESS, mac_bytes(mac))
    body = _info(flags=_UP, change=_UP) + text(_NAME, name) + size
    if master:
        body += number(_MASTER, master)
    data = nested(_INFO_DATA, attribute(_VETH_PEER, other))
    body += nested(_LINK_INFO, text(_INFO_KIND, "veth"), data)
    return Message(_NEWLINK, CREATE | EXCLUSIVE, body, f"add the link {name}")


def add_macvlan(
    name: str, parent: int, namespace: int, mode: str, *, mtu: int = 0, mac: str = ""
) -> Message:
    """A device of its own on another device's wire, in a namespace, and up.

    Args:
        name: there.
        parent: number of the other device, which is here.
        namespace: descriptor of the network namespace.
        mode: one of `MACVLAN_MODES`.
        mtu: 0 for the parent's.
        mac: "" for a random one.
    """
    body = _info(flags=_UP, change=_UP) + text(_NAME, name)
    body += number(_LINK, parent) + number(_NET_NS_FD, namespace)
    if mtu:
        body += number(_MTU, mtu)
    if mac:
        body += attribute(_ADDRESS, mac_bytes(mac))
    data = nested(_INFO_DATA, number(_MACVLAN_MODE, MACVLAN_MODES[mode]))
    body += nested(_LINK_INFO, text(_INFO_KIND, "macvlan"), data)
    return Message(_NEWLINK, CREATE | EXCLUSIVE, body, f"add the link {name}")


def set_up(index: int) -> Message:
    """The device is up."""
    return Message(_NEWLINK, 0, _info(index, _UP, _UP), f"bring up the link {index}")


def set_alias(index: int, alias: str) -> Message:
    """The device has a remark by which its maker knows it again."""
    body = _info(index) + text(_IFALIAS, alias)
    return Message(_SETLINK, 0, body, f"give the link {index} a remark")


def set_port(index: int, *, isolated: bool) -> Message:
    """How a port of a bridge forwards.

    What comes from it may go back to it, which a container needs that uses its own published port;
    an isolated one reaches only ports that are not (since Linux 4.18).
    """
    options = attribute(_BRPORT_HAIRPIN, b"\1")
    options += attribute(_BRPORT_ISOLATED, b"\1" if isolated else b"\0")
    body = _info(index, family=_AF_BRIDGE) + nested(_PROTINFO, options)
    return Message(_SETLINK, 0, body, f"configure the bridge port {index}")


def delete(index: int) -> Message:
    """The device is gone, and the other half of a pair with it."""
    return Message(_DELLINK, 0, _info(index), f"delete the link {index}")


def add_address(index: int, address: bytes, prefix: int) -> Message:
    """The device has this address, 4 or 16 bytes; an IPv6 one can be used at once."""
    family = _socket.AF_INET if len(address) == 4 else _socket.AF_INET6
    flags = _NODAD if family == _socket.AF_INET6 else 0
    body = _IFADDR.pack(family, prefix, flags, _UNIVERSE, index)
    body += attribute(_IFA_LOCAL, address) + attribute(_IFA_ADDRESS, address)
    return Message(_NEWADDR, CREATE | REPLACE, body, f"add the address {_show(address)}")


def delete_address(index: int, address: bytes, prefix: int) -> Message:
    """The device does not have this address any more."""
    family = _socket.AF_INET if len(address) == 4 else _socket.AF_INET6
    body = _IFADDR.pack(family, prefix, 0, _UNIVERSE, index)
    body += attribute(_IFA_LOCAL, address) + attribute(_IFA_ADDRESS, address)
    return Message(_DELADDR, 0, body, f"delete the address {_show(address)}")


def add_default_route(index: int, gateway: bytes, family: int) -> Message:
    """What has no other route goes to the gateway; b"" for a device without one."""
    scope = _UNIVERSE if gateway else _LINK_SCOPE
    body = _ROUTE.pack(family, 0, 0, 0, _MAIN_TABLE, _BOOT, scope, _UNICAST, 0)
    body += number(_RTA_OIF, index)
    if gateway:
        body += attribute(_RTA_GATEWAY, gateway)
    what = _show(gateway) if gateway else f"link {index}"
    return Message(_NEWROUTE, CREATE | APPEND, body, f"add the default route by {what}")


def add_local_route(index: int, address: bytes) -> Message:
    """What comes in by this device for the address is for this host; fails with EEXIST if it was.

    It is the last choice of all, so nothing that the host sends there goes by the device.
    """
    family = _socket.AF_INET if len(address) == 4 else _socket.AF_INET6
    bits = len(address) * 8
    body = _ROUTE.pack(family, bits, 0, 0, _LOCAL_TABLE, _BOOT, _UNIVERSE, _LOCAL, 0)
    body += attribute(_RTA_DST, address) + number(_RTA_OIF, index)
    body += number(_RTA_PRIORITY, _LAST_RESORT)
    return Message(_NEWROUTE, CREATE, body, f"make {_show(address)} local at the link {index}")


def _show(address: bytes) -> str:
    family = _socket.AF_INET if len(address) == 4 else _socket.AF_INET6
    return _socket.inet_ntop(family, address)


# --- questions --------------------------------------------------------------------------------


def link_by_name(socket: Socket, name: str) -> Link:
    """The device of that name.

    Raises:
        NotFound: there is none.
        SyscallError: the kernel refuses.
    """
    question = Message(_GETLINK, 0, _info() + text(_NAME, name), f"look up the link {name}")
    try:
        return _link(socket.ask(question)[0])
    except SyscallError as error:
        if error.errno == 19:  # ENODEV
            raise NotFound("network device", name) from None
        raise


def all_links(socket: Socket) -> tuple[Link, ...]:
    """All devices of the socket's namespace."""
    return tuple(_link(body) for body in socket.ask(Message(_GETLINK, DUMP, _info(), "list links")))


def _link(body: bytes) -> Link:
    _, _, index, flags, _ = _IFINFO.unpack_from(body)
    found = attributes(body, _IFINFO.size)
    kind = attributes(found.get(_LINK_INFO, b"")).get(_INFO_KIND, b"")
    return Link(
        index,
        found[_NAME].rstrip(b"\0").decode(errors="replace"),
        int.from_bytes(found.get(_MASTER, b""), "little"),
        bool(flags & _UP),
        kind.rstrip(b"\0").decode(),
        found.get(_ADDRESS, b"").hex(":"),
        int.from_bytes(found.get(_MTU, b""), "little"),
        found.get(_IFALIAS, b"").rstrip(b"\0").decode(errors="replace"),
        bool(flags & _LOOPBACK),
    )


def routes(socket: Socket) -> tuple[Route, ...]:
    """The routes of the main table, of both families."""
    return tuple(_routes(socket, _MAIN_TABLE, _UNICAST))


def local_routes(socket: Socket) -> tuple[Route, ...]:
    """What is for this host itself, by which device; of both families."""
    return tuple(_routes(socket, _LOCAL_TABLE, _LOCAL))


def _routes(socket: Socket, wanted_table: int, wanted_kind: int) -> Iterator[Route]:
    for family in (_socket.AF_INET, _socket.AF_INET6):
        body = _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        for answer in socket.ask(Message(_GETROUTE, DUMP, body, "list routes")):
            _, prefix, _, _, table, _, _, kind, _ = _ROUTE.unpack_from(answer)
            more = attributes(answer, _ROUTE.size)
            if (table, kind) == (wanted_table, wanted_kind):
                device = int.from_bytes(more.get(_RTA_OIF, b""), "little")
                destination = more.get(_RTA_DST, b"")
                yield Route(family, destination, prefix, device, more.get(_RTA_GATEWAY, b""))


def addresses(socket: Socket, index: int) -> tuple[tuple[bytes, int], ...]:
    """The addresses of a device with their prefixes."""
    return tuple(
        (address, prefix) for device, address, prefix in all_addresses(socket) if device == index
    )


def all_addresses(socket: Socket) -> tuple[tuple[int, bytes, int], ...]:
    """The numbers of devices, their addresses and the prefixes of these."""
    question = Message(_GETADDR, DUMP, _IFADDR.pack(0, 0, 0, 0, 0), "list addresses")
    found = []
    for body in socket.ask(question):
        _, prefix, _, _, device = _IFADDR.unpack_from(body)
        more = attributes(body, _IFADDR.size)
        found.append((device, more.get(_IFA_LOCAL) or more.get(_IFA_ADDRESS, b""), prefix))
    return tuple(found)
