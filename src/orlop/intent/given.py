"""What was asked, field by field, until a request can be made of it."""

from __future__ import annotations

from orlop.intent.request import Handling, Health, Label, Limits, Log, Namespaces, Privileges
from orlop.records import Record, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


class Given:
    """Values, and what was written, by field of the request."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.written: dict[str, str] = {}

    def set(self, field: str, value: object, written: str) -> None:
        """The last one counts."""
        self.values[field] = value
        self.written[field] = written

    def append(self, field: str, value: object, written: str) -> None:
        """All count."""
        entries = self.values.setdefault(field, [])
        self.written[f"{field}[{len(entries)}]"] = written
        entries.append(value)

    def extend(self, field: str, values: Iterable[object], written: str) -> None:
        """All count, and these are several."""
        for value in values:
            self.append(field, value, written)

    def assign(self, _: str, assignments: Iterable[tuple[str, object]], written: str) -> None:
        """What was read says itself which fields are meant."""
        for field, value in assignments:
            self.set(field, value, written)


_NESTED: Mapping[str, type[Record]] = {
    "namespaces": Namespaces,
    "privileges": Privileges,
    "limits": Limits,
    "handling": Handling,
    "handling.health": Health,
    "handling.log": Log,
    "privileges.label": Label,
}


def made(cls: type[Any], prefix: str, given: Given) -> Any:
    """A record of the values whose fields begin with this prefix; the others are defaults."""
    found: dict[str, Any] = {}
    for field in fields(cls):
        path = f"{prefix}{field}"
        if path in _NESTED:
            found[field] = made(_NESTED[path], f"{path}.", given)
        elif path in given.values:
            value = given.values[path]
            found[field] = tuple(value) if isinstance(value, list) else value
    return cls(**found)
