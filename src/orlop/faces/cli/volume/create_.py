"""orlop volume create: a volume, under a name or one that is made up."""

from __future__ import annotations

from orlop.client import Client
from orlop.errors import InvalidArgument
from orlop.faces.cli.pairs import labels_of, pairs_of
from orlop.options import LIST, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] [NAME]"
WORDS = (0, 1)
ANYWHERE = True
OPTIONS = (
    Option(("--driver", "-d"), TEXT, "who keeps it (local)", "NAME"),
    Option(("--label",), LIST, "a label", "NAME[=VALUE]"),
    Option(("--name",), TEXT, "the name, as Docker once had it", "NAME"),
    Option(("--opt", "-o"), LIST, "for the driver", "NAME=VALUE"),
)
EXAMPLE = """\
orlop volume create data
orlop volume create -o type=tmpfs -o device=tmpfs -o o=size=64m scratch"""


def run(values: Values, screen: Screen) -> int:
    """Makes it, and prints its name."""
    if values.words and values.given("name"):
        raise InvalidArgument("the name is given twice")
    body = {
        "Name": values.words[0] if values.words else values.text("name"),
        "Driver": values.text("driver", "local"),
        "DriverOpts": pairs_of(values, "opt"),
        "Labels": labels_of(values),
    }
    screen.line(Client().post("/volumes/create", body)["Name"])
    return 0
