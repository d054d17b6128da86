"""orlop-runtime events"""

from __future__ import annotations

import sys

from orlop import jsontext
from orlop.errors import InvalidArgument, WrongState
from orlop.runtime.cli.options import FLAG, TEXT, Option
from orlop.runtime.lifecycle.status import STOPPED, look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.cli.log import Log
    from orlop.runtime.cli.options import Values
    from orlop.runtime.lifecycle.status import Container
    from orlop.runtime.state import Store

USAGE = "[OPTIONS] CONTAINER"
WORDS = (1, 1)
OPTIONS = (
    Option(("--stats",), FLAG, "show the use of resources once"),
    Option(("--interval",), TEXT, "time between two readings, as 5s (default) or 500ms", "TIME"),
)


def run(store: Store, values: Values, _: Log) -> int:
    """Prints a line of JSON for each event, until the container ends."""
    found = look(store.open(values.words[0], lock=False))
    if found.status == STOPPED:
        raise WrongState("show events of", found.state.id, state=STOPPED, needs="running")
    if values.flag("stats"):
        _print(found, "stats")
        return 0
    _follow(found, _seconds(values.text("interval", "5s")))
    return 0
