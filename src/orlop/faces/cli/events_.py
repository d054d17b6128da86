"""orlop events: what happens to containers, images, volumes and networks, as it happens."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.documents.text import one_line
from orlop.faces.cli.moments import moment
from orlop.faces.cli.output import ages
from orlop.faces.cli.output.formats import filter_option, filters_of, write
from orlop.options import TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

    Event = Mapping[str, Any]

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
FILTERS = ("container", "daemon", "event", "image", "label", "network", "scope", "type", "volume")
OPTIONS = (
    filter_option(FILTERS),
    Option(("--format",), TEXT, "json, or a template for each event", "TEXT"),
    Option(("--since",), TEXT, "begin with what happened then", "TIME"),
    Option(("--until",), TEXT, "end there", "TIME"),
)
EXAMPLE = """\
orlop events
orlop events --since 10m --until 0s
orlop events --filter type=container --filter event=die --format '{{.Actor.Attributes.name}}'"""

_BILLION = 1_000_000_000
_DIGITS = 9
_JSON = ("json", "{{json .}}")


def run(values: Values, screen: Screen) -> int:
    """Shows events until somebody interrupts it, or up to a point in time."""
    show = _shower(values.text("format"))
    query = {
        "since": moment(values.text("since")) or None,
        "until": moment(values.text("until")) or None,
        "filters": filters_of(values) or None,
    }
    for event in Client().stream("GET", "/events", query):
        write(screen, show(event) + "\n")
        screen.flush()
    return 0


def _shower(form: str) -> Callable[[Event], str]:
    if not form:
        return line_of
    if form in _JSON:
        return lambda event: one_line(_ordered(event))
    from orlop.faces.cli.documents import typed
    from orlop.faces.cli.template import parse

    template = parse(form)
    return lambda event: template.execute(typed("*events.Message", event))


def _ordered(event: Event) -> Event:
    """The event with its attributes sorted."""
    actor = event.get("Actor") or {}
    attributes = dict(sorted((actor.get("Attributes") or {}).items()))
    return {**event, "Actor": {**actor, "Attributes": attributes}}


def line_of(event: Event) -> str:
    """An event on one line: time, type, action, id, and the attributes."""
    at = int(event.get("timeNano") or int(event.get("time") or 0) * _BILLION)
    seconds, nanoseconds = divmod(at, _BILLION)
    when = ages.rfc3339(seconds, nanoseconds, digits=_DIGITS)
    actor = event.get("Actor") or {}
    attributes = ", ".join(
        f"{name}={value}" for name, value in sorted((actor.get("Attributes") or {}).items())
    )
    line = f"{when} {event.get('Type')} {event.get('Action')} {actor.get('ID')}"
    return f"{line} ({attributes})" if attributes else line
