"""orlop push: an image for a registry."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli import JSON
from orlop.faces.cli.transfers import transfer
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] NAME[:TAG]"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (
    Option(("--all-tags", "-a"), FLAG, "all images of the repository"),
    Option(("--quiet", "-q"), FLAG, "show only the name"),
    Option(("--disable-content-trust",), FLAG, "has no effect"),
    JSON.replace(help="show what the engine reports, as lines of JSON"),
)
EXAMPLE = "orlop push registry.example/base:1"


def run(values: Values, screen: Screen) -> int:
    """Pushes it, and shows how far that has come."""
    from orlop.faces.cli.registries import push_image

    with transfer(screen, quiet=values.flag("quiet")) as show:
        name = push_image(Client(), values.words[0], all_tags=values.flag("all-tags"), show=show)
    if values.flag("quiet"):
        screen.line(name)
    return 0
