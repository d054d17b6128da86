"""Errors as exit statuses, in one table; Docker's numbers where Docker has them.

See: docs.docker.com, "docker run", exit status.
"""

from __future__ import annotations

from orlop.errors import CommandNotExecutable, CommandNotFound, LaunchError, OrlopError
from orlop.options import BadOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED = 1
"""The command could not do what was asked."""
DIFFERENT = 3
"""The command did its work, and what it found is not what was asked of the container."""
NOT_STARTED = 125
"""orlop could not start the program (as Docker: of `run` and its like), or an option is wrong."""
INTERRUPTED = 130

PROGRAM_FAILED: Mapping[int, type[LaunchError]] = {126: CommandNotExecutable, 127: CommandNotFound}
"""What a container's exit status means if it could not be started."""
_OF_ERROR: Mapping[type[OrlopError], int] = {
    BadOption: NOT_STARTED,
    **{kind: status for status, kind in PROGRAM_FAILED.items()},
}


def status_of(error: OrlopError, otherwise: int = FAILED) -> int:
    """The exit status for an error; `otherwise` is for those without one of their own."""
    known = (_OF_ERROR[kind] for kind in type(error).mro() if kind in _OF_ERROR)
    return next(known, otherwise)
