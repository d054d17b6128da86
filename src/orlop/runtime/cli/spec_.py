"""orlop-runtime spec"""

from __future__ import annotations

import os

from orlop.errors import AlreadyExists
from orlop.options import FLAG, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "[OPTIONS]"
WORDS = (0, 0)
OPTIONS = (
    Option(("--bundle", "-b"), TEXT, "directory that gets config.json (default: this one)", "DIR"),
    Option(("--rootless",), FLAG, "for use without rights on the host"),
)


def run(_: Store, values: Values, __: Log) -> int:
    """Writes config.json, unless there is one."""
    from orlop import jsontext
    from orlop.runtime.defaults import default_config

    config = default_config(rootless=values.flag("rootless"))
    path = os.path.join(values.text("bundle", "."), "config.json")
    try:
        with open(path, "x") as file:
            file.write(jsontext.pretty(config) + "\n")
    except FileExistsError:
        raise AlreadyExists("file", path, hint="remove it first") from None
    return 0
