"""orlop image inspect: everything that the engine knows of images."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.documents.found import IMAGE
from orlop.faces.cli.documents.inspection import FORMAT, inspect
from orlop.options import TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] IMAGE..."
WORDS = (1, 100_000)
ANYWHERE = True
OPTIONS = (
    FORMAT,
    Option(("--platform",), TEXT, "the image for this platform", "OS/ARCH"),
)
EXAMPLE = """\
orlop image inspect NAME
orlop image inspect -f '{{.RootFS.Layers}}' debian:12"""


def run(values: Values, screen: Screen) -> int:
    """Shows what there is of these names."""
    platform, form = values.text("platform"), values.text("format")
    query: dict[str, object] = {"platform": platform} if platform else {}
    return inspect(Client(), values.words, (IMAGE,), screen, form=form, query=query)
