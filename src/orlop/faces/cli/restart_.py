"""orlop restart: containers end and begin anew."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli import stop_
from orlop.faces.cli.each import call_each
from orlop.faces.cli.stop_ import stopping

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
    return call_each(Client(), values.words, lambda name: stopping("restart", name, values), screen)
