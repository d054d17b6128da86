"""orlop pause: all processes of containers are frozen."""

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
EXAMPLE = "orlop pause web"


def run(values: Values, screen: Screen) -> int:
    """Freezes them."""
    return post_each("pause", values, screen)
