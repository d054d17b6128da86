"""orlop rmi: images, or names of images, are gone."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.errors import NotFound
from orlop.faces.cli import failed
from orlop.faces.cli.each import each
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] IMAGE..."
WORDS = (1, 100000)
ANYWHERE = True
OPTIONS = (
    Option(("--force", "-f"), FLAG, "also with several names, or containers that have ended"),
    Option(("--no-prune",), FLAG, "leave its parents that have no name"),
)
EXAMPLE = """\
orlop rmi debian:12
orlop rmi $(orlop images -q --filter dangling=true)"""


def run(values: Values, screen: Screen) -> int:
    """Removes them one after the other, and shows what went."""
    client = Client()
    force = values.flag("force")
    query = {"force": force, "noprune": values.flag("no-prune")}

    def remove(image: str) -> str:
        try:
            answer = client.delete(f"/images/{part(image)}", query)
        except NotFound as error:
            if not force:
                raise
            failed(error, 0)
            return ""
        return "\n".join(f"{what}: {name}" for row in answer or () for what, name in row.items())

    return each(values.words, remove, screen)
