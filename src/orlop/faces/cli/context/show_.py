"""orlop context show: the name of the engine in use."""

from __future__ import annotations

from orlop.client.selection import current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = ""
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = ()
EXAMPLE = "orlop context show"


def run(_: Values, screen: Screen) -> int:
    """Prints it."""
    screen.line(current() or "-")
    return 0
