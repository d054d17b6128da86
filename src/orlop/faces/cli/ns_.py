"""orlop ns: namespaces by hand."""

from __future__ import annotations

from orlop.faces.cli.subverbs import perform
from orlop.program import Program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "COMMAND [ARGUMENTS]"
WORDS = (0, 10000)
OPTIONS = ()
VERBS = {
    "list": "list all namespaces of the machine, and what keeps them",
    "create": "make namespaces that live on under a name",
    "run": "run a command in new or joined namespaces",
    "enter": "run a command in the namespaces of a name, process or container",
    "show": "show the namespaces of a name, process or container",
    "rm": "remove names, and so the namespaces",
}
PROGRAM = Program("orlop ns", "namespaces by hand", VERBS, OPTIONS)


def run(values: Values, _: Screen) -> int:
    """Performs one of them."""
    return perform(PROGRAM, "orlop.faces.cli.ns", values.words)
