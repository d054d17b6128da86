"""The bridge of a network on the host: a device with the gateway's addresses."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from orlop.errors import Conflict, NotFound, SyscallError
from orlop.kernel import links
from orlop.records import Record

if TYPE_CHECKING:
    from orlop.kernel.rtnetlink import Socket
    from orlop.network.addresses import Range

OURS = "orlop: bridge of a network"
"""The remark at every bridge that was made here; others' are used, and stay."""

_SYSCTLS = "/proc/sys/net"
_LOOPBACK6 = bytes(15) + b"\1"
_CALLED_EARLY = "bridge/bridge-nf-call-ip6tables"
_IPV4_FORWARD = "ipv4/ip_forward"
_IPV6_FORWARD = "ipv6/conf/all/forwarding"


class Bridge(Record):
    """What a bridge has to be like.

    Attributes:
        device: its name, at most 15 bytes.
        ranges: its subnets; the bridge has the gateways' addresses.
        mtu: 0 for the kernel's default.
    """

    device: str
    ranges: tuple[Range, ...]
    mtu: int = 0


def ensure(socket: Socket, bridge: Bridge) -> int:
    """The bridge is there, up, with its addresses; returns its number.

    What was lost (its addresses, when somebody took it down) is put right.

    Raises:
        Conflict: there is a device of that name that is no bridge.
        SyscallError: the kernel refuses.
    """
    try:
        link = links.link_by_name(socket, bridge.device)
    except NotFound:
        socket.do(links.add_bridge(bridge.device, mtu=bridge.mtu))
        link = links.link_by_name(socket, bridge.device)
        socket.do(links.set_alias(link.index, OURS))
    if link.kind != "bridge":
        raise Conflict(
            f"there is a device {bridge.device}, which is no bridge",
            hint="choose another name with -o com.docker.network.bridge.name",
        )
    _configure(bridge)
    wanted = [(of.gateway.packed, of.subnet.prefixlen) for of in bridge.ranges]
    present = links.addresses(socket, link.index)
    missing = [one for one in wanted if one not in present]
    socket.do(
        links.set_up(link.index),
        *(links.add_address(link.index, address, prefix) for address, prefix in missing),
    )
    if any(of.subnet.version == 6 for of in bridge.ranges):
        _let_answers_in(socket, link.index)
    return link.index


def _let_answers_in(socket: Socket, index: int) -> None:
    """What containers answer to ::1 finds its way back; IPv4 has route_localnet for that.

    To the kernel ::1 is at the loopback's device only, and the destination of such an answer
    becomes ::1 after it came in by the bridge. Nobody can send to ::1 from there: the kernel drops
    what arrives with that destination before anything changes it (ip6_rcv_core).
    """
    try:
        socket.do(links.add_local_route(index, _LOOPBACK6))
    except SyscallError as error:
        if error.errno != errno.EEXIST:
            raise


def loopback6_works() -> bool:
    """Whether answers to ::1 are let in.

    With br_netfilter their destination is ::1 again in the bridge, so too early.
    """
    return not _known(_CALLED_EARLY) or _read(_CALLED_EARLY) == "0"


def remove(socket: Socket, bridge: Bridge) -> bool:
    """The bridge is gone, unless it was there before; whether it is."""
    with contextlib.suppress(NotFound):
        link = links.link_by_name(socket, bridge.device)
        if link.alias == OURS:
            socket.do(links.delete(link.index))
            return True
    return False


def _configure(bridge: Bridge) -> None:
    """Router advertisements of containers are ignored, and 127.0.0.1 can lead to a container.

    With route_localnet packets to 127.0.0.0/8 could come in from containers; the packet filter
    drops them (CVE-2020-8558).
    """
    _write(f"ipv4/conf/{bridge.device}/route_localnet", "1")
    _write(f"ipv6/conf/{bridge.device}/accept_ra", "0")
    _write(f"ipv6/conf/{bridge.device}/accept_redirects", "0")
    # Its link-local address is used at once, not after a second in which somebody might object.
    _write(f"ipv6/conf/{bridge.device}/accept_dad", "0")


def enable_forwarding() -> bool:
    """The host passes packets on between its devices; whether it did so before.

    Raises:
        SyscallError: that cannot be changed.
    """
    before = all(_read(name) == "1" for name in (_IPV4_FORWARD, _IPV6_FORWARD) if _known(name))
    for name in (_IPV4_FORWARD, _IPV6_FORWARD):
        _write(name, "1")
    return before


def _known(name: str) -> bool:
    return os.path.exists(f"{_SYSCTLS}/{name}")


def _read(name: str) -> str:
    with open(f"{_SYSCTLS}/{name}", encoding="ascii") as file:
        return file.read().strip()


def _write(name: str, value: str) -> None:
    """A host without IPv6 does not have its settings."""
    if not _known(name) or _read(name) == value:
        return
    try:
        with open(f"{_SYSCTLS}/{name}", "w", encoding="ascii") as file:
            file.write(value)
    except OSError as error:
        raise SyscallError("write", error.errno or 0, f"{_SYSCTLS}/{name}") from None
