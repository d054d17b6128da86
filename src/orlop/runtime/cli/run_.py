"""orlop-runtime run"""

from __future__ import annotations

from orlop.options import FLAG, Option
from orlop.runtime.cli.common import CREATE_OPTIONS, choices_of
from orlop.runtime.lifecycle.run import run as run_container
from orlop.runtime.lifecycle.run import run_detached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "[OPTIONS] CONTAINER"
WORDS = (1, 1)
OPTIONS = (
    *CREATE_OPTIONS,
    Option(("--detach", "-d"), FLAG, "leave as soon as the program runs"),
    Option(("--keep",), FLAG, "do not delete the container when it has ended"),
    Option(("--no-subreaper",), FLAG, "accepted and without effect"),
)
EXAMPLE = "orlop-runtime run --bundle ./web web"


def run(store: Store, values: Values, log: Log) -> int:
    """Runs a container; the exit status is the container's."""
    container, choices = values.words[0], choices_of(values)
    if values.flag("detach"):
        run_detached(store, container, choices, log.warning)
        return 0
    status, errors = run_container(store, container, choices, log.warning, keep=values.flag("keep"))
    for error in errors:
        log.warning(str(error))
    return status
