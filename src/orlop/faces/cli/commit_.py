"""orlop commit: an image of what a container has written."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.tag_ import split_name
from orlop.options import FLAG, LIST, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER [NAME[:TAG]]"
WORDS = (1, 2)
ANYWHERE = True
OPTIONS = (
    Option(("--author", "-a"), TEXT, "who has made it", "NAME"),
    Option(("--change", "-c"), LIST, "an instruction, as 'CMD sh'", "INSTRUCTION"),
    Option(("--message", "-m"), TEXT, "a comment", "TEXT"),
    Option(("--pause", "-p"), FLAG, "freeze the container meanwhile (default true)"),
)
EXAMPLE = """\
orlop commit web web:patched
orlop commit -c 'CMD nginx' -m 'with nginx' web"""


def run(values: Values, screen: Screen) -> int:
    """Makes it, and prints its id."""
    container, *name = values.words
    query = {
        "container": container,
        "author": values.text("author") or None,
        "comment": values.text("message") or None,
        "changes": values.list("change"),
        "pause": values.flag("pause") or not values.given("pause"),
        **(split_name(name[0]) if name else {}),
    }
    screen.line(Client().post("/commit", {}, query)["Id"])
    return 0
