"""orlop network disconnect: a container is out of a network."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] NETWORK CONTAINER"
WORDS = (2, 2)
ANYWHERE = True
OPTIONS = (Option(("--force", "-f"), FLAG, "also if the container is gone"),)
EXAMPLE = "orlop network disconnect backend postgres"


def run(values: Values, _: Screen) -> int:
    """Disconnects it."""
    network, container = values.words
    body = {"Container": container, "Force": values.flag("force")}
    Client().post(f"/networks/{part(network)}/disconnect", body)
    return 0
