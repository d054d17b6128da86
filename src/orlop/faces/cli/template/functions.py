"""The functions that every template has: those of Go's text/template.

`and` and `or` are not here: the evaluator stops at the first argument that decides.
"""

from __future__ import annotations

from orlop.faces.cli.template.comparison import equal, less, less_or_equal
from orlop.faces.cli.template.printing import NOTHING, printed, printed_line
from orlop.faces.cli.template.values import (
    ANYTHING,
    INT,
    INVALID,
    MAP,
    NO_VALUE,
    POINTER,
    SLICE,
    STRING,
    Function,
    Refused,
    is_true,
    kind_of,
    type_of,
)
from orlop.faces.cli.template.verbs import formatted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_FULL_SLICE = 3


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def length(item: Any) -> int:
    """`len`: of a string in bytes."""
    kind = kind_of(item)
    if kind == STRING:
        return len(_bytes(item))
    if kind in (SLICE, MAP):
        return len(item)
    if kind == INVALID:
        raise Refused("len of nil pointer" if item is None else "len of untyped nil")
    if kind == POINTER:
        raise Refused("len of nil pointer")
    raise Refused(f"len of type {type_of(item)}")


def index(item: Any, *keys: object) -> object:
    """`index`: of lists and strings by number, of maps by key, one after the other."""
    if kind_of(item) == INVALID:
        raise Refused("index of untyped nil")
    for key in keys:
        item = _indexed(item, key)
    return item


def _indexed(item: Any, key: object) -> object:
    kind = kind_of(item)
    if kind in (INVALID, POINTER):
        raise Refused("index of nil pointer")
    if kind == MAP:
        return _member(item, key)
    if kind == STRING:
        data = _bytes(item)
        return data[_position(key, len(data), "string")]
    if kind == SLICE:
        return item[_position(key, len(item), "slice")]
    raise Refused(f"can't index item of type {type_of(item)}")


def _member(item: Any, key: object) -> object:
    if kind_of(key) == INVALID:
        raise Refused("value is nil; should be of type string")
    if kind_of(key) != STRING:
        raise Refused(f"value has type {type_of(key)}; should be string")
    return item[key] if key in item else getattr(item, "zero", None)


def _position(key: object, size: int, what: str) -> int:
    at = _bound(key, size)
    if at == size:
        raise Refused(f"reflect: {what} index out of range")
    return at


def _bound(key: object, most: int) -> int:
    """A number from 0 to `most`."""
    kind = kind_of(key)
    if kind == INVALID:
        raise Refused("cannot index slice/array with nil")
    if kind != INT or not isinstance(key, int):
        raise Refused(f"cannot index slice/array with type {type_of(key)}")
    if not 0 <= key <= most:
        raise Refused(f"index out of range: {int(key)}")
    return int(key)


def cut(item: Any, *bounds: object) -> object:
    """`slice`: `item[a:b]`."""
    kind = kind_of(item)
    if kind == INVALID:
        raise Refused("slice of untyped nil")
    if len(bounds) > _FULL_SLICE:
        raise Refused(f"too many slice indexes: {len(bounds)}")
    if kind not in (STRING, SLICE):
        raise Refused(f"can't slice item of type {type_of(item)}")
    if kind == STRING and len(bounds) == _FULL_SLICE:
        raise Refused("cannot 3-index slice a string")
    data = _bytes(item) if kind == STRING else item
    ends = [_bound(bound, len(data)) for bound in bounds]
    start, end = (*ends, 0, len(data))[0], (*ends[1:2], len(data))[0]
    for before, after in zip((start, *ends[1:]), ends[1:], strict=False):
        if before > after:
            raise Refused(f"invalid slice index: {before} > {after}")
    found = data[start:end]
    return found.decode("utf-8", "surrogateescape") if isinstance(found, bytes) else found


# --- escapes ------------------------------------------------------------------------------------


def _together(values: tuple[object, ...]) -> str:
    """All arguments as one text."""
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return printed([NOTHING if v is None or v is NO_VALUE else v for v in values])


_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}
_SCRIPT = {"\\": "\\\\", "'": "\\'", '"': '\\"'} | {c: f"\\u{ord(c):04X}" for c in "<>&="}
_ASCII = 0x80
_SAFE = "-_.~"


def html(*values: object) -> str:
    """`html`: what would be markup is escaped."""
    return "".join(_HTML.get(c, c) for c in _together(values))


def js(*values: object) -> str:
    """`js`: fit for a string constant of JavaScript."""
    return "".join(map(_script_character, _together(values)))


def _script_character(c: str) -> str:
    return _SCRIPT.get(c) or (c if c.isprintable() else f"\\u{ord(c):04X}")


def urlquery(*values: object) -> str:
    """`urlquery`: fit for the query of a URL."""
    return "".join(_query_character(byte) for byte in _bytes(_together(values)))


def _query_character(byte: int) -> str:
    c = chr(byte)
    if byte < _ASCII and (c.isalnum() or c in _SAFE):
        return c
    return "+" if c == " " else f"%{byte:02X}"


_ANY = (ANYTHING,)
_TWO = (ANYTHING, ANYTHING)
BUILTINS: Mapping[str, Function] = {
    "call": Function(lambda value, *_: value, _ANY, ANYTHING),  # the evaluator refuses it
    "eq": Function(equal, _ANY, ANYTHING),
    "ge": Function(lambda a, b: not less(a, b), _TWO),
    "gt": Function(lambda a, b: not less_or_equal(a, b), _TWO),
    "html": Function(html, (), ANYTHING),
    "index": Function(index, _ANY, ANYTHING),
    "js": Function(js, (), ANYTHING),
    "le": Function(less_or_equal, _TWO),
    "len": Function(length, _ANY),
    "lt": Function(less, _TWO),
    "ne": Function(lambda a, b: not equal(a, b), _TWO),
    "not": Function(lambda value: not is_true(value), _ANY),
    "print": Function(lambda *values: printed(values), (), ANYTHING),
    "printf": Function(lambda text, *values: formatted(text, values), ("string",), ANYTHING),
    "println": Function(lambda *values: printed_line(values), (), ANYTHING),
    "slice": Function(cut, _ANY, ANYTHING),
    "urlquery": Function(urlquery, (), ANYTHING),
}
