"""orlop-runtime create"""

from __future__ import annotations

from orlop.runtime.cli.common import CREATE_OPTIONS, choices_of
from orlop.runtime.lifecycle.create import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "[OPTIONS] CONTAINER"
WORDS = (1, 1)
OPTIONS = CREATE_OPTIONS
EXAMPLE = "orlop-runtime create --bundle ./web --pid-file web.pid web"


def run(store: Store, values: Values, log: Log) -> int:
    """Makes a container."""
    create(store, values.words[0], choices_of(values), log.warning)
    return 0
