"""The right sides of conditions: constants, ranges, networks and sets."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from orlop.network.reach.values import (
    NOTHING,
    Numbers,
    Wanted,
    number,
    numbers,
    of_networks,
    parse_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Json = Any
    Elements = Callable[[str], Json | None]
    """The elements of a set or map by its name; None if there is no such."""


class UnknownError(Exception):
    """Something is not understood, so whatever depends on it is not known."""


def wanted(value: Json, elements: Elements) -> Wanted:
    """What a condition wants of one field.

    Raises:
        UnknownError: that is not understood.
    """
    match value:
        case bool():
            return Wanted(NOTHING, ("there" if value else "missing",))
        case int():
            return Wanted(number(value), (str(value),))
        case str():
            return _text(value, elements)
        case list():
            return _any_of(value, elements)
        case {"prefix": {"addr": str(address), "len": int(length)}}:
            return Wanted(of_networks(ip_network(f"{address}/{length}", strict=False)))
        case {"range": [first, last]}:
            return Wanted(numbers([(_constant(first), _constant(last))]))
        case {"set": list(inner)}:
            return _any_of(inner, elements)
        case {"elem": {"val": inner}}:
            return wanted(inner, elements)
    raise UnknownError


def _text(text: str, elements: Elements) -> Wanted:
    if text.startswith("@"):
        return _any_of(_elements(text, elements), elements)
    found = parse_number(text)
    if found is None:
        return Wanted(NOTHING, (text,), is_numeric=False)
    return Wanted(number(found), (text,))


def _elements(name: str, elements: Elements) -> list[Json]:
    found = elements(name.removeprefix("@"))
    if found is None:
        raise UnknownError
    return list(found)


def _any_of(values: Iterable[Json], elements: Elements) -> Wanted:
    parts = [wanted(value, elements) for value in values]
    return together(parts)


def together(parts: Iterable[Wanted]) -> Wanted:
    """What any of these wants."""
    parts = tuple(parts)
    return Wanted(
        numbers(one for part in parts for one in part.numbers.ranges),
        tuple(dict.fromkeys(word for part in parts for word in part.words)),
        all(part.is_numeric for part in parts),
    )


def _constant(value: Json) -> int:
    found = value if isinstance(value, int) else parse_number(str(value))
    if found is None:
        raise UnknownError
    return found


def combinations(value: Json, elements: Elements) -> list[tuple[Wanted, ...]]:
    """What a condition wants of several fields at once: any of these.

    Raises:
        UnknownError: that is not understood.
    """
    match value:
        case str() if value.startswith("@"):
            return combinations({"set": _elements(value, elements)}, elements)
        case {"set": list(inner)}:
            return [one for element in inner for one in combinations(element, elements)]
        case {"elem": {"val": inner}}:
            return combinations(inner, elements)
        case {"concat": list(parts)}:
            return [tuple(wanted(part, elements) for part in parts)]
    return [(wanted(value, elements),)]


def compared(op: str, limit: int) -> Numbers:
    """The numbers that are less or more than one.

    Raises:
        UnknownError: it is no such comparison.
    """
    highest = (1 << 128) - 1
    ranges = {
        "<": (0, limit - 1),
        "<=": (0, limit),
        ">": (limit + 1, highest),
        ">=": (limit, highest),
    }
    if op not in ranges:
        raise UnknownError
    return Numbers((ranges[op],)) if ranges[op][0] <= ranges[op][1] else NOTHING
