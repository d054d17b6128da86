"""orlop top: the processes of a container, as ps(1) shows them."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.faces.cli.output.columns import WIDE, aligned
from orlop.faces.cli.output.formats import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "CONTAINER [PS-OPTIONS]"
WORDS = (1, 1000)
OPTIONS = ()
EXAMPLE = """\
orlop top web
orlop top web -eo pid,stat,comm"""


def run(values: Values, screen: Screen) -> int:
    """Lists processes."""
    name, *words = values.words
    found = Client().get(f"/containers/{part(name)}/top", {"ps_args": " ".join(words) or None})
    lines = [found["Titles"], *(found.get("Processes") or ())]
    write(screen, aligned("".join("\t".join(line) + "\n" for line in lines), least=WIDE))
    return 0
