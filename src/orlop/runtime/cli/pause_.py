"""orlop-runtime pause"""

from __future__ import annotations

from orlop.runtime.lifecycle.kill import pause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Option, Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "CONTAINER"
WORDS = (1, 1)
OPTIONS: tuple[Option, ...] = ()


def run(store: Store, values: Values, _: Log) -> int:
    """Does it."""
    pause(store, values.words[0])
    return 0
