"""orlop ns rm: names are removed, and so the namespaces, unless something else keeps them."""

from __future__ import annotations

from orlop.faces.cli import JSON
from orlop.insight.byhand.named import remove
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[--force] NAME [NAME...]"
WORDS = (1, 10000)
ANYWHERE = True
OPTIONS = (
    Option(("--force", "-f"), FLAG, "also if processes are in them"),
    JSON,
)
EXAMPLE = "orlop ns rm web"


def run(values: Values, screen: Screen) -> int:
    """Removes them one by one, and says how."""
    removed = []
    for name in values.words:
        gone = remove(name, force=values.flag("force"))
        removed.append(gone)
        for line in () if screen.as_json else gone.done:
            screen.line(line)
    if screen.as_json:
        screen.json([{"name": gone.name, "done": list(gone.done)} for gone in removed])
    return 0
