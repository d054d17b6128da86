"""orlop export: all files of a container, as a tar archive."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.faces.cli.archives import write_archive
from orlop.options import TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (Option(("--output", "-o"), TEXT, "write there, not to standard output", "FILE"),)
EXAMPLE = """\
orlop export web >web.tar
orlop export -o web.tar web"""


def run(values: Values, _: Screen) -> int:
    """Writes it."""
    path = f"/containers/{part(values.words[0])}/export"
    with Client().open("GET", path) as response:
        write_archive(response, values.text("output"))
    return 0
