"""orlop kill: a signal for containers."""

from __future__ import annotations

from orlop.faces.cli.each import post_each
from orlop.options import TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER..."
WORDS = (1, 100_000)
ANYWHERE = True
OPTIONS = (Option(("--signal", "-s"), TEXT, "which one (KILL)", "SIGNAL"),)
EXAMPLE = """\
orlop kill web
orlop kill -s HUP web"""


def run(values: Values, screen: Screen) -> int:
    """Sends it to the first processes of all of them."""
    return post_each("kill", values, screen, {"signal": values.text("signal", "KILL")})
