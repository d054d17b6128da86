"""orlop rm: containers and what they have written are gone."""

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

USAGE = "[OPTIONS] CONTAINER..."
WORDS = (1, 100_000)
ANYWHERE = True
OPTIONS = (
    Option(("--force", "-f"), FLAG, "also those that run; and no error if there is none"),
    Option(("--volumes", "-v"), FLAG, "with their volumes that have no name"),
    Option(("--link", "-l"), FLAG, "remove a link, and no container"),
)
EXAMPLE = """\
orlop rm web
orlop rm -fv $(orlop ps -aq)"""


def run(values: Values, screen: Screen) -> int:
    """Removes them all."""
    client = Client()
    query = {key: values.flag(key) for key in ("force", "link")} | {"v": values.flag("volumes")}
    if values.flag("force"):
        return each(values.words, lambda name: _forced(client, name, query), screen)
    return call_each(
        client,
        values.words,
        lambda name: Call("DELETE", f"/containers/{part(name)}", query),
        screen,
    )


def _forced(client: Client, name: str, query: dict[str, bool]) -> str:
    """By force, that there is none is said, but is no failure."""
    try:
        client.delete(f"/containers/{part(name)}", query)
    except NotFound as error:
        failed(error, 0)
        return ""
    return name
