"""Looking at one container: inspect, top, changes, stats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from orlop.faces.api import answers
from orlop.faces.api.rendering import containers as rendering
from orlop.faces.api.rendering.stats import stats_document
from orlop.faces.api.routes import Call, Plain, Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.web_response import StreamResponse

    from orlop.engine.stats import StatsSample
    from orlop.faces.api.bodies import NoBody

_ONE_SHOT = (1, 41)


class InspectQuery(msgspec.Struct, frozen=True):
    """The parameters of inspect."""

    size: bool = False


async def inspect(call: Call[InspectQuery, NoBody]) -> StreamResponse:
    """All about a container."""
    engine = call.engine
    container = engine.containers.get(call.name)
    size = await engine.containers.size(container.id) if call.query.size else None
    endpoints = engine.networks.endpoints(container)
    execs = engine.execs.of(container.id)
    return answers.json(rendering.details(container, engine.settings, endpoints, execs, size))


class TopQuery(msgspec.Struct, frozen=True):
    """The parameters of top."""

    ps_args: str = ""


async def top(call: Call[TopQuery, NoBody]) -> StreamResponse:
    """The processes of a container, as ps(1) lists them."""
    table = await call.engine.top.processes(call.name, call.query.ps_args)
    return answers.json({"Titles": list(table.titles), "Processes": [list(r) for r in table.rows]})


async def changes(call: Plain) -> StreamResponse:
    """What differs from the image; null for nothing."""
    found = await call.engine.archives.changes(call.name)
    rows = [{"Path": change.path, "Kind": change.kind} for change in found]
    return answers.json(rows or None)


class StatsQuery(msgspec.Struct, frozen=True):
    """The parameters of stats."""

    stream: bool = True
    one_shot: bool = msgspec.field(default=False, name="one-shot")


async def stats(call: Call[StatsQuery, NoBody]) -> StreamResponse:
    """What it uses: once, or every second until the client goes away."""
    service, query = call.engine.stats, call.query
    ref = call.engine.containers.get(call.name).id
    if not query.stream:
        one_shot = query.one_shot and call.version >= _ONE_SHOT
        return answers.json(stats_document(await service.read(ref, one_shot=one_shot)))
    answer = await answers.stream(call.request, answers.JSON)
    return await answers.pour(answer, _lines(service.stream(ref)))


async def _lines(samples: AsyncIterator[StatsSample]) -> AsyncIterator[bytes]:
    async for sample in samples:
        yield answers.encode(stats_document(sample)) + b"\n"


_ONE = "/containers/{name}"

ROUTES = (
    Route("GET", f"{_ONE}/json", inspect, "show a container", InspectQuery),
    Route("GET", f"{_ONE}/top", top, "list its processes", TopQuery),
    Route("GET", f"{_ONE}/changes", changes, "what it has changed in its files"),
    Route("GET", f"{_ONE}/stats", stats, "what it uses", StatsQuery, cancelled=True),
)
