"""orlop container prune: containers that do not run are gone."""

from __future__ import annotations

from orlop.faces.cli.pruning import CONTAINERS, FILTER, FORCE, prune_one

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = (FORCE, FILTER)
EXAMPLE = "orlop container prune -f --filter until=24h"


def run(values: Values, screen: Screen) -> int:
    """Removes them, if somebody agrees."""
    return prune_one(CONTAINERS, values, screen, "all containers that do not run")
