"""Which path is answered by what, and what its handlers get.

A path's pattern has names in braces: `{name}` is one segment, `{name:.*}` any number of them (the
names of images have slashes).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aiohttp.web_response import StreamResponse

from orlop.faces.api.bodies import NoBody
from orlop.faces.api.queries import NoQuery
from orlop.faces.api.versions import LEAST, Version

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msgspec
    from aiohttp.web_request import BaseRequest

    from orlop.engine.engine import Engine

Q = TypeVar("Q")
B = TypeVar("B")


@dataclasses.dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One request, parsed.

    Attributes:
        engine: whom it is for.
        request: as aiohttp has it; handlers need it for streams and headers only.
        version: of the API, as the client wants it.
        names: what stood in the path in place of its names.
        query: the parameters.
        body: the JSON body.
    """

    engine: Engine
    request: BaseRequest
    version: Version
    names: dict[str, str]
    query: Q
    body: B

    @property
    def name(self) -> str:
        """What the path is about: `{name}`."""
        return self.names["name"]


Plain = Call[NoQuery, NoBody]
Handler = Callable[[Call[Any, Any]], Awaitable[StreamResponse]]


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API.

    Attributes:
        method: GET, POST, ...
        path: a pattern, without the version.
        handler: answers it.
        title: what it does, a line for the OpenAPI document.
        query: a struct of its parameters.
        body: a struct of its JSON body.
        example: the same, where the handler reads the body itself; None if there is none.
        since: the first version that has it.
        until: the last version that has it, None if there is no such.
        cancelled: it ends when the client goes away; all others are carried out then, too.
        takes: media type of a body that is a stream, "" if it has none.
        answer: media type of its answer, "" if it has no body.
        statuses: with which it answers when all is well.
    """

    method: str
    path: str
    handler: Handler
    title: str
    query: type[msgspec.Struct] = NoQuery
    body: type[msgspec.Struct] = NoBody
    example: type[msgspec.Struct] | None = None
    since: Version = LEAST
    cancelled: bool = False
    takes: str = ""
    answer: str = "application/json"
    statuses: tuple[int, ...] = (200,)


class Router:
    """Finds the route of a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._tables: dict[tuple[str, str], list[tuple[re.Pattern[str], Route]]] = {}
        for route in self.routes:
            key = (route.method, _first(route.path))
            self._tables.setdefault(key, []).append((_pattern(route.path), route))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The first route that fits, and what stands in place of its names; None without one."""
        for pattern, route in self._tables.get((method, _first(path)), ()):
            if found := pattern.fullmatch(path):
                return route, found.groupdict()
        return None


def _first(path: str) -> str:
    return path.lstrip("/").partition("/")[0]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)(?::(.*?))?\}", _group, path), re.DOTALL)


def _group(found: re.Match[str]) -> str:
    return f"(?P<{found[1]}>{'.+' if found[2] else '[^/]+'})"
