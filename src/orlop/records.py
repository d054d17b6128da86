"""Frozen, slotted records: what `dataclasses` gives, at a price that a command line can pay.

`orlop-runtime` starts an interpreter for every command, so what it imports is part of a
container's start. `dataclasses` costs 17 ms to import (it pulls in `inspect`) and about half a
millisecond for each class; a `Record` costs nothing to import and ten microseconds a class. To
type checkers a `Record` is a frozen dataclass (`dataclass_transform`).

    class Mount(Record):
        source: str
        target: str
        read_only: bool = False

`docs/decisions/0001-startup-budget.md` has the measurements.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> Any:  # noqa: D103 - see typing
        return lambda cls: cls


_set = object.__setattr__
_MISSING = object()


class _RecordType(type):
    """Turns the annotations of a class body into slots, in order, after those of its base."""

    __record_fields__: tuple[str, ...]
    __record_defaults__: dict[str, Any]

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _RecordType:
        inherited: tuple[str, ...] = ()
        defaults: dict[str, Any] = {}
        for base in bases:
            inherited += getattr(base, "__record_fields__", ())
            defaults.update(getattr(base, "__record_defaults__", {}))
        own = []
        for field, kind in body.get("__annotations__", {}).items():
            if str(kind).startswith("ClassVar"):
                continue
            if field not in inherited:
                own.append(field)
            if field in body:
                defaults[field] = body.pop(field)
        body["__slots__"] = own
        body["__record_fields__"] = body["__match_args__"] = (*inherited, *own)
        body["__record_defaults__"] = defaults
        return super().__new__(mcs, name, bases, body)


@dataclass_transform(frozen_default=True)
class Record(metaclass=_RecordType):
    """A value: its fields are set once, it compares and hashes by them.

    Defaults are shared between instances, so they have to be immutable (tuples, not lists).

    Raises:
        TypeError: a field without default was not given, or an unknown one was.
        AttributeError: on any attempt to assign or delete a field.
    """

    __record_fields__: ClassVar[tuple[str, ...]]
    __record_defaults__: ClassVar[dict[str, Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cls = type(self)
        fields = cls.__record_fields__
        if len(args) == len(fields) and not kwargs:  # the most frequent case, and the fastest
            for field, value in zip(fields, args, strict=False):
                _set(self, field, value)
            return
        if len(args) > len(fields):
            raise TypeError(f"{cls.__name__} takes {len(fields)} fields, {len(args)} were given")
        for field, value in zip(fields, args, strict=False):
            _set(self, field, value)
        for field in fields[len(args) :]:
            value = kwargs.pop(field, _MISSING)
            if value is _MISSING:
                value = cls.__record_defaults__.get(field, _MISSING)
                if value is _MISSING:
                    raise TypeError(f"{cls.__name__} needs the field {field}")
            _set(self, field, value)
        if kwargs:
            raise TypeError(f"{cls.__name__} has no field {', '.join(kwargs)} left to set")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot set {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot delete {name}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash((type(self), _values(self)))

    def __repr__(self) -> str:
        inner = ", ".join(f"{field}={getattr(self, field)!r}" for field in fields(self))
        return f"{type(self).__name__}({inner})"

    def __getstate__(self) -> tuple[Any, ...]:
        return _values(self)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for field, value in zip(fields(self), state, strict=True):
            _set(self, field, value)

    def replace(self, **changes: Any) -> Self:
        """A copy in which the named fields have other values."""
        values = {field: getattr(self, field) for field in fields(self)}
        return type(self)(**{**values, **changes})


def fields(record: Record | type[Record]) -> tuple[str, ...]:
    """The names of a record's fields, in the order of its positional arguments."""
    return record.__record_fields__


def _values(record: Record) -> tuple[Any, ...]:
    return tuple(getattr(record, field) for field in record.__record_fields__)
