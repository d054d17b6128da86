"""orlop import: an image whose only layer is a tar archive of files."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.archives import read_archive
from orlop.faces.cli.tag_ import split_name
from orlop.faces.cli.transfers import show_all
from orlop.options import LIST, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] FILE|- [NAME[:TAG]]"
WORDS = (1, 2)
ANYWHERE = True
OPTIONS = (
    Option(("--change", "-c"), LIST, "an instruction, as 'CMD sh'", "INSTRUCTION"),
    Option(("--message", "-m"), TEXT, "a comment", "TEXT"),
    Option(("--platform",), TEXT, "which it is for", "OS/ARCH"),
)
EXAMPLE = """\
tar -C root -c . | orlop import - base:1
orlop import -c 'CMD sh' root.tar.gz base:2"""


def run(values: Values, screen: Screen) -> int:
    """Imports it, and prints its id; it may be compressed."""
    source, *name = values.words
    query = {
        "fromSrc": "-",
        "changes": values.list("change"),
        "message": values.text("message") or None,
        "platform": values.text("platform") or None,
        **(split_name(name[0]) if name else {}),
    }
    last: list[str] = []
    with read_archive("" if source == "-" else source) as archive:
        messages = Client().stream("POST", "/images/create", query, body=archive)
        show_all(messages, lambda message: last.append(str(message.get("status", ""))))
    screen.line(last[-1] if last else "")
    return 0
