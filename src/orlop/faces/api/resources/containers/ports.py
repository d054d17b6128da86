"""Ports of containers that are published or taken back while they run; Docker has no such paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from orlop.errors import InvalidArgument
from orlop.faces.api import answers
from orlop.faces.api.routes import Call, Route
from orlop.intent.forms.network import published

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from orlop.faces.api.queries import NoQuery
    from orlop.intent.request import Port


class PublishedPorts(msgspec.Struct, frozen=True, rename="pascal"):
    """Ports in the form of --publish, as "8080:80" or "127.0.0.1:53:53/udp"."""

    ports: list[str] | None = None


def _ports(body: PublishedPorts) -> tuple[Port, ...]:
    if not body.ports:
        raise InvalidArgument("there are no Ports")
    found: list[Port] = []
    for text in body.ports:
        try:
            found += published(text)
        except InvalidArgument as bad:
            raise InvalidArgument(f"Ports: {text!r:.80} {bad.message}", hint=bad.hint) from None
    return tuple(found)


async def add(call: Call[NoQuery, PublishedPorts]) -> StreamResponse:
    """They are published, at once if the container runs."""
    await call.engine.containers.publish(call.name, _ports(call.body))
    return answers.nothing()


async def remove(call: Call[NoQuery, PublishedPorts]) -> StreamResponse:
    """They are not published any more; connections that were made go on."""
    await call.engine.containers.unpublish(call.name, _ports(call.body))
    return answers.nothing()


_ONE = "/containers/{name}/ports"

ROUTES = (
    Route(
        *("POST", f"{_ONE}/add", add, "publish ports of a container"),
        body=PublishedPorts,
        answer="",
        statuses=(204,),
    ),
    Route(
        *("POST", f"{_ONE}/remove", remove, "take published ports back"),
        body=PublishedPorts,
        answer="",
        statuses=(204,),
    ),
)
