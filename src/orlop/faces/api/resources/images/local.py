"""Images that are here: list, inspect, history, tag, remove, prune, commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from orlop.engine.images import ImageFilter
from orlop.errors import InvalidArgument
from orlop.faces.api import answers
from orlop.faces.api.filters import Filters
from orlop.faces.api.rendering import images as rendering
from orlop.faces.api.rendering.times import moment
from orlop.faces.api.resources.containers.prune import PruneQuery
from orlop.faces.api.routes import Call, Plain, Route

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from orlop.faces.api.bodies import NoBody

_LABELS = ("label", "label!")


class ListQuery(msgspec.Struct, frozen=True):
    """The parameters of the list."""

    all: bool = False
    filters: Filters = Filters()
    filter: str = ""
    digests: bool = False
    shared_size: bool = msgspec.field(default=False, name="shared-size")
    manifests: bool = False


async def list_(call: Call[ListQuery, NoBody]) -> StreamResponse:
    """The images that somebody wants to see, the newest first."""
    query = call.query
    filters = query.filters.only("reference", "dangling", "before", "since", "until", *_LABELS)
    wanted = wanted_of(filters).replace(all=query.all)
    if query.filter:  # of old clients: a name
        wanted = wanted.replace(references=(*wanted.references, query.filter))
    found = call.engine.images.list(wanted, shared_size=query.shared_size)
    rows = [rendering.summary(i, call.version, manifests=query.manifests) for i in found]
    return answers.json(rows)


def wanted_of(filters: Filters) -> ImageFilter:
    """Which images fit the filters.

    Raises:
        InvalidArgument: a value makes no sense.
    """
    until = [moment("until", text) for text in filters.get("until")]
    return ImageFilter(
        references=filters.get("reference"),
        dangling=filters.flag("dangling"),
        labels=filters.get("label"),
        without_labels=filters.get("label!"),
        before=next(iter(filters.get("before")), ""),
        since=next(iter(filters.get("since")), ""),
        until_ns=min(until, default=0),
    )


class InspectQuery(msgspec.Struct, frozen=True):
    """The parameters of inspect."""

    manifests: bool = False


async def inspect(call: Call[InspectQuery, NoBody]) -> StreamResponse:
    """All about an image."""
    return answers.json(rendering.details(call.engine.images.inspect(call.name), call.version))


async def history(call: Plain) -> StreamResponse:
    """How it was made."""
    return answers.json(rendering.history(call.engine.images.history(call.name)))


class TagQuery(msgspec.Struct, frozen=True):
    """The parameters of tag."""

    repo: str = ""
    tag: str = ""


async def tag(call: Call[TagQuery, NoBody]) -> StreamResponse:
    """It has one more name."""
    await call.engine.images.tag(call.name, name_of(call.query.repo, call.query.tag))
    return answers.nothing(201)


def name_of(repo: str, tag: str) -> str:
    """REPO[:TAG].

    Raises:
        InvalidArgument: there is no repository.
    """
    if not repo:
        raise InvalidArgument("invalid reference: the repository is missing")
    return f"{repo}:{tag}" if tag else repo


class RemoveQuery(msgspec.Struct, frozen=True):
    """The parameters of remove."""

    force: bool = False
    noprune: bool = False


async def remove(call: Call[RemoveQuery, NoBody]) -> StreamResponse:
    """A name is gone, and with the last one the image."""
    query = call.query
    done = await call.engine.images.remove(call.name, force=query.force, prune=not query.noprune)
    return answers.json(rendering.removed(done))


async def prune(call: Call[PruneQuery, NoBody]) -> StreamResponse:
    """Images that no container has are gone: those without a name, or all (dangling=false)."""
    filters = call.query.filters.only("dangling", "until", *_LABELS)
    wanted = wanted_of(filters)
    if wanted.dangling is None:
        wanted = wanted.replace(dangling=True)
    done = await call.engine.images.prune(wanted)
    rows = rendering.removed(done)
    return answers.json({"ImagesDeleted": rows or None, "SpaceReclaimed": done.bytes})


_ONE = "/images/{name:.*}"

ROUTES = (
    Route("GET", "/images/json", list_, "list images", ListQuery),
    Route("POST", "/images/prune", prune, "remove images that nobody needs", PruneQuery),
    Route("GET", f"{_ONE}/json", inspect, "show an image", InspectQuery),
    Route("GET", f"{_ONE}/history", history, "how it was made"),
    Route("POST", f"{_ONE}/tag", tag, "name it", TagQuery, answer="", statuses=(201,)),
    Route("DELETE", _ONE, remove, "remove an image", RemoveQuery),
)
