"""Records as JSON texts and back, for the database.

A record is an object whose "@" is the name of its class; lists are tuples, and mappings are an
object of their own kind with their items. What has its default is left out, since most has. A field
that a stored record lacks gets its default, and one that its class does not have any more is left
out, so that a newer engine reads what an older one has stored.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from orlop.engine import container, exec_request, network
from orlop.errors import InternalError
from orlop.image import config
from orlop.intent import request
from orlop.records import Record, values

if TYPE_CHECKING:
    from types import ModuleType
_R = TypeVar("_R", bound=Record)

_MODULES: tuple[ModuleType, ...] = (request, config, container, exec_request, network)
_MAPPING = "mapping"
_NOTHING = object()
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
        return _object(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):  # its keys are anybody's, as of an image's labels
        return {"@": _MAPPING, "items": [[key, _plain(item)] for key, item in value.items()]}
    return value


def _object(record: Record) -> dict[str, Any]:
    """The record's fields, but those that nobody has given another value than the default."""
    kind = type(record)
    defaults = kind.__record_defaults__
    found = {"@": kind.__name__}
    for field, value in zip(kind.__record_fields__, values(record), strict=True):
        if value is not defaults.get(field, _NOTHING):
            found[field] = _plain(value)
    return found


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_value(item) for item in value)
    if not isinstance(value, dict):
        return value
    name = value.get("@")
    if name == _MAPPING:
        return {key: _value(item) for key, item in value["items"]}
    kind = _CLASSES.get(name or "")
    if kind is None:
        raise InternalError(f"the database has a {name!r}, which this version does not know")
    known = kind.__record_fields__
    return kind(**{name: _value(item) for name, item in value.items() if name in known})
