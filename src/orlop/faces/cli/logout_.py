"""orlop logout: credentials for a registry are forgotten."""

from __future__ import annotations

from orlop.client.credentials import DOCKER_HUB, Keeping, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[REGISTRY]"
WORDS = (0, 1)
ANYWHERE = True
OPTIONS = ()
EXAMPLE = "orlop logout registry.example"


def run(values: Values, screen: Screen) -> int:
    """Forgets them; it does not matter if there are none."""
    name = name_of(values.words[0] if values.words else "")
    shown = "docker.io" if name == DOCKER_HUB else name
    known = Keeping().forget(name)
    screen.line(f"logged out of {shown}" if known else f"there are no credentials for {shown}")
    return 0
