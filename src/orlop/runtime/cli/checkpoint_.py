"""orlop-runtime checkpoint"""

from __future__ import annotations

from orlop.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.cli.log import Log
    from orlop.runtime.cli.options import Option, Values
    from orlop.runtime.state import Store

USAGE = "CONTAINER"
WORDS = (0, 1000)
OPTIONS: tuple[Option, ...] = ()


def run(_: Store, __: Values, ___: Log) -> int:
    """Says that it cannot be done."""
    raise Unsupported("checkpoint", needs="CRIU, which orlop does not use yet")
