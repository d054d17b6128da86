"""Removing all containers that do not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from orlop.faces.api import answers
from orlop.faces.api.filters import Filters
from orlop.faces.api.rendering.times import moment
from orlop.faces.api.routes import Call, Route

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from orlop.engine.container import Container
    from orlop.faces.api.bodies import NoBody


class PruneQuery(msgspec.Struct, frozen=True):
    """The parameters of all kinds of prune."""

    filters: Filters = Filters()


async def prune(call: Call[PruneQuery, NoBody]) -> StreamResponse:
    """All containers that do not run are gone, but those that the filters spare."""
    filters = call.query.filters.only("label", "label!", "until")
    until = [moment("until", text) for text in filters.get("until")]

    def keep(container: Container) -> bool:
        late = any(container.created_ns > limit for limit in until)
        return late or not filters.labels_fit(dict(container.request.labels))

    done = await call.engine.containers.prune(keep)
    return answers.json({"ContainersDeleted": list(done.ids) or None, "SpaceReclaimed": done.bytes})


ROUTES = (
    Route("POST", "/containers/prune", prune, "remove containers that do not run", PruneQuery),
)
