"""Options for new namespaces, and how what was done is shown."""

from __future__ import annotations

import sys

from orlop.faces.cli.screen import DIM, Cell, Screen
from orlop.insight.byhand.asking import new_namespaces
from orlop.options import FLAG, LIST, NUMBER, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orlop.insight.byhand.plans import New
    from orlop.options import Values

NEW_OPTIONS = (
    Option(("--uid-map",), LIST, "users of a new user namespace, as 0:100000:65536", "MAP"),
    Option(("--gid-map",), LIST, "and its groups", "MAP"),
    Option(("--monotonic",), NUMBER, "seconds that a new time namespace is ahead", "SECONDS"),
    Option(("--boottime",), NUMBER, "the same for the time since boot", "SECONDS"),
    Option(("--mount-proc",), FLAG, "mount the new PID namespace's /proc (and a new mount one)"),
)
QUIET = Option(("--quiet", "-q"), FLAG, "do not say what is done")
_CLOCKS = ("monotonic", "boottime")


def new_of(kinds: Iterable[str], values: Values) -> New:
    """What the options ask for."""
    given = {clock: values.number(clock) for clock in _CLOCKS}
    return new_namespaces(
        kinds,
        uid_maps=values.list("uid-map"),
        gid_maps=values.list("gid-map"),
        offsets={clock: seconds for clock, seconds in given.items() if seconds is not None},
        mount_proc=values.flag("mount-proc"),
    )


def teller(values: Values) -> Callable[[Sequence[str]], None]:
    """How a command that runs another one says what it does: the output is the other's own."""
    screen = Screen(sys.stderr)

    def tell(lines: Sequence[str]) -> None:
        for line in () if values.flag("quiet") else lines:
            screen.line(Cell(line, DIM))
        sys.stderr.flush()

    return tell
