"""orlop cgroup rm"""

from __future__ import annotations

from orlop.faces.cli import JSON
from orlop.faces.cli.byhand import remove_each
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
    return remove_each(values, screen, lambda name, force: remove(name, force=force))
