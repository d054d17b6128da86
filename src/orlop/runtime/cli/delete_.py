"""orlop-runtime delete"""

from __future__ import annotations

from orlop.options import FLAG, Option
from orlop.runtime.lifecycle.delete import delete

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "[--force] CONTAINER"
WORDS = (1, 1)
OPTIONS = (Option(("--force", "-f"), FLAG, "kill it first if it runs; none of that name is fine"),)


def run(store: Store, values: Values, log: Log) -> int:
    """Removes a container."""
    for error in delete(store, values.words[0], force=values.flag("force")):
        log.warning(str(error))
    return 0
