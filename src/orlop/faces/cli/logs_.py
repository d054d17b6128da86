"""orlop logs: what a container has written."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.client.hijacked import STDERR, Frames
from orlop.errors import InvalidArgument
from orlop.faces.cli.moments import moment
from orlop.faces.cli.streams import write_all
from orlop.options import FLAG, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (
    Option(("--follow", "-f"), FLAG, "go on until the container ends"),
    Option(("--since",), TEXT, "from then on: a time, or 10m for ten minutes ago", "TIME"),
    Option(("--until",), TEXT, "up to then", "TIME"),
    Option(("--tail", "-n"), TEXT, "so many lines from the end, or all", "LINES"),
    Option(("--timestamps", "-t"), FLAG, "with the time of each line"),
    Option(("--details",), FLAG, "with what the log driver adds"),
)
EXAMPLE = """\
orlop logs --tail 20 -f web
orlop logs --since 10m -t web"""


def run(values: Values, _: Screen) -> int:
    """Copies it to standard output and standard error."""
    client = Client()
    query = query_of(values)
    found = client.get(f"/containers/{part(values.words[0])}/json")
    frames = None if found["Config"]["Tty"] else Frames()
    with client.open("GET", f"/containers/{found['Id']}/logs", query) as response:
        for data in response:
            if frames is None:
                write_all(1, data)
                continue
            for stream, piece in frames.feed(data):
                write_all(2 if stream == STDERR else 1, piece)
    return 0


def query_of(values: Values) -> dict[str, Any]:
    """What to ask for.

    Raises:
        InvalidArgument: a time or a number of lines is malformed.
    """
    tail = values.text("tail", "all")
    if tail != "all" and not (tail.isascii() and tail.removeprefix("-").isdigit()):
        raise InvalidArgument(f"--tail {tail!r} is neither a number nor all")
    return {
        "stdout": True,
        "stderr": True,
        "follow": values.flag("follow"),
        "timestamps": values.flag("timestamps"),
        "details": values.flag("details"),
        "tail": "all" if tail.startswith("-") else tail,
        "since": moment(values.text("since")) or None,
        "until": moment(values.text("until")) or None,
    }
