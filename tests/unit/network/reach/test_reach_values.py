"""What is known of fields, and how conditions divide it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.network.reach.values import (
    Flags,
    Numbers,
    Wanted,
    divide,
    networks_of,
    number,
    numbers,
    of_networks,
    parse_number,
    word,
)

PAIRS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted).map(tuple))


def members(found: Numbers) -> set[int]:
    return {one for first, last in found.ranges for one in range(first, last + 1)}


@given(PAIRS, PAIRS)
def test_sets_of_numbers(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    first, second = numbers(one), numbers(two)
    assert members(first & second) == members(first) & members(second)
    assert members(first - second) == members(first) - members(second)
    for found in (first, first & second, first - second):
        assert found == numbers(found.ranges)


@pytest.mark.parametrize("version", [4, 6])
def test_networks(version: int) -> None:
    whole = ip_network("10.0.0.0/24" if version == 4 else "fd00::/120")
    first = next(iter(whole))
    left = of_networks(whole) - number(int(first))
    assert len(networks_of(left, version)) == 8
    assert networks_of(of_networks(whole), version) == (whole,)


def test_division() -> None:
    found = divide(Numbers(((1, 10),)), Wanted(Numbers(((5, 20),))))
    assert (found.yes, found.no) == (Numbers(((5, 10),)), Numbers(((1, 4),)))
    names = divide(word("eth0", "lo"), Wanted(numbers([]), ("eth*",)))
    assert (names.yes, names.no) == (word("eth0"), word("lo"))
    flags = Flags(frozenset(("dnat", "snat")))
    assert divide(flags, Wanted(numbers([]), ("dnat",))).yes == flags


def test_numbers_in_the_words_of_nft() -> None:
    assert parse_number("0x46a0 [invalid type]") == 18080
    assert parse_number("10.0.0.1") == 167772161
    assert parse_number("http") is None
