"""`eq`, `lt` and their like: values of one kind only, as Go compares them."""

from __future__ import annotations

from orlop.faces.cli.template.values import (
    BOOL,
    FLOAT,
    INT,
    INVALID,
    MAP,
    POINTER,
    SLICE,
    STRING,
    Refused,
    kind_of,
    type_of,
)
from orlop.faces.cli.template.verbs import formatted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BASIC = (BOOL, INT, FLOAT, STRING)
_ORDERED = (INT, FLOAT, STRING)
_INCOMPATIBLE = "incompatible types for comparison"
_INVALID_TYPE = "invalid type for comparison"


def equal(first: object, *others: object) -> bool:
    """Whether the first is equal to one of the others."""
    if not others:
        raise Refused("missing argument for comparison")
    return any(_is_equal(first, other) for other in others)


def _is_equal(a: Any, b: Any) -> bool:
    kinds = kind_of(a), kind_of(b)
    if INVALID in kinds:
        return _is_nil(a) and _is_nil(b)
    basic = [kind if kind in _BASIC else "" for kind in kinds]
    if basic[0] != basic[1]:
        raise Refused(_INCOMPATIBLE)
    if basic[0]:
        return bool(a == b)
    if _is_nil(a) or _is_nil(b):
        return _is_nil(a) == _is_nil(b)
    for value in (a, b):
        if kind_of(value) in (SLICE, MAP) or not type_of(value).startswith("*"):
            raise Refused(f"non-comparable type {formatted('%s', [value])}: {type_of(value)}")
    return a is b


def _is_nil(value: object) -> bool:
    return kind_of(value) in (INVALID, POINTER) or bool(getattr(value, "is_nil", False))


def less(a: Any, b: Any) -> bool:
    """Whether `a` comes before `b`."""
    kinds = kind_of(a), kind_of(b)
    if any(kind not in _BASIC for kind in kinds):
        raise Refused(_INVALID_TYPE)
    if kinds[0] != kinds[1]:
        raise Refused(_INCOMPATIBLE)
    if kinds[0] not in _ORDERED:
        raise Refused(_INVALID_TYPE)
    return bool(a < b)


def less_or_equal(a: Any, b: Any) -> bool:
    """Whether `a` comes before `b`, or is equal to it."""
    return less(a, b) or equal(a, b)
