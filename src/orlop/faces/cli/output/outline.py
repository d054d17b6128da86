"""Facts under each other, deeper ones indented by a blank: as docker shows `info` and `version`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Lines = Iterator[str]


def fact(name: str, value: object, depth: int = 1) -> str:
    """A line with a name and its value."""
    return f"{' ' * depth}{name}: {value}"


def facts(pairs: Iterable[tuple[str, object]], depth: int = 1) -> Lines:
    """Lines for all that have a value."""
    for name, value in pairs:
        if value not in ("", None):
            yield fact(name, value, depth)


def listed(name: str, items: Iterable[object], depth: int = 1) -> Lines:
    """A name with its items below, nothing if there are none."""
    lines = [f"{' ' * (depth + 1)}{item}" for item in items]
    if lines:
        yield f"{' ' * depth}{name}:"
        yield from lines


def yes(value: object) -> str:
    """A flag as docker writes it."""
    return "true" if value else "false"
