"""orlop-runtime list"""

from __future__ import annotations

import os

from orlop import jsontext
from orlop.errors import InvalidArgument, NotFound, OrlopError
from orlop.options import FLAG, TEXT, Option
from orlop.runtime.lifecycle.status import look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orlop.options import Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "[OPTIONS]"
WORDS = (0, 0)
OPTIONS = (
    Option(("--format", "-f"), TEXT, "table (default) or json", "FORMAT"),
    Option(("--quiet", "-q"), FLAG, "the ids only"),
)

_COLUMNS = ("id", "pid", "status", "bundle", "created", "owner")


def run(store: Store, values: Values, log: Log) -> int:
    """Prints all containers."""
    form = values.text("format", "table")
    if form not in ("table", "json"):
        raise InvalidArgument(f"--format: {form!r} is neither table nor json")
    if values.flag("quiet"):
        for container in store.ids():
            print(container)
        return 0
    rows = list(_rows(store, log))
    if form == "json":
        print(jsontext.dumps(rows) if rows else "null")
        return 0
    table = [tuple(name.upper() for name in _COLUMNS)]
    table += [tuple(str(row[name]) for name in _COLUMNS) for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(_COLUMNS))]
    for line in table:
        print(
            "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        )
    return 0


def _rows(store: Store, log: Log) -> Iterator[Mapping[str, object]]:
    import pwd

    for container in store.ids():
        try:
            found = look(store.open(container, lock=False))
            uid = os.stat(found.directory.path).st_uid
            document = dict(found.document(found.spec()))
        except NotFound:  # deleted in the meantime
            continue
        except OrlopError as error:
            log.warning(str(error))
            continue
        try:
            owner = pwd.getpwuid(uid).pw_name
        except KeyError:
            owner = str(uid)
        yield {**document, "owner": owner}
