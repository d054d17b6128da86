"""orlop network ls: the networks of the engine."""

from __future__ import annotations

from orlop.client import Client
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
from orlop.faces.cli.output.named import NETWORKS
from orlop.faces.cli.output.text import natural
from orlop.faces.cli.output.views import Shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
FILTERS = ("dangling", "driver", "id", "label", "name", "scope", "type")
OPTIONS = (
    filter_option(FILTERS),
    FORMAT,
    NO_TRUNC,
    QUIET,
)
EXAMPLE = """\
orlop network ls
orlop network ls --filter driver=host --no-trunc"""

_DEFAULTS = Defaults(
    "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    raw="network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
    setting="networksFormat",
)


def run(values: Values, screen: Screen) -> int:
    """Lists networks."""
    form = chosen(values.text("format"), _DEFAULTS, quiet=values.flag("quiet"))
    answer = Client().get("/networks", {"filters": filters_of(values) or None})
    found = sorted(answer or (), key=lambda network: natural(network["Name"]))
    show(screen, form, NETWORKS, found, Shown(not values.flag("no-trunc")))
    return 0
