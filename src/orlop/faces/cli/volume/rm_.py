"""orlop volume rm: volumes and what is in them are gone."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.faces.cli.each import Call, call_each
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] VOLUME..."
WORDS = (1, 100000)
ANYWHERE = True
OPTIONS = (Option(("--force", "-f"), FLAG, "no error if there is none"),)
EXAMPLE = "orlop volume rm data"


def run(values: Values, screen: Screen) -> int:
    """Removes them all."""
    query = {"force": values.flag("force")}
    return call_each(
        Client(), values.words, lambda name: Call("DELETE", f"/volumes/{part(name)}", query), screen
    )
