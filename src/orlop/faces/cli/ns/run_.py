"""orlop ns run: a command in new or joined namespaces."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.faces.cli.exit_codes import NOT_STARTED
from orlop.faces.cli.ns.options import NEW_OPTIONS, QUIET, new_of, teller
from orlop.insight.byhand.running import run as run_in
from orlop.insight.byhand.sources import parse_source
from orlop.options import LIST, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[--new KINDS] [--join WHOSE[:KINDS]] [OPTIONS] -- COMMAND [ARGUMENTS]"
WORDS = (1, 10000)
FAILED = NOT_STARTED
OPTIONS = (
    Option(("--new",), LIST, "kinds of namespaces that it gets new, as pid,net", "KINDS"),
    Option(
        ("--join",),
        LIST,
        "namespaces of a NAME, pid:N, container, docker:NAME ... (perhaps only these kinds)",
        "WHOSE[:KINDS]",
    ),
    *NEW_OPTIONS,
    QUIET,
)
EXAMPLE = """\
orlop ns run --new pid,net --mount-proc -- ps
orlop ns run --join web:net --new uts -- ip link
orlop ns run --join docker:db:net -- ss -ltn"""


def run(values: Values, _: Screen) -> int:
    """Runs it to its end; the exit status is its own."""
    sources = [parse_source(text) for text in values.list("join")]
    new = new_of(values.list("new"), values)
    if not sources and not new.kinds:
        raise InvalidArgument(
            "there is nothing to make and nothing to join", hint="--new or --join"
        )
    return run_in(values.words, new, sources, teller(values))
