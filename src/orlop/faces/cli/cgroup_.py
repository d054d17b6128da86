"""orlop cgroup: control groups by hand."""

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
    "create": "make a control group with limits",
    "set": "change the limits of a control group",
    "show": "show limits and use of a control group, process or container",
    "run": "run a command in a control group",
    "rm": "remove control groups",
}
PROGRAM = Program("orlop cgroup", "control groups by hand", VERBS, OPTIONS)


def run(values: Values, _: Screen) -> int:
    """Performs one of them."""
    return perform(PROGRAM, "orlop.faces.cli.cgroup", values.words)
