"""orlop stop: containers end, by their stop signal or in the end by SIGKILL."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.faces.cli.each import Call, call_each
from orlop.options import NUMBER, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER..."
WORDS = (1, 100_000)
ANYWHERE = True
OPTIONS = (
    Option(("--signal", "-s"), TEXT, "what to send first, instead of its own", "SIGNAL"),
    Option(("--timeout", "--time", "-t"), NUMBER, "before SIGKILL; -1 waits", "SECONDS"),
)
EXAMPLE = """\
orlop stop web
orlop stop -t 0 web db"""


def run(values: Values, screen: Screen) -> int:
    """Stops them all at the same time."""
    return call_each(Client(), values.words, lambda name: stopping("stop", name, values), screen)


def stopping(verb: str, name: str, values: Values) -> Call:
    """The request of `stop` or `restart`."""
    query = {"signal": values.text("signal") or None, "t": values.number("timeout")}
    return Call("POST", f"/containers/{part(name)}/{verb}", query)
