"""orlop-runtime kill"""

from __future__ import annotations

from orlop.options import FLAG, Option
from orlop.runtime.lifecycle.kill import kill, parse_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "[--all] CONTAINER [SIGNAL]"
WORDS = (1, 2)
OPTIONS = (Option(("--all", "-a"), FLAG, "to all processes of the container"),)
EXAMPLE = "orlop-runtime kill web KILL"


def run(store: Store, values: Values, _: Log) -> int:
    """Sends a signal (default: TERM)."""
    container, *signal = values.words
    kill(
        store, container, parse_signal(signal[0] if signal else "TERM"), everyone=values.flag("all")
    )
    return 0
