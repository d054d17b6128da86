"""orlop container inspect: everything that the engine knows of containers."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.documents.found import CONTAINER
from orlop.faces.cli.documents.inspection import FORMAT, inspect
from orlop.faces.cli.inspect_ import SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER..."
WORDS = (1, 100_000)
ANYWHERE = True
OPTIONS = (FORMAT, SIZE)
EXAMPLE = """\
orlop container inspect NAME
orlop container inspect -s web"""


def run(values: Values, screen: Screen) -> int:
    """Shows what there is of these names."""
    query: dict[str, object] = {"size": True} if values.flag("size") else {}
    form = values.text("format")
    return inspect(Client(), values.words, (CONTAINER,), screen, form=form, query=query)
