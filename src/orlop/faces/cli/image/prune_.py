"""orlop image prune: images that no container uses are gone."""

from __future__ import annotations

from orlop.faces.cli.pruning import FILTER, FORCE, IMAGES, prune_one
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
    if values.flag("all"):
        what = "all images that no container uses"
        return prune_one(IMAGES, values, screen, what, dangling=["false"])
    return prune_one(IMAGES, values, screen, "images without a name", dangling=["true"])
