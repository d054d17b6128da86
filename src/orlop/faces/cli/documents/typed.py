"""A JSON document as Go sees it once it is in a struct: every field there, of its own type.

Nothing is converted before a template asks for it.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.faces.cli.documents.schemas import ALIASES, STRUCTS
from orlop.faces.cli.documents.times import Duration, Time
from orlop.faces.cli.template.values import Map, NilPointer, Object, Slice
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NO_ITEMS: Mapping[str, object] = {}


class Field(Record):
    """A field of a struct.

    Attributes:
        name: Go's.
        key: JSON's.
        type: Go's.
        omitted: whether JSON leaves it out when it is zero.
        embedded: whether its own fields belong to the struct as well.
    """

    name: str
    key: str
    type: str
    omitted: bool = False
    embedded: bool = False


_fields: dict[str, tuple[Field, ...]] = {}


def fields_of(struct: str) -> tuple[Field, ...]:
    """The fields of a type of `schemas`."""
    if struct not in _fields:
        _fields[struct] = tuple(map(_field, STRUCTS[struct].split()))
    return _fields[struct]


def _field(text: str) -> Field:
    if text.startswith("+"):
        kind = text[1:]
        return Field(kind.rpartition(".")[2], "", kind, embedded=True)
    left, _, kind = text.partition(":")
    name, _, key = left.partition("=")
    omitted = left.endswith("?")
    return Field(name.rstrip("?"), key.rstrip("?") or name.rstrip("?"), kind, omitted)


class Struct(Object):
    """An object of a JSON document, as a struct of this type."""

    def __init__(self, go_type: str, members: Mapping[str, object]) -> None:
        self.go_type = go_type
        self._struct = go_type.lstrip("*")
        self._members = members

    def names(self) -> tuple[str, ...]:
        """Its fields in Go's order, without those of embedded ones."""
        return tuple(field.name for field in fields_of(self._struct))

    def field(self, name: str) -> object:
        """The value of a field, its own or an embedded struct's."""
        own = fields_of(self._struct)
        for field in own:
            if field.name == name:
                return self._value(field)
        for field in own:
            if field.embedded:
                try:
                    return Struct(field.type, self._members).field(name)
                except KeyError:
                    continue
        raise KeyError(name)

    def _value(self, field: Field) -> object:
        if field.embedded:
            return Struct(field.type, self._members)
        return typed(field.type, self._members.get(field.key))

    def encoded(self) -> object:
        """Its members in the order of its fields; embedded structs' are in their place."""
        members: dict[str, object] = {}
        for field in fields_of(self._struct):
            value = self._value(field)
            if field.embedded and isinstance(value, Struct):
                inner = value.encoded()
                members.update(inner if isinstance(inner, dict) else {})
            elif not (field.omitted and _is_empty(field, value)):
                members[field.key] = value
        return members

    def text(self) -> str | None:
        """Resource limits have a form of their own."""
        if self._struct != "units.Ulimit":
            return None
        return "{}={}:{}".format(*(self._members.get(key, 0) for key in ("Name", "Soft", "Hard")))


def _is_empty(field: Field, value: object) -> bool:
    """What Go's `omitempty` leaves out: structs never are, pointers only if they are nil."""
    if isinstance(value, NilPointer):
        return True
    if field.type.startswith("*"):
        return False
    return not isinstance(value, Object) and not value


def typed(go_type: str, value: object) -> object:
    """The JSON value as one of this type; its zero if there is none.

    Raises:
        InvalidArgument: it is of quite another type.
    """
    actual = ALIASES.get(go_type, go_type)
    if actual.startswith("*"):
        return _pointer(actual, value)
    if actual.startswith("["):
        return _slice(actual, go_type, value)
    if actual.startswith("map["):
        return _map(actual, go_type, value)
    if actual in STRUCTS:
        return Struct(actual, _object(actual, value))
    return _basic(actual, value)


def _wrong(go_type: str, value: object) -> InvalidArgument:
    kind = type(value).__name__
    return InvalidArgument(f"the engine's answer is wrong: {kind} where {go_type} should be")


def _object(go_type: str, value: object) -> Mapping[str, object]:
    if value is None:
        return _NO_ITEMS
    if not isinstance(value, dict):
        raise _wrong(go_type, value)
    return value


def _pointer(go_type: str, value: object) -> object:
    pointed = go_type[1:]
    if value is None:
        return NilPointer(go_type, Struct(go_type, {}).names() if pointed in STRUCTS else ())
    if pointed in STRUCTS:
        return Struct(go_type, _object(pointed, value))
    return typed(pointed, value)


def _slice(go_type: str, named: str, value: object) -> Slice:
    length, _, item = go_type[1:].partition("]")
    if not isinstance(value, (list, tuple)) and value is not None:
        raise _wrong(named, value)
    shown = named.replace("any", "interface {}")
    if value is None and length:
        return Slice([typed(item, None)] * int(length), shown)
    return Slice([typed(item, one) for one in value or ()], shown, is_nil=value is None)


def _map(go_type: str, named: str, value: object) -> Map:
    _, _, item = go_type.partition("]")
    members = _object(named, value)
    shown = named.replace("any", "interface {}").replace("struct{}", "struct {}")
    return Map(
        ((key, typed(item, member)) for key, member in members.items()),
        shown,
        is_nil=value is None,
        zero=typed(item, None),
    )


def _basic(go_type: str, value: object) -> object:
    """Booleans, numbers, texts, times, and what can be anything."""
    if go_type == "any":
        return float(value) if type(value) is int else _untyped(value)
    make = _MAKERS.get(go_type)
    if make is None:
        return _named(str, go_type)("" if value is None else value)
    try:
        return make(value)
    except (TypeError, ValueError):
        raise _wrong(go_type, value) from None


def _untyped(value: object) -> object:
    """JSON in an `any`: all numbers are floats."""
    if isinstance(value, dict):
        return {key: _basic("any", member) for key, member in value.items()}
    if isinstance(value, list):
        return [_basic("any", member) for member in value]
    return value


_types: dict[str, type] = {}


def _named(base: type, go_type: str) -> type:
    """A type of Go's that has this one below it."""
    if go_type not in _types:
        _types[go_type] = type(go_type, (base,), {"go_type": go_type})
    return _types[go_type]


def _int(go_type: str) -> Callable[[object], object]:
    return lambda value: _named(int, go_type)(0 if value is None else value)


_MAKERS: dict[str, Callable[[object], object]] = {
    "string": lambda value: "" if value is None else _text(value),
    "bool": bool,
    "int": lambda value: 0 if value is None else _whole(value),
    "time.Time": lambda value: Time("" if value is None else _text(value)),
    "time.Duration": lambda value: Duration(0 if value is None else _whole(value)),
    **{name: _int(name) for name in ("int64", "uint", "uint16", "uint32", "uint64")},
}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value
