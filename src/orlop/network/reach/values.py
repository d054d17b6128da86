"""What is known of a field of a packet, and how a rule's condition divides that."""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network, summarize_address_range
from typing import TYPE_CHECKING

from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orlop.network.addresses import Address, Subnet


class Numbers(Record):
    """One of these numbers, which may be addresses: ranges in order, that do not touch."""

    ranges: tuple[tuple[int, int], ...]

    def __and__(self, other: Numbers) -> Numbers:
        common = (
            (max(first, begin), min(last, end))
            for first, last in self.ranges
            for begin, end in other.ranges
        )
        return numbers((first, last) for first, last in common if first <= last)

    def __sub__(self, other: Numbers) -> Numbers:
        left = self.ranges
        for begin, end in other.ranges:
            left = tuple(part for whole in left for part in _without(whole, begin, end))
        return Numbers(left)

    @property
    def single(self) -> int | None:
        """The number, if it can be one only."""
        if len(self.ranges) == 1 and self.ranges[0][0] == self.ranges[0][1]:
            return self.ranges[0][0]
        return None


class Words(Record):
    """One of these words."""

    words: frozenset[str]


class Flags(Record):
    """All of these words at once, and no other."""

    words: frozenset[str]


class Absent(Record):
    """A packet like this does not have the field, so no condition on it holds."""


Value = Numbers | Words | Flags | Absent
"""A field of which nothing is known has no value at all."""


class Wanted(Record):
    """What a condition wants of a field.

    Attributes:
        numbers: of a field that has numbers.
        words: of one that has words ("eth*", too).
        is_numeric: whether there is a number for every word.
    """

    numbers: Numbers
    words: tuple[str, ...] = ()
    is_numeric: bool = True


class Division(Record):
    """The packets for which a condition holds, and the others; None where there are none."""

    yes: Value | None
    no: Value | None


def numbers(ranges: Iterable[tuple[int, int]]) -> Numbers:
    """Numbers of any ranges: they may overlap, and come in any order."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return Numbers(tuple(merged))


def number(value: int) -> Numbers:
    """One number."""
    return Numbers(((value, value),))


def word(*words: str) -> Words:
    """One of these words."""
    return Words(frozenset(words))


NOTHING = Numbers(())


def of_address(address: Address) -> Numbers:
    """One address."""
    return number(int(address))


def of_networks(*networks: Subnet) -> Numbers:
    """Any address of these."""
    return numbers((int(one.network_address), int(one.broadcast_address)) for one in networks)


def _without(whole: tuple[int, int], begin: int, end: int) -> Iterator[tuple[int, int]]:
    first, last = whole
    if first < begin:
        yield first, min(last, begin - 1)
    if last > end:
        yield max(first, end + 1), last


def divide(value: Value, wanted: Wanted) -> Division:
    """Of what is known of a field, what is wanted and what is not."""
    match value:
        case Numbers():
            yes, no = value & wanted.numbers, value - wanted.numbers
            return Division(yes if yes.ranges else None, no if no.ranges else None)
        case Words(words):
            found = frozenset(one for one in words if is_one_of(one, wanted.words))
            rest = words - found
            return Division(Words(found) if found else None, Words(rest) if rest else None)
        case Flags(words):
            found = frozenset(one for one in words if is_one_of(one, wanted.words))
            return Division(value, None) if found else Division(None, value)
        case Absent():
            return Division(None, value)


def is_one_of(text: str, patterns: Iterable[str]) -> bool:
    """Whether it is one of these, of which those that end with * stand for all that begin so."""
    return any(
        text == pattern or (pattern.endswith("*") and fnmatchcase(text, pattern))
        for pattern in patterns
    )


def networks_of(found: Numbers, version: int) -> tuple[Subnet, ...]:
    """The fewest networks that are these addresses."""
    kind = {4: 32, 6: 128}[version]
    made: list[Subnet] = []
    for first, last in found.ranges:
        if version == 4:
            low, high = ip_network((first, kind)), ip_network((last, kind))
        else:
            low = ip_network((first.to_bytes(16, "big"), kind))
            high = ip_network((last.to_bytes(16, "big"), kind))
        made += summarize_address_range(low.network_address, high.network_address)
    return tuple(made)


def parse_number(text: str) -> int | None:
    """An address, or what else is a number, as a number; None if it is none.

    Of a set with keys of no type nft says "0x46a0 [invalid type]", in the order of the network.
    """
    first = text.partition(" ")[0]
    if first.startswith("0x"):
        try:
            return int(first, 16)
        except ValueError:
            return None
    try:
        return int(ip_address(text))
    except ValueError:
        return None
