"""What happens: /events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from orlop.faces.api import answers
from orlop.faces.api.filters import Filters
from orlop.faces.api.rendering.times import moment
from orlop.faces.api.routes import Call, Route

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from orlop.engine.events import Event
    from orlop.faces.api.bodies import NoBody

_OBJECTS = ("container", "image", "volume", "network", "daemon", "plugin")
_SWARMS = ("service", "node", "secret", "config")
_SECOND = 1_000_000_000


class EventsQuery(msgspec.Struct, frozen=True):
    """The parameters of events."""

    since: str = ""
    until: str = ""
    filters: Filters = Filters()


async def events(call: Call[EventsQuery, NoBody]) -> StreamResponse:
    """What has happened since, and what happens until then; a line each."""
    query = call.query
    filters = query.filters.only("event", "type", "label", "scope", *_OBJECTS, *_SWARMS)
    since, until = moment("since", query.since), moment("until", query.until)
    past = since if query.since or until else None

    def keep(event: Event) -> bool:
        return fits(filters, event)

    async with call.engine.events.subscribe(past, until or None, keep) as subscription:
        answer = await answers.stream(call.request, answers.JSON)
        async for event in subscription:
            await answer.write(answers.encode(document(event)) + b"\n")
    return answer


def document(event: Event) -> dict[str, Any]:
    """An event, with the members of Docker's first versions beside those of today."""
    legacy: dict[str, Any] = {}
    if event.type in ("container", "image"):
        legacy = {"status": event.action, "id": event.id}
        if event.type == "container":
            legacy["from"] = event.attribute("image")
    return legacy | {
        "Type": event.type,
        "Action": event.action,
        "Actor": {"ID": event.id, "Attributes": dict(event.attributes)},
        "scope": event.scope,
        "time": event.at_ns // _SECOND,
        "timeNano": event.at_ns,
    }


def fits(filters: Filters, event: Event) -> bool:
    """Whether somebody wants an event: of each filter one value fits."""
    return (
        filters.fits("type", (event.type,))
        and filters.fits("scope", (event.scope,))
        and filters.fits("event", (event.action, event.action.partition(":")[0]))
        and filters.labels_fit(dict(event.attributes))
        and _is_about(filters, event)
    )


def _is_about(filters: Filters, event: Event) -> bool:
    """Whether it is about one of the objects that are named, by id, a beginning of it, or name."""
    named = [name for name in (*_OBJECTS, *_SWARMS) if name in filters]
    if not named:
        return True
    return any(_names(filters.get(name), name, event) for name in named)


def _names(values: tuple[str, ...], kind: str, event: Event) -> bool:
    if kind == "image" and event.type == "container":
        return any(_is_image(event.attribute("image"), value) for value in values)
    if kind != event.type:
        return False
    own = event.attribute("name")
    return any(
        value in (own, event.id) or event.id.startswith(value) or _is_image(own, value)
        for value in values
        if value
    )


def _is_image(ref: str, value: str) -> bool:
    """Whether this is the image, or a tag of the repository, that is named."""
    return ref == value or ref.partition(":")[0] == value


ROUTES = (
    Route("GET", "/events", events, "what happens, as it happens", EventsQuery, cancelled=True),
)
