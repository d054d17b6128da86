"""orlop unpause: frozen containers go on."""

from __future__ import annotations

from orlop.faces.cli.each import post_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "CONTAINER..."
WORDS = (1, 100_000)
ANYWHERE = True
OPTIONS = ()
EXAMPLE = "orlop unpause web"


def run(values: Values, screen: Screen) -> int:
    """Lets them go on."""
    return post_each("unpause", values, screen)
