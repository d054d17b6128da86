"""orlop pull: an image from a registry."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli import JSON
from orlop.faces.cli.transfers import transfer
from orlop.options import FLAG, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] NAME[:TAG|@DIGEST]"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (
    Option(("--all-tags", "-a"), FLAG, "all images of the repository"),
    Option(("--platform",), TEXT, "of the image, if there are several", "OS/ARCH"),
    Option(("--quiet", "-q"), FLAG, "show only the name"),
    Option(("--disable-content-trust",), FLAG, "has no effect"),
    JSON.replace(help="show what the engine reports, as lines of JSON"),
)
EXAMPLE = """\
orlop pull debian:12
orlop pull --platform linux/arm64 registry.example/app"""


def run(values: Values, screen: Screen) -> int:
    """Pulls it, and shows how far that has come."""
    from orlop.faces.cli.registries import pull_image

    with transfer(screen, quiet=values.flag("quiet")) as show:
        name = pull_image(
            Client(),
            values.words[0],
            platform=values.text("platform"),
            all_tags=values.flag("all-tags"),
            show=show,
        )
    if not screen.as_json:
        screen.line(name)
    return 0
