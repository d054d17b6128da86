"""Everything that is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.faces.api import answers, openapi
from orlop.faces.api.resources import (
    absent,
    containers,
    events,
    exec_,
    images,
    insight,
    networks,
    ping,
    system,
    volumes,
)
from orlop.faces.api.routes import Plain, Route

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse


async def _openapi(call: Plain) -> StreamResponse:
    """The document of all this."""
    return answers.json(openapi.document(ROUTES))


ROUTES = (
    *ping.ROUTES,
    *containers.ROUTES,
    *exec_.ROUTES,
    *images.ROUTES,
    *volumes.ROUTES,
    *networks.ROUTES,
    *events.ROUTES,
    *system.ROUTES,
    *insight.ROUTES,
    *absent.ROUTES,
    Route("GET", "/openapi.json", _openapi, "this document"),
)
