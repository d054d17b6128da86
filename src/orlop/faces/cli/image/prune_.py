"""orlop image prune: images that no container uses are gone."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.pairs import filters_of
from orlop.faces.cli.pruning import FILTER, FORCE, IMAGES, agreed, prune, refused
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = (Option(("--all", "-a"), FLAG, "also those that have a name"), FORCE, FILTER)
EXAMPLE = "orlop image prune --all --filter until=168h"


def run(values: Values, screen: Screen) -> int:
    """Removes them, if somebody agrees."""
    every = values.flag("all")
    filters = filters_of(values) | {"dangling": ["false" if every else "true"]}
    what = "all images that no container uses" if every else "images without a name"
    if not agreed(values, what):
        return refused()
    return prune(Client(), [(IMAGES, filters)], screen)
