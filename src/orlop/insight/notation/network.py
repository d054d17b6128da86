"""Network devices, by rtnetlink(7) (launch/netdev.c)."""

from __future__ import annotations

from orlop.insight.notation.syntax import Calls, aside, call, descriptor, quoted, struct
from orlop.launch.plan import ConfigureNetDevice, MoveNetDevice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.insight.notation.scene import Notations, Scene

_NETLINK = descriptor("NETLINK_ROUTE")
_ANY = descriptor("any socket")
_ENTRY = 20  # bytes of an address, see ConfigureNetDevice
_FAMILIES = {2: "AF_INET", 10: "AF_INET6"}
_LENGTHS = {2: 4, 10: 16}


def _find(name: str) -> Calls:
    return (
        aside("socket", "AF_UNIX", "SOCK_DGRAM|SOCK_CLOEXEC", "0", result=_ANY),
        aside("ioctl", _ANY, "SIOCGIFINDEX", struct(ifr_name=quoted(name))),
        aside("socket", "AF_NETLINK", "SOCK_RAW|SOCK_CLOEXEC", "NETLINK_ROUTE", result=_NETLINK),
    )


def _ask(message: str) -> Calls:
    return (call("sendto", _NETLINK, message), aside("recvfrom", _NETLINK))


def _link(name: str, **members: str) -> str:
    index = f"if_nametoindex({quoted(name)})"
    return struct(nlmsg_type="RTM_NEWLINK", ifi_index=index, **members)


def _move(op: MoveNetDevice, _: Scene) -> Calls:
    name = quoted(op.new_name) if op.new_name else ""
    return (*_find(op.name), *_ask(_link(op.name, IFLA_NET_NS_PID="PID", IFLA_IFNAME=name)))


def _configure(op: ConfigureNetDevice, _: Scene) -> Calls:
    calls = _find(op.name)
    for family, address in addresses(op.addresses):
        calls += _ask(
            struct(
                nlmsg_type="RTM_NEWADDR",
                ifa_family=family,
                ifa_index=f"if_nametoindex({quoted(op.name)})",
                IFA_LOCAL=quoted(address),
            )
        )
    return calls + _ask(_link(op.name, ifi_flags="IFF_UP"))


def addresses(packed: bytes) -> Iterator[tuple[str, str]]:
    """Family and address (10.0.0.2/24) of each entry of `ConfigureNetDevice.addresses`."""
    from _socket import inet_ntop

    for at in range(0, len(packed) - _ENTRY + 1, _ENTRY):
        family, prefix = packed[at], packed[at + 1]
        number = packed[at + 4 : at + 4 + _LENGTHS.get(family, 16)]
        if family not in _FAMILIES:
            yield str(family), f"{number.hex()}/{prefix}"
        else:
            yield _FAMILIES[family], f"{inet_ntop(family, number)}/{prefix}"


CALLS: Notations = {MoveNetDevice: _move, ConfigureNetDevice: _configure}
