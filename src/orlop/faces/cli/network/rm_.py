"""orlop network rm: networks are gone."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.errors import NotFound
from orlop.faces.cli import failed
from orlop.faces.cli.each import Call, call_each, each
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] NETWORK..."
WORDS = (1, 100000)
ANYWHERE = True
OPTIONS = (Option(("--force", "-f"), FLAG, "no error if there is none"),)
EXAMPLE = "orlop network rm backend"


def run(values: Values, screen: Screen) -> int:
    """Removes them all."""
    client = Client()
    if values.flag("force"):
        return each(values.words, lambda name: _forced(client, name), screen)
    return call_each(
        client, values.words, lambda name: Call("DELETE", f"/networks/{part(name)}", {}), screen
    )


def _forced(client: Client, name: str) -> str:
    try:
        client.delete(f"/networks/{part(name)}")
    except NotFound as error:
        failed(error, 0)
        return ""
    return name
