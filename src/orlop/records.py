"""Frozen records: what `dataclasses` gives, at a price that a command line can pay.

`orlop-runtime` starts an interpreter for every command, so what it imports is part of a
container's start. `dataclasses` costs 17 ms to import (it pulls in `inspect`) and about half a
millisecond for each class; a `Record` costs nothing to import and ten microseconds a class. To
type checkers a `Record` is a frozen dataclass (`dataclass_transform`).

Underneath it is a tuple whose places have names, so it is made, compared and hashed in C; a start
makes some six hundred. Nobody should count on that: it equals only its own kind, and is true.

    class Mount(Record):
        source: str
        target: str
        read_only: bool = False

`docs/decisions/0001-startup-budget.md` has the measurements.
"""

from __future__ import annotations

# What collections.namedtuple is made of; that module is slow to import.
from _collections import _tuplegetter  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self, dataclass_transform

    _Tuple = object  # that a record is one is nobody's business
else:
    _Tuple = tuple

    def dataclass_transform(**_: object) -> Any:  # noqa: D103
        return lambda cls: cls


class _RecordType(type):
    """Turns the annotations of a class body into names of places, after those of its base."""

    __record_fields__: tuple[str, ...]
    __record_defaults__: dict[str, Any]

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _RecordType:
        fields: tuple[str, ...] = ()
        defaults: dict[str, Any] = {}
        for base in bases:
            fields += getattr(base, "__record_fields__", ())
            defaults.update(getattr(base, "__record_defaults__", {}))
        for field, kind in body.get("__annotations__", {}).items():
            if str(kind).startswith("ClassVar"):
                continue
            if field in body:
                defaults[field] = body.pop(field)
            if field not in fields:
                body[field] = _tuplegetter(len(fields), None)
                fields += (field,)
        body["__slots__"] = ()
        body["__record_fields__"] = body["__match_args__"] = fields
        body["__record_defaults__"] = defaults
        return super().__new__(mcs, name, bases, body)


@dataclass_transform(frozen_default=True)
class Record(_Tuple, metaclass=_RecordType):
    """A value: its fields are set once, it compares and hashes by them.

    Defaults are shared between instances, so they have to be immutable (tuples, not lists).

    Raises:
        TypeError: a field without default was not given, or an unknown one was.
        AttributeError: on any attempt to assign or delete a field.
    """

    __record_fields__: ClassVar[tuple[str, ...]]
    __record_defaults__: ClassVar[dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: D102
        if kwargs or len(args) != len(cls.__record_fields__):
            args = _complete(cls, args, kwargs)
        made: Self = _new(cls, args)
        return made

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot set {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot delete {name}")

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and _equal(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __repr__(self) -> str:
        pairs = zip(fields(self), values(self), strict=True)
        inner = ", ".join(f"{field}={value!r}" for field, value in pairs)
        return f"{type(self).__name__}({inner})"

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(values(self))

    def replace(self, **changes: Any) -> Self:
        """A copy in which the named fields have other values."""
        cls = type(self)
        new = list(values(self))
        for field, value in changes.items():
            try:
                new[cls.__record_fields__.index(field)] = value
            except ValueError:
                raise TypeError(f"{cls.__name__} has no field {field} to replace") from None
        made: Self = _new(cls, new)
        return made


_new: Any = tuple.__new__
_equal: Any = tuple.__eq__


def _complete(cls: type[Record], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The values of all fields, in order."""
    fields, defaults = cls.__record_fields__, cls.__record_defaults__
    if len(args) > len(fields):
        raise TypeError(f"{cls.__name__} takes {len(fields)} fields, {len(args)} were given")
    all_values = list(args)
    left = len(kwargs)
    for field in fields[len(args) :]:
        if field in kwargs:
            all_values.append(kwargs[field])
            left -= 1
        elif field in defaults:
            all_values.append(defaults[field])
        else:
            raise TypeError(f"{cls.__name__} needs the field {field}")
    if left:
        unknown = (name for name in kwargs if name not in fields[len(args) :])
        raise TypeError(f"{cls.__name__} has no field {', '.join(unknown)} left to set")
    return tuple(all_values)


def fields(record: Record | type[Record]) -> tuple[str, ...]:
    """The names of a record's fields, in the order of its positional arguments."""
    return record.__record_fields__


def values(record: Record) -> tuple[Any, ...]:
    """The values of a record's fields, in the same order."""
    same: Any = record
    found: tuple[Any, ...] = same
    return found
