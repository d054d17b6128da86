"""`orlop`: the command for people.

One module a verb (`orlop.faces.cli.VERB_`), as `orlop.program` describes it, and with

    run(values, screen) -> exit status
    FAILED   (may be missing) the exit status of an error that has none of its own
"""

from __future__ import annotations

import errno
import os
import sys

from orlop import __version__
from orlop.errors import InternalError, InvalidArgument, OrlopError, Unavailable
from orlop.faces.cli.exit_codes import FAILED, INTERRUPTED, status_of
from orlop.faces.cli.notes import complain
from orlop.faces.cli.screen import Screen
from orlop.faces.cli.verbs import ELSEWHERE, TOPICS, VERBS
from orlop.options import FLAG, TEXT, Option, parse
from orlop.program import HELP, Program, load_verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.options import Values

JSON = Option(("--json",), FLAG, "JSON for programs instead of a text for people")
OPTIONS = (
    Option(
        ("--host", "-H"),
        TEXT,
        "the engine at this address (unix://PATH, ssh://HOST, tcp://HOST:PORT)",
        "URL",
    ),
    Option(("--context", "-c"), TEXT, "the engine of a context; docker is Docker's", "NAME"),
    Option(("--config",), TEXT, "where credentials and contexts are (~/.docker)", "DIR"),
    Option(("--log-level", "-l"), TEXT, "has no effect", "LEVEL"),
    Option(("--debug", "-D"), FLAG, "show tracebacks of internal errors"),
    Option(("--version", "-v"), FLAG, "show the version"),
    HELP,
)
_PROGRAM = Program(
    "orlop",
    "containers, and what isolates them",
    VERBS,
    OPTIONS,
    clusters=True,
    topics=tuple((title, tuple(verbs)) for title, verbs in TOPICS),
    elsewhere=ELSEWHERE,
)
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_COMPLETE, _HELP = "__complete", "help"
_VARIABLES = {"host": "ORLOP_HOST", "context": "ORLOP_CONTEXT", "config": "DOCKER_CONFIG"}


def main(words: Sequence[str] | None = None) -> int:
    """Performs one command; returns its exit status. Never raises for what a user can cause."""
    debug = False
    try:
        given = parse(OPTIONS, sys.argv[1:] if words is None else words, clusters=True)
        debug = given.flag("debug")
        _choose_engine(given)
        if given.words[:1] == (_COMPLETE,):
            return _complete(given.words[1:])
        if given.flag("version"):
            print(f"orlop version {__version__}")
            return 0
        if given.words[:1] == (_HELP,) and given.words[1:]:
            from orlop.faces.cli import manual

            return manual.show(given.words[1:], Screen())
        if given.flag("help") or not given.words or given.words[0] == _HELP:
            print(_PROGRAM.help())
            return 0
        status = _perform(*given.words)
        sys.stdout.flush()
    except OrlopError as error:
        return failed(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return FAILED
    except Exception as error:  # the last resort: a bug, shown without a traceback
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
            return failed(Unavailable(f"cannot write: {error.strerror}"), FAILED)
        return failed(InternalError(f"internal error: {type(error).__name__}: {error}"), FAILED)
    return status


def _complete(words: Sequence[str]) -> int:
    """What can stand at a place of the command line, for shells."""
    from orlop.faces.cli import completing

    return completing.run(words)


def _choose_engine(given: Values) -> None:
    """What chooses an engine on the command line stands for the variable that does so."""
    if given.text("host") and given.text("context"):
        raise InvalidArgument("--host and --context cannot be given together")
    for key, name in _VARIABLES.items():
        if given.text(key):
            os.environ[name] = given.text(key)
    if given.text("context"):
        os.environ.pop("ORLOP_HOST", None)


def _perform(verb: str, *words: str) -> int:
    _PROGRAM.check(verb)
    module = load_verb("orlop.faces.cli", verb)
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
    try:  # noqa: SIM105 - contextlib costs 4 ms to import
        sys.stdout.flush()
    except OSError:  # it was this that failed
        pass
    complain(error)
    return status_of(error, otherwise)
