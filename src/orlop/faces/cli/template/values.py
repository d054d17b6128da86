"""What templates work on: Go's values, in Python's.

- string, int, float64, bool: str, int, float, bool; a subclass may name its type (`go_type`).
- []T, map[string]T: list and dict; `Slice` and `Map` where the type matters, or for nil.
- A struct, or a pointer to one: an `Object`; a nil pointer: `NilPointer`.
- A nil interface: None. No value at all: NO_VALUE, which is what a map does not have, and the
  result of a pipeline that ends in a nil interface.
"""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

INVALID, BOOL, INT, FLOAT, STRING = "invalid", "bool", "int", "float", "string"
SLICE, MAP, STRUCT, POINTER, FUNCTION = "slice", "map", "struct", "pointer", "function"

ANYTHING = "interface {}"
STRINGS = "[]string"
_ASSIGNABLE = {STRINGS: ("strslice.StrSlice",)}


class _NoValue:
    """The type of NO_VALUE."""

    def __repr__(self) -> str:
        return "NO_VALUE"


NO_VALUE = _NoValue()


class NilPointer(Record):
    """A pointer to nothing: its type, as "*container.Health", and the fields that it would have."""

    go_type: str
    names: tuple[str, ...] = ()


class Slice(list[object]):
    """A list whose type is known; a nil one is empty, and `null` in JSON."""

    def __init__(
        self, items: Iterable[object] = (), go_type: str = f"[]{ANYTHING}", *, is_nil: bool = False
    ) -> None:
        super().__init__(items)
        self.go_type = go_type
        self.is_nil = is_nil


class Map(dict[str, object]):
    """A map whose type is known; a nil one is empty, and `null` in JSON.

    Attributes:
        zero: what `index` gives for a key that it does not have.
    """

    def __init__(
        self,
        items: Iterable[tuple[str, object]] = (),
        go_type: str = f"map[string]{ANYTHING}",
        *,
        is_nil: bool = False,
        zero: object = None,
    ) -> None:
        super().__init__(items)
        self.go_type = go_type
        self.is_nil = is_nil
        self.zero = zero


class Function(Record):
    """Something that can be called from a template.

    Attributes:
        call: does it; raises `Refused` with the reason if it cannot.
        params: the types of what it needs ("string", "int", "slice", or ANYTHING).
        rest: the type of all further arguments, "" if it takes none.
    """

    call: Callable[..., object]
    params: tuple[str, ...] = ()
    rest: str = ""


class Refused(Exception):
    """A function cannot do this with these arguments: the text says why."""


class Object:
    """A struct: what it has is asked for by name.

    Attributes:
        go_type: the name of its type in Go, as "*container.State".
        escapes_html: whether `<`, `>` and `&` are escaped where it is in JSON.
    """

    go_type = "struct {}"
    escapes_html = False

    def names(self) -> tuple[str, ...]:
        """Its fields, in order."""
        return ()

    def field(self, name: str) -> object:
        """The value of a field.

        Raises:
            KeyError: it has no such field.
        """
        raise KeyError(name)

    def method(self, name: str) -> Function | None:
        """Its method of that name."""
        return None

    def encoded(self) -> object:
        """What it is in JSON: values without objects, a `dict` in the order of its fields."""
        return {name: self.field(name) for name in self.names()}

    def text(self) -> str | None:
        """What it is printed as, if it says so itself."""
        return None


def kind_of(value: object) -> str:
    """What sort of value it is, as Go's `reflect` sees it."""
    if isinstance(value, NilPointer):
        return POINTER
    return next((kind for types, kind in _KINDS if isinstance(value, types)), INVALID)


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (str, STRING),
    (bool, BOOL),
    (int, INT),
    (float, FLOAT),
    (Object, STRUCT),
    (Function, FUNCTION),
    ((list, tuple), SLICE),
    (dict, MAP),
)


def type_of(value: object) -> str:
    """The name of its type in Go."""
    if value is None or value is NO_VALUE:
        return "<nil>"
    named: str = getattr(value, "go_type", "")
    return named or _TYPES.get(kind_of(value), "func()")


_TYPES = {
    BOOL: "bool",
    INT: "int",
    FLOAT: "float64",
    STRING: "string",
    SLICE: f"[]{ANYTHING}",
    MAP: f"map[string]{ANYTHING}",
}


def is_true(value: object) -> bool:
    """Whether `if` takes it for true: neither nil nor zero nor empty."""
    if isinstance(value, NilPointer) or value is NO_VALUE:
        return False
    return True if isinstance(value, Object) else bool(value)


def own_text(value: object) -> str | None:
    """What a value says that it is printed as (Go's Stringer), None if it does not."""
    form = getattr(value, "text", None)
    return form() if form else None


def is_assignable(value: object, go_type: str) -> bool:
    """Whether a function that wants this type takes the value."""
    found = type_of(value)
    return found == go_type or found in _ASSIGNABLE.get(go_type, ())
