"""orlop cgroup run"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.faces.cli.exit_codes import NOT_STARTED
from orlop.faces.cli.ns.options import QUIET, teller
from orlop.insight.byhand.cgroups import run as run_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[--quiet] NAME -- COMMAND [ARGUMENTS]"
WORDS = (2, 10000)
FAILED = NOT_STARTED
OPTIONS = (QUIET,)
EXAMPLE = "orlop cgroup run box -- make -j8"


def run(values: Values, _: Screen) -> int:
    """Runs it to its end; the exit status is its own."""
    name, *command = values.words
    if command[0] == "--":
        command = command[1:]
    if not command:
        raise InvalidArgument(f"usage: orlop cgroup run {USAGE}")
    return run_in(name, command, teller(values))
