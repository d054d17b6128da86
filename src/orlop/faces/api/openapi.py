"""The OpenAPI document of what is served, made from the table of routes and its structs.

See: OpenAPI Specification 3.1.0; msgspec's schemas are JSON Schema 2020-12, as it wants.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from orlop import __version__
from orlop.faces.api import versions
from orlop.faces.api.bodies import NoBody
from orlop.faces.api.filters import Filters
from orlop.faces.api.queries import NoQuery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.faces.api.routes import Route

_NAME = re.compile(r"\{(\w+)(?::.*?)?\}")
_ERROR = {"$ref": "#/components/schemas/Error"}
_COMPONENTS = "#/components/schemas/{name}"
_ERRORS = {
    "400": "the request makes no sense; what is wrong with it is named",
    "401": "a registry does not accept the credentials",
    "403": "it is not allowed",
    "404": "something that is named does not exist",
    "409": "it cannot be done in the present state of things",
    "500": "it went wrong",
    "501": "this host, or orlop, cannot do it",
    "503": "it does not work now; a later try may",
}
_DESCRIPTION = """\
The Docker Engine API, as far as orlop serves it, and further paths for what Docker does not have: \
explain, proof, reach, why. Each path can be had with a version in front (/v1.24 to /v{newest}). \
Members of answers are Docker's; https://docs.docker.com/reference/api/engine/ tells what they \
mean."""


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document of these routes."""
    routes = tuple(routes)
    newest = versions.text_of(versions.NEWEST)
    bodies = {body.__name__: body for route in routes if (body := _body(route))}
    _, schemas = msgspec.json.schema_components(list(bodies.values()), ref_template=_COMPONENTS)
    error = {
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "orlop",
            "version": __version__,
            "description": _DESCRIPTION.format(newest=newest),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": f"/v{newest}"}],
        "paths": _paths(routes),
        "components": {"schemas": {"Error": error, **schemas}},
    }


def _body(route: Route) -> type[msgspec.Struct] | None:
    return route.example or (None if route.body is NoBody else route.body)


def _paths(routes: Iterable[Route]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for route in routes:
        path = _NAME.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return paths


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.title,
        "operationId": _operation_id(route),
        "tags": [route.path.split("/")[1]],
        "parameters": [*_names(route), *_parameters(route)],
        "responses": _responses(route),
    }
    if body := _request_body(route):
        operation["requestBody"] = body
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"\w+", _NAME.sub(r"\1", route.path))
    return "_".join((route.method.lower(), *words))


def _names(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _NAME.findall(route.path)
    ]


def _parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is NoQuery:
        return []
    return [
        {"name": field.encode_name, "in": "query", "schema": _schema(field)}
        for field in msgspec.structs.fields(route.query)
    ]


def _schema(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    schema = dict(_SCHEMAS[field.type])
    if isinstance(field.default, bool | int | str):
        schema["default"] = field.default
    return schema


_FILTERS = 'a JSON object, as {"label": ["a=b"]} or {"label": {"a=b": true}}'
_SCHEMAS: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer", "format": "int64"},
    int | None: {"type": "integer", "format": "int64"},
    str: {"type": "string"},
    tuple[str, ...]: {"type": "array", "items": {"type": "string"}},
    Filters: {"type": "string", "description": _FILTERS},
}


def _request_body(route: Route) -> dict[str, Any] | None:
    if route.takes:
        schema = {"type": "string", "format": "binary"}
        return {"content": {route.takes: {"schema": schema}}}
    if body := _body(route):
        reference = {"$ref": _COMPONENTS.format(name=body.__name__)}
        return {"content": {"application/json": {"schema": reference}}}
    return None


def _responses(route: Route) -> dict[str, Any]:
    good = {str(status): _response(route) for status in route.statuses}
    bad = {
        status: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
        for status, text in _ERRORS.items()
    }
    return bad | good


def _response(route: Route) -> dict[str, Any]:
    if any(status >= 400 for status in route.statuses):
        return {"description": route.title, "content": {"application/json": {"schema": _ERROR}}}
    content: dict[str, Any] = {"content": {route.answer: {}}} if route.answer else {}
    return {"description": route.title, **content}
