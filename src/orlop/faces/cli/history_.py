"""orlop history: the layers of an image, and what made them."""

from __future__ import annotations

import time

from orlop.client import Client
from orlop.client.addresses import part
from orlop.faces.cli.output.formats import FORMAT, NO_TRUNC, QUIET, Defaults, chosen, show
from orlop.faces.cli.output.layers import LAYERS
from orlop.faces.cli.output.views import Shown
from orlop.options import FLAG, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] IMAGE"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (
    FORMAT,
    Option(("--human", "-H"), FLAG, "sizes and times in words; --human=false for exact ones"),
    NO_TRUNC,
    Option(("--platform",), TEXT, "of the image for this platform", "OS/ARCH"),
    QUIET,
)
EXAMPLE = """\
orlop history debian:12
orlop history --no-trunc --format '{{.CreatedBy}}' debian:12"""

_TABLE = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
_DEFAULTS = Defaults(_TABLE)
_EXACT = Defaults(_TABLE.replace("CreatedSince", "CreatedAt"))


def run(values: Values, screen: Screen) -> int:
    """Lists layers, the uppermost first."""
    human = values.flag("human") or not values.given("human")
    defaults = _DEFAULTS if human else _EXACT
    form = chosen(values.text("format"), defaults, quiet=values.flag("quiet"))
    query = {"platform": values.text("platform") or None}
    found = Client().get(f"/images/{part(values.words[0])}/history", query)
    show(screen, form, LAYERS, found, Shown(not values.flag("no-trunc"), time.time(), human))
    return 0
