"""orlop load: the images of an archive that `save` has made."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.archives import read_archive
from orlop.faces.cli.transfers import show_all, transfer
from orlop.options import FLAG, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = (
    Option(("--input", "-i"), TEXT, "read this, not standard input", "FILE"),
    Option(("--platform",), TEXT, "of the images, if there are several", "OS/ARCH"),
    Option(("--quiet", "-q"), FLAG, "show only what was loaded"),
)
EXAMPLE = """\
orlop load <debian.tar.gz
orlop load -i both.tar"""


def run(values: Values, screen: Screen) -> int:
    """Loads it; it may be compressed."""
    query = {"quiet": values.flag("quiet"), "platform": values.text("platform") or None}
    with read_archive(values.text("input")) as archive, transfer(screen) as show:
        show_all(Client().stream("POST", "/images/load", query, body=archive), show)
    return 0
