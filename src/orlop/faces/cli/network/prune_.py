"""orlop network prune: networks that no container uses are gone."""

from __future__ import annotations

from orlop.faces.cli.pruning import FILTER, FORCE, NETWORKS, prune_one

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = (FORCE, FILTER)
EXAMPLE = "orlop network prune -f"


def run(values: Values, screen: Screen) -> int:
    """Removes them, if somebody agrees."""
    return prune_one(NETWORKS, values, screen, "all networks that no container uses")
