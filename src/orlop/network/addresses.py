"""Which subnets and addresses are free: pure arithmetic, nothing is looked up.

Addresses are given out in turn, so that one that was just given up is not at once somebody else's
(what still knows the old owner by its address would reach the new one).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING

from orlop.errors import InUse, InvalidArgument, Unavailable
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

Subnet = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

IPV4_POOLS = (
    (IPv4Network("172.17.0.0/16"), 16),
    (IPv4Network("172.18.0.0/15"), 16),
    (IPv4Network("172.20.0.0/14"), 16),
    (IPv4Network("172.24.0.0/13"), 16),
    (IPv4Network("192.168.0.0/16"), 20),
    (IPv4Network("10.96.0.0/11"), 20),
)
"""Where subnets of networks come from, and how long their prefixes are: Docker's, and some more."""
IPV6_PREFIX = 64


class Range(Record):
    """A subnet of a network, and what of it containers get.

    Attributes:
        subnet: all of it.
        gateway: the host's address in it.
        pool: from which containers get theirs; a part of the subnet.
        reserved: addresses in it that no container gets.
    """

    subnet: Subnet
    gateway: Address
    pool: Subnet
    reserved: tuple[Address, ...] = ()


def free_subnet(taken: Collection[Subnet]) -> IPv4Network:
    """The first subnet of the pools that overlaps nothing that is taken.

    Raises:
        Unavailable: there is none left.
    """
    used = [subnet for subnet in taken if isinstance(subnet, IPv4Network)]
    for pool, prefix in IPV4_POOLS:
        for candidate in _candidates(pool, prefix, used):
            return candidate
    raise Unavailable(
        "all address pools for networks are used up",
        hint="remove networks that nobody uses (orlop network prune), or give --subnet",
    )


def _candidates(
    pool: IPv4Network, prefix: int, used: Iterable[IPv4Network]
) -> Iterator[IPv4Network]:
    near = [subnet for subnet in used if subnet.overlaps(pool)]
    for candidate in pool.subnets(new_prefix=prefix):
        if not any(candidate.overlaps(subnet) for subnet in near):
            yield candidate


def unique_local_subnet(seed: bytes, number: int) -> IPv6Network:
    """The subnet of that number in the /48 that a seed of 5 bytes stands for.

    See: RFC 4193 section 3.1.
    """
    prefix = b"\xfd" + seed[:5] + number.to_bytes(2, "big") + bytes(8)
    return IPv6Network((prefix, IPV6_PREFIX))


def make_range(
    subnet: str, gateway: str = "", ip_range: str = "", reserved: Iterable[str] = ()
) -> Range:
    """A range as somebody has written it; the gateway is the first address by default.

    Raises:
        InvalidArgument: one of them is no address, or is not in the subnet.
    """
    whole = _subnet(subnet, "subnet")
    pool = _subnet(ip_range, "ip-range") if ip_range else whole
    if type(pool) is not type(whole) or not pool.subnet_of(whole):  # type: ignore[arg-type]
        raise InvalidArgument(f"the ip-range {pool} is not in the subnet {whole}")
    if whole.num_addresses < 4:
        raise InvalidArgument(f"the subnet {whole} has no room for a gateway and a container")
    first = address_in(whole, gateway, "gateway") if gateway else whole[1]
    kept = tuple(address_in(whole, one, "auxiliary address") for one in reserved)
    return Range(whole, first, pool, kept)


def _subnet(text: str, what: str) -> Subnet:
    try:
        return ip_network(text)
    except ValueError as error:
        raise InvalidArgument(
            f"the {what} {text!r} is not valid: {error}", hint="as 10.5.0.0/16"
        ) from None


def address_in(subnet: Subnet, text: str, what: str) -> Address:
    """The address, which a device in that subnet can have.

    Raises:
        InvalidArgument: it is none, or not in the subnet, or the subnet's own or broadcast one.
    """
    kind = IPv4Address if isinstance(subnet, IPv4Network) else IPv6Address
    try:
        address = kind(text)
    except ValueError:
        raise InvalidArgument(
            f"the {what} {text!r} is not an address of the subnet {subnet}"
        ) from None
    if address not in subnet or address in _unusable(subnet):
        raise InvalidArgument(f"the {what} {address} is not an address of the subnet {subnet}")
    return address


def _unusable(subnet: Subnet) -> tuple[Address, ...]:
    """Those that stand for the subnet itself and, with IPv4, for everybody in it."""
    if isinstance(subnet, IPv4Network):
        return (subnet.network_address, subnet.broadcast_address)
    return (subnet.network_address,)


def free_address(of: Range, taken: Collection[Address], after: Address | None = None) -> Address:
    """The next address of a range that is free, behind the one that was given out last.

    Raises:
        Unavailable: there is none left.
    """
    unusable = {*_unusable(of.subnet), of.gateway, *of.reserved}
    count = of.pool.num_addresses
    start = (int(after) - int(of.pool.network_address) + 1) if after and after in of.pool else 0
    most = min(count, len(taken) + len(unusable) + 1)
    for step in range(most):
        candidate = of.pool[(start + step) % count]
        if candidate not in unusable and candidate not in taken:
            return candidate
    raise Unavailable(
        f"no address is left in {of.pool}", hint="make a network with a larger --subnet"
    )


def check_free(of: Range, wanted: str, taken: Collection[Address]) -> Address:
    """A certain address of a range.

    Raises:
        InvalidArgument: it is not in the subnet.
        InUse: it is the gateway's, or somebody has it.
    """
    address = address_in(of.subnet, wanted, "address")
    if address == of.gateway or address in of.reserved or address in taken:
        raise InUse(f"the address {address} is in use")
    return address


def hardware_address(address: Address) -> str:
    """The hardware address of a container's device, made of its IPv4 address as Docker does.

    Neighbours that still remember it for this address are right then.
    """
    octets = b"\x02\x42" + address.packed[-4:]
    return octets.hex(":")
