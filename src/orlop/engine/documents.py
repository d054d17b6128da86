"""Records as JSON texts and back, for the database.

A record is an object whose "@" is the name of its class; lists are tuples. A field that a stored
record lacks gets its default, one that its class does not have any more is left out, so that a
newer engine reads what an older one has stored.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from orlop.engine import container
from orlop.errors import InternalError
from orlop.image import config
from orlop.intent import request
from orlop.records import Record

if TYPE_CHECKING:
    from types import ModuleType
_R = TypeVar("_R", bound=Record)

_MODULES: tuple[ModuleType, ...] = (request, config, container)
_CLASSES: dict[str, type[Record]] = {
    name: value
    for module in _MODULES
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, Record) and value.__module__ == module.__name__
}


def dumps(record: Record) -> str:
    """The record's text."""
    return json.dumps(_plain(record), separators=(",", ":"))


def loads(kind: type[_R], text: str) -> _R:
    """The record of that kind which a text stands for.

    Raises:
        InternalError: it stands for something else.
    """
    value = _value(json.loads(text))
    if not isinstance(value, kind):
        raise InternalError(f"the database has {type(value).__name__} in place of {kind.__name__}")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        fields = type(value).__record_fields__
        return {"@": type(value).__name__} | {f: _plain(getattr(value, f)) for f in fields}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, dict) else value


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_value(item) for item in value)
    if not isinstance(value, dict) or "@" not in value:
        return value
    kind = _CLASSES.get(value["@"])
    if kind is None:
        raise InternalError(f"the database has a {value['@']!r}, which this version does not know")
    known = kind.__record_fields__
    return kind(**{name: _value(item) for name, item in value.items() if name in known})
