"""orlop context ls: the engines that have a name."""

from __future__ import annotations

from orlop.client.contexts import contexts
from orlop.client.selection import current, select
from orlop.faces.cli import JSON
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = (Option(("--quiet", "-q"), FLAG, "names only"), JSON)
EXAMPLE = "orlop context ls"


def run(values: Values, screen: Screen) -> int:
    """Lists them; the one in use has a star."""
    used = current()
    rows = [("default", "the engine of this machine", str(select(context="default").endpoint))]
    rows += contexts()
    if values.flag("quiet"):
        for name, *_ in rows:
            screen.line(name)
    elif screen.as_json:
        keys = ("Name", "Description", "DockerEndpoint")
        for row in rows:
            entry = dict(zip(keys, row, strict=True))
            screen.json_line({**entry, "Current": row[0] == used})
    else:
        lines = [(f"{name} *" if name == used else name, *rest) for name, *rest in rows]
        screen.table(lines, head=("NAME", "DESCRIPTION", "ENDPOINT"))
    return 0
