"""orlop ns enter: a command in the namespaces of a name, process or container."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.faces.cli.exit_codes import NOT_STARTED
from orlop.faces.cli.ns.options import QUIET, teller
from orlop.insight.byhand.plans import New
from orlop.insight.byhand.running import run as run_in
from orlop.insight.byhand.sources import parse_source
from orlop.options import LIST, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] WHOSE[:KINDS] -- COMMAND [ARGUMENTS]"
WORDS = (2, 10000)
FAILED = NOT_STARTED
OPTIONS = (
    Option(("--only",), LIST, "only these kinds, as net,uts (default: all that differ)", "KINDS"),
    QUIET,
)
EXAMPLE = """\
orlop ns enter web -- ip link
orlop ns enter --only net docker:db -- ss -ltn
orlop ns enter pid:4711:mnt -- ls /"""


def run(values: Values, _: Screen) -> int:
    """Runs it to its end; the exit status is its own. Control groups stay the caller's."""
    whose, *command = values.words
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        raise InvalidArgument(f"usage: orlop ns enter {USAGE}")
    only = values.list("only")
    source = parse_source(f"{whose}:{','.join(only)}" if only else whose)
    return run_in(command, New(), [source], teller(values))
