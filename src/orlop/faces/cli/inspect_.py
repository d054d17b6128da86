"""orlop inspect: everything that the engine knows of containers, images, networks and volumes."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.documents.found import CONTAINER, KINDS, kind_of
from orlop.faces.cli.documents.inspection import FORMAT, inspect
from orlop.options import FLAG, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] NAME..."
WORDS = (1, 100_000)
ANYWHERE = True
SIZE = Option(("--size", "-s"), FLAG, "of containers, the size of their files too")
OPTIONS = (
    FORMAT,
    SIZE,
    Option(("--type",), TEXT, "look for container, image, network or volume only", "TYPE"),
)
EXAMPLE = """\
orlop inspect web
orlop inspect -f '{{.State.Pid}}' web
orlop inspect -f '{{json .Mounts}}' web
orlop inspect --type volume data"""


def run(values: Values, screen: Screen) -> int:
    """Shows what there is of these names; a name is a container's first."""
    kinds = (kind_of(values.text("type")),) if values.text("type") else KINDS
    query: dict[str, object] = {"size": True} if values.flag("size") else {}
    if query and values.text("type"):
        query = query if kinds[0] is CONTAINER else {}
    form = values.text("format")
    return inspect(Client(), values.words, kinds, screen, form=form, query=query)
