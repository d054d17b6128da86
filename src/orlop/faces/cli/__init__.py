"""`orlop`: the command for people.

One module a verb (`orlop.faces.cli.VERB_`), as `orlop.program` describes it, and with

    run(values, screen) -> exit status
    FAILED   (may be missing) the exit status of an error that has none of its own
"""

from __future__ import annotations

import sys

from orlop import __version__
from orlop.errors import InternalError, OrlopError
from orlop.faces.cli.exit_codes import FAILED, INTERRUPTED, status_of
from orlop.faces.cli.screen import Screen
from orlop.options import FLAG, Option, parse
from orlop.program import HELP, Program, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS = {
    "explain": "show the kernel operations of a start, without starting anything",
    "trace": "start a container and show the time of each operation",
    "proof": "read back from the kernel what isolates a container or process",
    "compare": "show which namespaces and limits several containers share",
    "ps": "list containers and isolated processes, whatever engine made them",
    "ns": "make, enter, show and remove namespaces by hand",
    "cgroup": "make, set, show and remove control groups by hand",
    "sandbox": "run an untrusted command with hard limits",
}

JSON = Option(("--json",), FLAG, "JSON for programs instead of a text for people")
OPTIONS = (
    Option(("--debug",), FLAG, "show tracebacks of internal errors"),
    Option(("--version", "-v"), FLAG, "show the version"),
    HELP,
)
_PROGRAM = Program("orlop", "containers, and what isolates them", VERBS, OPTIONS)


def main(words: Sequence[str] | None = None) -> int:
    """Performs one command; returns its exit status. Never raises for what a user can cause."""
    debug = False
    try:
        given = parse(OPTIONS, sys.argv[1:] if words is None else words)
        debug = given.flag("debug")
        if given.flag("version"):
            print(f"orlop version {__version__}")
            return 0
        if given.flag("help") or not given.words or given.words[0] == "help":
            print(_PROGRAM.help())
            return 0
        return _perform(*given.words)
    except OrlopError as error:
        return failed(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return FAILED
    except Exception as error:  # the last resort: a bug, shown without a traceback
        if debug:
            raise
        return failed(InternalError(f"internal error: {type(error).__name__}: {error}"), FAILED)


def _perform(verb: str, *words: str) -> int:
    _PROGRAM.check(verb)
    module = load(f"orlop.faces.cli.{verb}_")
    try:
        values = _PROGRAM.values(verb, module, words)
        if values is None:
            return 0
        status: int = module.run(values, Screen(as_json=values.flag("json")))
        return status
    except OrlopError as error:
        return failed(error, getattr(module, "FAILED", FAILED))


def failed(error: OrlopError, otherwise: int) -> int:
    """Says what went wrong; returns the exit status, `otherwise` if the error has none."""
    sys.stdout.flush()
    print(f"orlop: {error}", file=sys.stderr)
    return status_of(error, otherwise)
