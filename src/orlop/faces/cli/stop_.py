"""orlop stop: containers end, by their stop signal or in the end by SIGKILL."""

from __future__ import annotations

from orlop.faces.cli.each import post_each
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
    return post_each("stop", values, screen, ending_of(values))


def ending_of(values: Values) -> dict[str, object]:
    """How containers are to end, for `stop` and `restart`."""
    return {"signal": values.text("signal") or None, "t": values.number("timeout")}
