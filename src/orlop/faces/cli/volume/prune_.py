"""orlop volume prune: volumes that no container uses are gone."""

from __future__ import annotations

from orlop.faces.cli.pruning import FILTER, FORCE, VOLUMES, prune_one
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = (Option(("--all", "-a"), FLAG, "also those that have a name"), FORCE, FILTER)
EXAMPLE = "orlop volume prune --all"


def run(values: Values, screen: Screen) -> int:
    """Removes them, if somebody agrees."""
    if values.flag("all"):
        what = "all volumes that no container uses"
        return prune_one(VOLUMES, values, screen, what, all=["true"])
    what = "volumes without a name that no container uses"
    return prune_one(VOLUMES, values, screen, what)
