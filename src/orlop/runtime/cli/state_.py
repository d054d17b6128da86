"""orlop-runtime state"""

from __future__ import annotations

from orlop import jsontext
from orlop.runtime.lifecycle.status import look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Option, Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "CONTAINER"
WORDS = (1, 1)
OPTIONS: tuple[Option, ...] = ()


def run(store: Store, values: Values, _: Log) -> int:
    """Prints the state document."""
    found = look(store.open(values.words[0], lock=False))
    print(jsontext.pretty(found.document(found.spec())))
    return 0
