"""orlop volume ls: the volumes of the engine."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.notes import warn
from orlop.faces.cli.output.formats import (
    FORMAT,
    QUIET,
    Defaults,
    chosen,
    filter_option,
    filters_of,
    show,
)
from orlop.faces.cli.output.named import VOLUMES
from orlop.faces.cli.output.text import natural
from orlop.faces.cli.output.views import Shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
FILTERS = ("dangling", "driver", "label", "name")
OPTIONS = (
    filter_option(FILTERS),
    FORMAT,
    QUIET.replace(help="names only"),
)
EXAMPLE = """\
orlop volume ls
orlop volume ls -q --filter dangling=true"""

_DEFAULTS = Defaults(
    "{{.Driver}}\t{{.Name}}", "{{.Name}}", "name: {{.Name}}\ndriver: {{.Driver}}\n", "volumesFormat"
)


def run(values: Values, screen: Screen) -> int:
    """Lists volumes."""
    form = chosen(values.text("format"), _DEFAULTS, quiet=values.flag("quiet"))
    answer = Client().get("/volumes", {"filters": filters_of(values) or None})
    found = sorted(answer.get("Volumes") or (), key=lambda volume: natural(volume["Name"]))
    show(screen, form, VOLUMES, found, Shown())
    for warning in answer.get("Warnings") or ():
        warn(warning)
    return 0
