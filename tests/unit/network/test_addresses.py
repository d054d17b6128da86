"""Free subnets and addresses."""

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import Conflict, InvalidArgument, Unavailable
from orlop.network.addresses import (
    IPV4_POOLS,
    check_free,
    free_address,
    free_subnet,
    hardware_address,
    make_range,
    unique_local_subnet,
)


def test_first_subnet() -> None:
    assert free_subnet([]) == IPv4Network("172.17.0.0/16")


def test_subnets_avoid_what_is_taken() -> None:
    taken = [ip_network("172.16.0.0/14"), ip_network("fd00::/8")]
    assert free_subnet(taken) == IPv4Network("172.20.0.0/16")


@given(st.integers(0, 40))
def test_subnets_never_overlap(count: int) -> None:
    taken: list[IPv4Network | IPv6Network] = [ip_network("172.22.8.0/24")]
    for _ in range(count):
        new = free_subnet(taken)
        assert not any(new.overlaps(old) for old in taken)
        taken.append(new)


def test_no_subnet_is_left() -> None:
    with pytest.raises(Unavailable):
        free_subnet([pool for pool, _ in IPV4_POOLS])


def test_unique_local() -> None:
    assert str(unique_local_subnet(b"\x01\x02\x03\x04\x05", 7)) == "fd01:203:405:7::/64"


def test_gateway_is_the_first() -> None:
    assert str(make_range("10.1.0.0/16").gateway) == "10.1.0.1"
    assert str(make_range("fd00::/64").gateway) == "fd00::1"


@pytest.mark.parametrize(
    ("subnet", "gateway", "ip_range"),
    [
        ("10.1.0.1/16", "", ""),
        ("nonsense", "", ""),
        ("10.1.0.0/16", "10.2.0.1", ""),
        ("10.1.0.0/16", "10.1.0.0", ""),
        ("10.1.0.0/16", "10.1.255.255", ""),
        ("10.1.0.0/16", "fd00::1", ""),
        ("10.1.0.0/16", "", "10.2.0.0/24"),
        ("10.1.0.0/16", "", "fd00::/64"),
        ("10.1.0.0/31", "", ""),
    ],
)
def test_bad_ranges(subnet: str, gateway: str, ip_range: str) -> None:
    with pytest.raises(InvalidArgument):
        make_range(subnet, gateway, ip_range)


def test_addresses_in_turn() -> None:
    of = make_range("10.1.0.0/29", reserved=["10.1.0.3"])
    first = free_address(of, [])
    assert str(first) == "10.1.0.2"
    assert str(free_address(of, [first], first)) == "10.1.0.4"
    assert str(free_address(of, [], ip_address("10.1.0.6"))) == "10.1.0.2"


@given(st.sets(st.integers(0, 15)), st.integers(0, 15))
def test_an_address_is_found_while_there_is_one(used: set[int], last: int) -> None:
    of = make_range("10.1.0.0/28")
    taken = {of.subnet[index] for index in used}
    free = {of.subnet[index] for index in range(2, 15)} - taken
    if not free:
        with pytest.raises(Unavailable):
            free_address(of, taken, of.subnet[last])
    else:
        assert free_address(of, taken, of.subnet[last]) in free


def test_ranges_limit_what_is_given_out() -> None:
    of = make_range("10.1.0.0/16", ip_range="10.1.5.0/30")
    found = {str(free_address(of, [of.subnet[index] for index in range(0x500, 0x503)]))}
    assert found == {"10.1.5.3"}


def test_a_certain_address() -> None:
    of = make_range("10.1.0.0/16")
    assert check_free(of, "10.1.7.7", []) == IPv4Address("10.1.7.7")
    for wanted in ("10.1.0.1", "10.1.7.7"):
        with pytest.raises(Conflict):
            check_free(of, wanted, [IPv4Address("10.1.7.7")])
    with pytest.raises(InvalidArgument):
        check_free(of, "10.2.0.1", [])


def test_hardware_address() -> None:
    assert hardware_address(IPv4Address("172.17.0.2")) == "02:42:ac:11:00:02"
