"""orlop rename: another name for a container."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "CONTAINER NAME"
WORDS = (2, 2)
ANYWHERE = True
OPTIONS = ()
EXAMPLE = "orlop rename web old-web"


def run(values: Values, _: Screen) -> int:
    """Renames it."""
    container, name = values.words
    Client().post(f"/containers/{part(container)}/rename", query={"name": name})
    return 0
