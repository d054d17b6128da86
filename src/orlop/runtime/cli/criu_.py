"""orlop-runtime checkpoint and restore, which are still to come."""

from __future__ import annotations

from orlop.errors import Unsupported
from orlop.options import FLAG, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "[OPTIONS] CONTAINER"
WORDS = (0, 1 << 16)
OPTIONS = (
    Option(("--image-path",), TEXT, "not supported yet", "DIR"),
    Option(("--work-path",), TEXT, "not supported yet", "DIR"),
    Option(("--leave-running",), FLAG, "not supported yet"),
    Option(("--tcp-established",), FLAG, "not supported yet"),
    Option(("--detach", "-d"), FLAG, "not supported yet"),
    Option(("--bundle", "-b"), TEXT, "not supported yet", "DIR"),
)


def run(_: Store, __: Values, ___: Log) -> int:
    """Says that it cannot be done.

    Raises:
        Unsupported: always.
    """
    raise Unsupported("checkpoint and restore", needs="CRIU, which orlop does not use yet")
