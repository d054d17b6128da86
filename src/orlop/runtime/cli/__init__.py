"""`orlop-runtime`: the command line of the OCI runtime, in the words of runc's."""

from __future__ import annotations

import sys

from orlop import __version__
from orlop.errors import InternalError, OrlopError
from orlop.options import FLAG, TEXT, Option, Values, parse
from orlop.program import HELP, Program, load
from orlop.runtime.cli.log import Log
from orlop.runtime.spec import OCI_VERSION
from orlop.runtime.state import Store, default_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

VERBS = {
    "create": "make a container whose program waits for start",
    "start": "execute the program of a created container",
    "run": "create and start a container, and wait for it",
    "exec": "run a further process in a container",
    "state": "show the state of a container",
    "kill": "send a signal to a container",
    "delete": "remove what is left of a container",
    "list": "list the containers",
    "ps": "list the processes of a container",
    "pause": "let all processes of a container stand still",
    "resume": "let the processes of a paused container go on",
    "update": "change the limits of a container",
    "events": "show use of resources, and out-of-memory events",
    "spec": "write a configuration to start from",
    "features": "show what this runtime and this host can do",
    "checkpoint": "not supported yet",
    "restore": "not supported yet",
}

# As runc: not to be confused with the status of a program that could be started.
STATUS_OF_FAILURE = {"exec": 255}

OPTIONS = (
    Option(("--root",), TEXT, "directory of the containers' state", "DIR"),
    Option(("--log",), TEXT, "write warnings and errors to this file too", "FILE"),
    Option(("--log-format",), TEXT, "of the log: text (default) or json", "FORMAT"),
    Option(("--debug",), FLAG, "log more, and show tracebacks of internal errors"),
    Option(("--systemd-cgroup",), FLAG, "have systemd make the cgroups (not supported yet)"),
    Option(("--rootless",), TEXT, "act without rights on the host: true, false or auto", "BOOL"),
    Option(("--version", "-v"), FLAG, "show the versions"),
    HELP,
)
_PROGRAM = Program("orlop-runtime", "run OCI containers", VERBS, OPTIONS)


def main(words: Sequence[str] | None = None) -> int:
    """Performs one command; returns its exit status. Never raises for what a user can cause."""
    log = Log()
    try:
        return _main(sys.argv[1:] if words is None else words, log)
    except OrlopError as error:
        log.error(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    except Exception as error:  # the last resort: a bug, shown without a traceback
        if log.verbose:
            raise
        log.error(str(InternalError(f"internal error: {type(error).__name__}: {error}")))
        return 1


def _main(words: Sequence[str], log: Log) -> int:
    given = parse(OPTIONS, words)
    if given.flag("version"):
        print(f"orlop-runtime version {__version__}\nspec: {OCI_VERSION}")
        return 0
    if given.flag("help") or not given.words or given.words[0] == "help":
        print(_PROGRAM.help())
        return 0
    log.configure(given.text("log"), given.text("log-format", "text"), debug=given.flag("debug"))
    verb, *rest = given.words
    _PROGRAM.check(verb)
    try:
        return _perform(verb, _module(verb), given, rest, log)
    except OrlopError as error:
        log.error(str(error))
        return STATUS_OF_FAILURE.get(verb, 1)


def _perform(verb: str, module: ModuleType, given: Values, words: Sequence[str], log: Log) -> int:
    values = _PROGRAM.values(verb, module, words)
    if values is None:
        return 0
    if given.flag("systemd-cgroup"):
        from orlop.errors import Unsupported

        raise Unsupported("--systemd-cgroup", needs="the cgroupfs manager", hint="leave it out")
    log.debug(f"{verb} {' '.join(words)}, state in {_root(given)}")
    status: int = module.run(Store(_root(given)), values, log)
    log.debug(f"{verb} ends with status {status}")
    return status


def _module(verb: str) -> ModuleType:
    return load(f"orlop.runtime.cli.{'criu' if verb in ('checkpoint', 'restore') else verb}_")


def _root(given: Values) -> str:
    """The state directory: as given, or the default one."""
    return given.text("root") if given.given("root") else default_root()
