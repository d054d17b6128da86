"""Volumes: /volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from orlop.engine.volumes import VolumeFilter
from orlop.errors import InvalidArgument
from orlop.faces.api import answers
from orlop.faces.api.filters import Filters
from orlop.faces.api.rendering.volumes import volume_document
from orlop.faces.api.resources.containers.prune import PruneQuery
from orlop.faces.api.routes import Call, Plain, Route

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from orlop.engine.volumes import Volume
    from orlop.faces.api.bodies import NoBody
    from orlop.faces.api.queries import NoQuery

_ALL_FILTER = (1, 42)
_FORCE = (1, 25)


class ListQuery(msgspec.Struct, frozen=True):
    """The parameters of the list."""

    filters: Filters = Filters()


async def list_(call: Call[ListQuery, NoBody]) -> StreamResponse:
    """The volumes that somebody wants to see."""
    filters = call.query.filters.only("name", "driver", "label", "label!", "dangling")
    wanted = VolumeFilter(
        names=filters.get("name"),
        drivers=filters.get("driver"),
        dangling=filters.flag("dangling"),
    )
    rows = [
        volume_document(volume)
        for volume in call.engine.volumes.all(wanted)
        if filters.labels_fit(dict(volume.labels))
    ]
    return answers.json({"Volumes": rows, "Warnings": None})


class VolumeCreate(msgspec.Struct, frozen=True, rename="pascal"):
    """What is to be made."""

    name: str | None = None
    driver: str | None = None
    driver_opts: dict[str, str] | None = None
    labels: dict[str, str] | None = None


async def create(call: Call[NoQuery, VolumeCreate]) -> StreamResponse:
    """There is a volume of that name."""
    body = call.body
    volume = await call.engine.volumes.create(
        body.name or "",
        driver=body.driver or "",
        options=tuple(sorted((body.driver_opts or {}).items())),
        labels=tuple(sorted((body.labels or {}).items())),
    )
    return answers.json(volume_document(volume), 201)


async def inspect(call: Plain) -> StreamResponse:
    """All about a volume."""
    return answers.json(volume_document(call.engine.volumes.get(call.name)))


class RemoveQuery(msgspec.Struct, frozen=True):
    """The parameters of remove."""

    force: bool = False


async def remove(call: Call[RemoveQuery, NoBody]) -> StreamResponse:
    """It is gone."""
    force = call.query.force and call.version >= _FORCE
    await call.engine.volumes.remove(call.name, force=force)
    return answers.nothing()


async def prune(call: Call[PruneQuery, NoBody]) -> StreamResponse:
    """Volumes that no container has are gone: the anonymous ones, or all (all=true)."""
    filters = call.query.filters.only("label", "label!", "all")
    everything = bool(filters.flag("all")) or call.version < _ALL_FILTER

    def wanted(volume: Volume) -> bool:
        return filters.labels_fit(dict(volume.labels))

    done = await call.engine.volumes.prune(wanted, named=everything)
    return answers.json({"VolumesDeleted": list(done.names) or None, "SpaceReclaimed": done.bytes})


async def update(call: Plain) -> StreamResponse:
    """Is for volumes of a swarm only."""
    call.engine.volumes.get(call.name)
    raise InvalidArgument(
        "volume update is only valid for cluster volumes, but swarm is unavailable"
    )


ROUTES = (
    Route("GET", "/volumes", list_, "list volumes", ListQuery),
    Route("POST", "/volumes/create", create, "make a volume", body=VolumeCreate, statuses=(201,)),
    Route("POST", "/volumes/prune", prune, "remove volumes that nobody has", PruneQuery),
    Route("GET", "/volumes/{name}", inspect, "show a volume"),
    Route("PUT", "/volumes/{name}", update, "change a volume (of a swarm)", since=(1, 42)),
    Route(
        *("DELETE", "/volumes/{name}", remove, "remove a volume", RemoveQuery),
        answer="",
        statuses=(204,),
    ),
)
