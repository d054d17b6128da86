"""orlop image bootstrap: an image of a Debian release, made by debootstrap."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli import JSON
from orlop.faces.cli.transfers import show_all, transfer
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] NAME:RELEASE"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (
    Option(("--quiet", "-q"), FLAG, "show only the name"),
    JSON.replace(help="show what the engine reports, as lines of JSON"),
)
EXAMPLE = """\
orlop image bootstrap debian:bookworm
orlop run --rm -it debian:bookworm bash"""


def run(values: Values, screen: Screen) -> int:
    """Makes it, without a registry; the engine's machine needs debootstrap and Debian's mirror."""
    with transfer(screen, quiet=values.flag("quiet")) as show:
        messages = Client().stream("POST", "/images/bootstrap", {"ref": values.words[0]})
        show_all(messages, show)
    if not screen.as_json:
        screen.line(values.words[0])
    return 0
