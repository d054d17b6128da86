"""orlop ps: containers of the engine; with --machine or --ns whatever runs isolated."""

from __future__ import annotations

import time

from orlop.client import Client
from orlop.faces.cli import JSON
from orlop.faces.cli.output.containers import CONTAINERS
from orlop.faces.cli.output.formats import (
    FORMAT,
    NO_TRUNC,
    QUIET,
    Defaults,
    chosen,
    filter_option,
    filters_of,
    show,
)
from orlop.faces.cli.output.views import Shown
from orlop.options import FLAG, NUMBER, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.output.formats import Format
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
FILTERS = (
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
)
OPTIONS = (
    Option(("--all", "-a"), FLAG, "also those that do not run"),
    filter_option(FILTERS),
    FORMAT,
    Option(("--last", "-n"), NUMBER, "the last so many that were created, also if they have ended"),
    Option(("--latest", "-l"), FLAG, "the last one that was created"),
    NO_TRUNC,
    QUIET,
    Option(("--size", "-s"), FLAG, "show the size of their files"),
    Option(("--machine",), FLAG, "whatever runs isolated on this machine, whoever started it"),
    Option(("--ns",), FLAG, "of the same, the namespaces, and which of them are shared"),
    JSON.replace(help="with --machine or --ns: JSON; else the answer of the engine"),
)
EXAMPLE = """\
orlop ps
orlop ps -a --filter status=exited --filter label=job
orlop ps --format 'table {{.Names}}\\t{{.Status}}'
orlop ps --ns
orlop ps --machine -q | xargs orlop compare"""

_DEFAULTS = Defaults(
    table="{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    raw="""\
container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
""",
    setting="psFormat",
)
_SIZED = _DEFAULTS.replace(
    table=_DEFAULTS.table + "\t{{.Size}}",
    raw=_DEFAULTS.raw + "size: {{.Size}}\n",
)


def run(values: Values, screen: Screen) -> int:
    """Lists containers."""
    if values.flag("machine") or values.flag("ns"):
        from orlop.faces.cli.machine import show_machine

        return show_machine(values, screen)
    sized = values.flag("size")
    form = chosen(values.text("format"), _SIZED if sized else _DEFAULTS, quiet=values.flag("quiet"))
    found = Client().get("/containers/json", _query(values, form))
    if screen.as_json:
        screen.json(found)
        return 0
    show(screen, form, CONTAINERS, found, Shown(not values.flag("no-trunc"), time.time()))
    return 0


def _query(values: Values, form: Format) -> dict[str, object]:
    last = 1 if values.flag("latest") else values.number("last", -1)
    filters = filters_of(values)
    return {
        "all": True if values.flag("all") else None,
        "limit": last if last is not None and last > 0 else None,
        "size": True if values.flag("size") or form.uses("Size") else None,
        "filters": filters or None,
    }
