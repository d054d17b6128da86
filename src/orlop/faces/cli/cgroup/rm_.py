"""orlop cgroup rm"""

from __future__ import annotations

from orlop.faces.cli import JSON
from orlop.insight.byhand.cgroups import remove
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[--force] NAME [NAME...]"
WORDS = (1, 10000)
ANYWHERE = True
OPTIONS = (
    Option(("--force", "-f"), FLAG, "kill what is in them"),
    JSON,
)
EXAMPLE = "orlop cgroup rm box"


def run(values: Values, screen: Screen) -> int:
    """Removes them one by one, and says how."""
    removed = []
    for name in values.words:
        done = remove(name, force=values.flag("force"))
        removed.append({"name": name, "done": list(done)})
        for line in () if screen.as_json else done:
            screen.line(line)
    if screen.as_json:
        screen.json(removed)
    return 0
