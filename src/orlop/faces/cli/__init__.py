"""`orlop`: the command for people.

One module a verb (`orlop.faces.cli.VERB_`), imported when that verb is used. A verb's module has

    USAGE    its words, as in `orlop VERB USAGE`
    OPTIONS  its options, a tuple
    WORDS    how many words it takes behind the options: (least, most)
    run(values, screen) -> exit status
    EXAMPLE  (may be missing) lines for its help
    FAILED   (may be missing) the exit status of an error that has none of its own
"""

from __future__ import annotations

import sys

from orlop import __version__
from orlop.errors import InternalError, InvalidArgument, OrlopError
from orlop.faces.cli.exit_codes import FAILED, INTERRUPTED, status_of
from orlop.faces.cli.screen import Screen
from orlop.options import FLAG, Option, describe, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

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

HELP = Option(("--help", "-h"), FLAG, "show this help")
JSON = Option(("--json",), FLAG, "JSON for programs instead of a text for people")
OPTIONS = (
    Option(("--debug",), FLAG, "show tracebacks of internal errors"),
    Option(("--version", "-v"), FLAG, "show the version"),
    HELP,
)


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
            print(_help())
            return 0
        return _perform(*given.words)
    except OrlopError as error:
        return _failed(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return FAILED
    except Exception as error:  # the last resort: a bug, shown without a traceback
        if debug:
            raise
        return _failed(InternalError(f"internal error: {type(error).__name__}: {error}"), FAILED)


def _perform(verb: str, *words: str) -> int:
    if verb not in VERBS:
        raise InvalidArgument(f"there is no command {verb!r}", hint="see orlop --help")
    module = _module(verb)
    try:
        values = parse((*module.OPTIONS, HELP), words)
        if values.flag("help"):
            print(_verb_help(verb, module))
            return 0
        least, most = module.WORDS
        if not least <= len(values.words) <= most:
            raise InvalidArgument(f"usage: orlop {verb} {module.USAGE}")
        status: int = module.run(values, Screen(as_json=values.flag("json")))
        return status
    except OrlopError as error:
        return _failed(error, getattr(module, "FAILED", FAILED))


def _failed(error: OrlopError, otherwise: int) -> int:
    sys.stdout.flush()
    print(f"orlop: {error}", file=sys.stderr)
    return status_of(error, otherwise)


def _module(verb: str) -> ModuleType:
    name = f"orlop.faces.cli.{verb}_"
    __import__(name)  # importlib would load `warnings` too
    return sys.modules[name]


def _help() -> str:
    width = max(map(len, VERBS), default=0)
    verbs = "\n".join(f"  {verb:<{width}}  {summary}" for verb, summary in VERBS.items())
    return (
        "orlop: containers, and what isolates them\n\n"
        "usage: orlop [OPTIONS] COMMAND [ARGUMENTS]\n\n"
        f"commands:\n{verbs}\n\noptions:\n{describe(OPTIONS)}\n\n"
        "`orlop COMMAND --help` shows the options of a command."
    )


def _verb_help(verb: str, module: ModuleType) -> str:
    options = describe((*module.OPTIONS, HELP))
    examples = f"\n\nexamples:\n{module.EXAMPLE.rstrip()}" if hasattr(module, "EXAMPLE") else ""
    return (
        f"orlop {verb}: {VERBS[verb]}\n\n"
        f"usage: orlop {verb} {module.USAGE}\n\noptions:\n{options}{examples}"
    )
