"""orlop save: images as a tar archive, for `load`."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.archives import write_archive
from orlop.options import TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] IMAGE..."
WORDS = (1, 100000)
ANYWHERE = True
OPTIONS = (
    Option(("--output", "-o"), TEXT, "write there, not to standard output", "FILE"),
    Option(("--platform",), TEXT, "of the images, if there are several", "OS/ARCH"),
)
EXAMPLE = """\
orlop save debian:12 | gzip >debian.tar.gz
orlop save -o both.tar debian:12 web"""


def run(values: Values, _: Screen) -> int:
    """Writes it."""
    query = {"names": values.words, "platform": values.text("platform") or None}
    with Client().open("GET", "/images/get", query) as response:
        write_archive(response, values.text("output"))
    return 0
