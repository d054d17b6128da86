"""Values as JSON, as docker's `json` function writes them: Go's encoding/json, no HTML escapes."""

from __future__ import annotations

from orlop import jsontext
from orlop.faces.cli.template.printing import shortest
from orlop.faces.cli.template.values import NO_VALUE, NilPointer, Object

_LINE_ENDS = {"\u2028": "\\u2028", "\u2029": "\\u2029"}
_JSON_EXPONENT = 21


def encoded(value: object) -> str:
    """The JSON text of a value; maps are sorted by key."""
    if value is None or value is NO_VALUE or isinstance(value, NilPointer):
        return "null"
    if getattr(value, "is_nil", False):
        return "null"
    if isinstance(value, Object):
        text = _members(value.encoded())
        return _without_markup(text) if value.escapes_html else text
    if isinstance(value, dict):
        return _members({key: value[key] for key in sorted(value)})
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(encoded, value))}]"
    return _simple(value)


def _without_markup(text: str) -> str:
    for c in "<>&":
        text = text.replace(c, f"\\u{ord(c):04x}")
    return text


def _members(members: object) -> str:
    if not isinstance(members, dict):
        return encoded(members)
    pairs = (f"{string(key)}:{encoded(value)}" for key, value in members.items())
    return f"{{{','.join(pairs)}}}"


def _simple(value: object) -> str:
    if isinstance(value, str):
        bare: bool = getattr(value, "is_number", False)  # json.Number
        return str(value) if bare else string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    return str(int(value)) if isinstance(value, int) else str(value)


def _number(value: float) -> str:
    text = shortest(value, exponent_from=_JSON_EXPONENT)
    small, exponent, digits = text.partition("e-")
    return f"{small}{exponent}{digits.lstrip('0')}"


def string(text: str) -> str:
    """A JSON string: only what must be escaped is."""
    quoted = jsontext.quoted(text)
    for end, escape in _LINE_ENDS.items():
        if end in quoted:
            quoted = quoted.replace(end, escape)
    return quoted if quoted.isprintable() else "".join(map(_valid, quoted))


def _valid(c: str) -> str:
    """A byte that is no UTF-8 (a lone surrogate here) cannot be in JSON."""
    return "\\ufffd" if "\ud800" <= c <= "\udfff" else c
