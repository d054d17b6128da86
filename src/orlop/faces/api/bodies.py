"""JSON bodies as typed values: unknown fields are ignored, wrong types are the client's mistake.

The case of a field's letters does not count, as for Docker (Go's encoding/json, Unmarshal).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import inspect

from orlop.decode import respelled
from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

MOST_BYTES = 8 << 20
"""Of a JSON body; archives are streams and have no such limit."""

_B = TypeVar("_B", bound=msgspec.Struct)


class NoBody(msgspec.Struct, frozen=True):
    """A request without a JSON body; one that comes nevertheless is not looked at."""


async def read(request: BaseRequest, kind: type[_B]) -> _B:
    """The body of a request; an empty one has every field's default.

    Raises:
        InvalidArgument: it is no JSON, or a field has the wrong type (it is named), or it is
            longer than `MOST_BYTES`.
    """
    return decode(await raw(request), kind)


async def raw(request: BaseRequest) -> bytes:
    """The bytes of a JSON body, b"" if there is none.

    Raises:
        InvalidArgument: it is of another content type, or too long.
    """
    if not request.body_exists:
        return b""
    parts, size = [], 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > MOST_BYTES:
            raise InvalidArgument(f"the request's body is longer than {MOST_BYTES} bytes")
        parts.append(part)
    body = b"".join(parts)
    if body and request.content_type != "application/json":
        raise InvalidArgument(
            f"unsupported Content-Type header ({request.content_type}): must be 'application/json'"
        )
    return body


def decode(body: bytes, kind: type[_B]) -> _B:
    """The same of bytes that have come.

    Raises:
        InvalidArgument: as `read`.
    """
    empty = not body.strip() or body.strip() == b"null"
    try:
        found = msgspec.json.decode(b"{}" if empty else body)
        return msgspec.convert(_respelled(found, _info(kind)), kind, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"invalid request body: {_in_words(error)}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"invalid JSON: {error}") from None


def document(body: bytes) -> object:
    """What a JSON text says, for those who read it themselves.

    Raises:
        InvalidArgument: it is no JSON.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"invalid JSON: {error}") from None


@functools.cache
def _info(kind: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(kind)


def _respelled(value: Any, info: inspect.Type) -> Any:
    """The same value with the members' names as the type has them, whatever the case of letters."""
    match info:
        case inspect.UnionType(types=types):
            for one in types:
                value = _respelled(value, one)
        case inspect.ListType(item_type=item) if isinstance(value, list):
            return [_respelled(one, item) for one in value]
        case inspect.StructType(cls=kind) if isinstance(value, dict):
            names, members = _fields(kind)
            return {
                name: _respelled(one, members[name]) if name in members else one
                for name, one in respelled(value, names).items()
            }
    return value


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[dict[str, str], dict[str, inspect.Type]]:
    """The fields' names, by their form in lower case, and their types by name."""
    fields = msgspec.structs.fields(kind)
    types = {field.encode_name: inspect.type_info(field.type) for field in fields}
    return {name.lower(): name for name in types}, types


def _in_words(error: msgspec.ValidationError) -> str:
    """Msgspec's sentence, in which the field's path stands last, as `$.HostConfig.Memory`."""
    reason, _, path = str(error).rpartition(" - at `$")
    return f"{path.strip('.`')}: {reason}" if reason else str(error)
