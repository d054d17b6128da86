"""orlop ns create: namespaces that live on under a name."""

from __future__ import annotations

from orlop.faces.cli import JSON
from orlop.faces.cli.ns.options import NEW_OPTIONS, new_of
from orlop.faces.cli.screen import DIM, Cell
from orlop.insight.byhand.named import create
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "NAME [--pid] [--net] [--uts] ... [OPTIONS]"
WORDS = (1, 1)
ANYWHERE = True
_KINDS = ("user", "pid", "net", "mount", "ipc", "uts", "cgroup", "time")
OPTIONS = (
    *(Option((f"--{kind}",), FLAG, f"a {kind} namespace") for kind in _KINDS),
    *NEW_OPTIONS,
    JSON,
)
EXAMPLE = """\
orlop ns create web --net --uts
ip netns exec web ip link     # it is there for ip netns too
orlop ns create box --user --pid --mount --mount-proc"""


def run(values: Values, screen: Screen) -> int:
    """Makes them, binds them to names, and says how."""
    made = create(values.words[0], new_of([kind for kind in _KINDS if values.flag(kind)], values))
    if screen.as_json:
        screen.json(
            {
                "name": made.name,
                "namespaces": made.inodes,
                "keeper": made.keeper or None,
                "done": list(made.done),
            }
        )
        return 0
    for line in made.done:
        screen.line(line)
    if made.keeper:
        screen.line(Cell(f"process {made.keeper} keeps the PID namespace usable", DIM))
    return 0
