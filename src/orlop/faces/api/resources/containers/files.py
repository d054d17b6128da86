"""A container's files: archive (cp), export."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec

from orlop.errors import InvalidArgument
from orlop.faces.api import answers
from orlop.faces.api.rendering.times import stamp
from orlop.faces.api.routes import Call, Plain, Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.web_response import StreamResponse

    from orlop.engine.archives import PathStat
    from orlop.faces.api.bodies import NoBody

_STAT_HEADER = "X-Docker-Container-Path-Stat"


class PathQuery(msgspec.Struct, frozen=True):
    """The parameters of HEAD and GET."""

    path: str = ""


class PutQuery(msgspec.Struct, frozen=True):
    """The parameters of PUT."""

    path: str = ""
    no_overwrite: bool = msgspec.field(default=False, name="noOverwriteDirNonDir")
    copy_owner: bool = msgspec.field(default=False, name="copyUIDGID")


def stat_header(found: PathStat) -> dict[str, str]:
    """What a path is, in the header where `docker cp` looks for it."""
    document = {
        "name": found.name,
        "size": found.size,
        "mode": found.mode,
        "mtime": stamp(found.mtime_ns),
        "linkTarget": found.link_target,
    }
    return {_STAT_HEADER: base64.b64encode(answers.encode(document)).decode()}


def _path(text: str) -> str:
    if not text:
        raise InvalidArgument("bad parameter: path cannot be empty")
    return text


async def look(call: Call[PathQuery, NoBody]) -> StreamResponse:
    """What a path in a container is."""
    found = await call.engine.archives.stat(call.name, _path(call.query.path))
    answer = answers.nothing(200)
    answer.headers.update(stat_header(found))
    return answer


async def get(call: Call[PathQuery, NoBody]) -> StreamResponse:
    """A path in a container, with all below it, as a tar archive."""
    found, archive = await call.engine.archives.get(call.name, _path(call.query.path))
    return await send(call.request, archive, stat_header(found))


async def send(
    request: Any, parts: AsyncIterator[bytes], headers: dict[str, str] | None = None
) -> StreamResponse:
    """An archive, as it comes; what goes wrong before its first byte is an ordinary error."""
    first = await anext(parts, b"")
    answer = await answers.stream(request, answers.TAR, headers)
    await answer.write(first)
    return await answers.pour(answer, parts)


async def put(call: Call[PutQuery, NoBody]) -> StreamResponse:
    """A tar archive is unpacked into a directory of a container."""
    query = call.query
    await call.engine.archives.put(
        call.name,
        _path(query.path),
        call.request.content.iter_any(),
        keep_kinds=query.no_overwrite,
        own=query.copy_owner,
    )
    return answers.nothing(200)


async def export(call: Plain) -> StreamResponse:
    """All files of a container, as a tar archive."""
    return await send(call.request, await call.engine.archives.export(call.name))


_ARCHIVE = "/containers/{name}/archive"

ROUTES = (
    Route("HEAD", _ARCHIVE, look, "what a path is", PathQuery, answer=""),
    Route(
        *("GET", _ARCHIVE, get, "copy files out of a container", PathQuery),
        answer=answers.TAR,
        cancelled=True,
    ),
    Route(
        *("PUT", _ARCHIVE, put, "copy files into a container", PutQuery),
        answer="",
        cancelled=True,
        takes=answers.TAR,
    ),
    Route(
        *("GET", "/containers/{name}/export", export, "all its files as an archive"),
        answer=answers.TAR,
        cancelled=True,
    ),
)
