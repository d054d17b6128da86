"""orlop-runtime features"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Option, Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = ""
WORDS = (0, 0)
OPTIONS: tuple[Option, ...] = ()


def run(_: Store, __: Values, ___: Log) -> int:
    """Prints the features document (runtime-spec features.md)."""
    from orlop import jsontext
    from orlop.kernel.features import read_features
    from orlop.runtime.features_document import features_document

    print(jsontext.pretty(features_document(read_features())))
    return 0
