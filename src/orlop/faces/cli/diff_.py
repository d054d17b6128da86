"""orlop diff: what a container has changed in the files of its image."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.faces.cli.output.formats import FORMAT, Defaults, chosen, show
from orlop.faces.cli.output.views import Column, Shown, View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (FORMAT,)
EXAMPLE = """\
orlop diff web
orlop diff --format '{{.Path}}' web"""

_KINDS = ("C", "A", "D")
_CHANGES = View(
    "*container.diffContext",
    {
        "Type": Column("CHANGE TYPE", lambda change, _: _KINDS[change["Kind"]]),
        "Path": Column("PATH", lambda change, _: change["Path"]),
    },
)
_LINES = "{{.Type}} {{.Path}}"
_DEFAULTS = Defaults("{{.Type}}\t{{.Path}}")


def run(values: Values, screen: Screen) -> int:
    """Lists what was added (A), changed (C) and deleted (D)."""
    form = chosen(values.text("format") or _LINES, _DEFAULTS)
    found = Client().get(f"/containers/{part(values.words[0])}/changes") or ()
    show(screen, form, _CHANGES, found, Shown())
    return 0
