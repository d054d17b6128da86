"""One request from its path to its answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aiohttp.web_exceptions import HTTPException

from orlop.errors import InternalError, InvalidArgument, OrlopError
from orlop.faces.api import answers, bodies, failures, queries, versions
from orlop.faces.api.bodies import NoBody
from orlop.faces.api.connection import Broken, GivenAway, connection_of
from orlop.faces.api.routes import Call, Route, Router
from orlop.faces.api.table import ROUTES

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest
    from aiohttp.web_response import StreamResponse

    from orlop.engine.engine import Engine
    from orlop.faces.api.versions import Version

log = logging.getLogger("orlop.api")

_VERSIONED = re.compile(r"/v([0-9.]+)(/.*)", re.DOTALL)
_HEARS_OUT_S, _MOST_LEFT = 1.0, 256 << 10
_HEADERS = {
    "Api-Version": versions.text_of(versions.NEWEST),
    "Docker-Experimental": "false",
    "Ostype": "linux",
    "Server": f"Docker/{versions.ENGINE_VERSION} (orlop)",
}


class Api:
    """Answers requests for one engine; see `aiohttp.web.Server`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._router = Router(ROUTES)
        self._underway: set[asyncio.Task[StreamResponse]] = set()

    async def __call__(self, request: BaseRequest) -> StreamResponse:
        """The answer to a request; errors are answers too."""
        try:
            answer = await self._answer(request)
        except ConnectionError:
            raise  # the client has gone
        except Exception as error:  # noqa: BLE001 - the last resort: every client gets an answer
            answer = _failed(request, error)
            await _hear_out(request)
            if request.writer.output_size:  # of a stream: too late for an answer
                answer = Broken()
        if not isinstance(answer, GivenAway):
            connection_of(request).keep()
        if not answer.prepared:
            answer.headers.update(_HEADERS)
        return answer

    async def _answer(self, request: BaseRequest) -> StreamResponse:
        raw_path, _, query = request.raw_path.partition("?")
        version, path = _split(unquote(raw_path))
        found = self._router.find(request.method, path)
        if found is None or not _has(found[0], version):
            return answers.message("page not found", 404)
        route, names = found
        call: Call[Any, Any] = Call(
            self._engine,
            request,
            version,
            {name: _sound(name, value) for name, value in names.items()},
            queries.parse(route.query, query),
            NoBody() if route.body is NoBody else await bodies.read(request, route.body),
        )
        if route.cancelled:
            return await route.handler(call)
        return await self._whole(route, call)

    async def _whole(self, route: Route, call: Call[Any, Any]) -> StreamResponse:
        """Carries it out to its end, even if the client goes away in the meantime."""
        task = asyncio.ensure_future(route.handler(call))
        self._underway.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[StreamResponse]) -> None:
        self._underway.discard(task)
        if not task.cancelled():
            task.exception()  # it was seen, even if there is nobody to be told

    async def finish(self, within_s: float | None) -> None:
        """What is underway has ended, or was cancelled after so many seconds."""
        if not self._underway:
            return
        _, late = await asyncio.wait(self._underway, timeout=within_s)
        for task in late:
            task.cancel()


def _split(path: str) -> tuple[Version, str]:
    """The version and the rest of a path; without one it is the newest."""
    found = _VERSIONED.fullmatch(path)
    return (versions.parse(found[1]), found[2]) if found else (versions.NEWEST, path)


def _has(route: Route, version: Version) -> bool:
    return route.since <= version


def _sound(name: str, value: str) -> str:
    if "\0" in value:
        raise InvalidArgument(f"invalid {name}: NUL cannot be in it")
    return value


def _failed(request: BaseRequest, error: Exception) -> StreamResponse:
    match error:
        case OrlopError():
            return _refused(request, error)
        case HTTPException():  # of aiohttp itself: a request that cannot be read
            return answers.message(error.reason.lower(), error.status)
    return _bug(request, error)


async def _hear_out(request: BaseRequest) -> None:
    """What little may be left of the request's body is read, as Go's server does.

    Its clients complain of a broken pipe if the answer comes before they have said all.
    """
    size = 0
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_HEARS_OUT_S):
            while size < _MOST_LEFT and (data := await request.content.readany()):
                size += len(data)


def _bug(request: BaseRequest, error: Exception) -> StreamResponse:
    number = secrets.token_hex(4)
    where = (request.method, request.raw_path, number)
    log.error("%s %s: internal error %s", *where, exc_info=error)
    return answers.message(f"internal error {number}, see the engine's log", 500)


def _refused(request: BaseRequest, error: OrlopError) -> StreamResponse:
    status = failures.status_of(error)
    if isinstance(error, InternalError) or status == 500:
        log.error("%s %s: %s", request.method, request.raw_path, error)
    return answers.message(failures.message_of(error), status)
