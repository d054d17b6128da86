"""orlop restart: containers end and begin anew."""

from __future__ import annotations

from orlop.faces.cli import stop_
from orlop.faces.cli.each import post_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER..."
WORDS = (1, 100_000)
ANYWHERE = True
OPTIONS = stop_.OPTIONS
EXAMPLE = "orlop restart web"


def run(values: Values, screen: Screen) -> int:
    """Restarts them all at the same time."""
    return post_each("restart", values, screen, stop_.ending_of(values))
