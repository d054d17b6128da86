"""orlop network inspect: everything that the engine knows of networks."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.documents.found import NETWORK
from orlop.faces.cli.documents.inspection import FORMAT, inspect
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] NETWORK..."
WORDS = (1, 100_000)
ANYWHERE = True
OPTIONS = (FORMAT, Option(("--verbose", "-v"), FLAG, "more, where there is more"))
EXAMPLE = """\
orlop network inspect NAME
orlop network inspect -f '{{json .Containers}}' host"""


def run(values: Values, screen: Screen) -> int:
    """Shows what there is of these names."""
    query: dict[str, object] = {"verbose": True} if values.flag("verbose") else {}
    form = values.text("format")
    return inspect(Client(), values.words, (NETWORK,), screen, form=form, query=query)
