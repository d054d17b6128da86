"""Errors as exit statuses, in one table; Docker's numbers where Docker has them.

See: docs.docker.com, "docker run", exit status.
"""

from __future__ import annotations

from orlop.errors import CommandNotExecutable, CommandNotFound, OrlopError

FAILED = 1
"""The command could not do what was asked."""
DIFFERENT = 3
"""The command did its work, and what it found is not what was asked of the container."""
NOT_STARTED = 125
"""orlop could not start the program (as Docker: of `run` and its like)."""
INTERRUPTED = 130

_OF_PROGRAM = {CommandNotExecutable: 126, CommandNotFound: 127}


def status_of(error: OrlopError, otherwise: int = FAILED) -> int:
    """The exit status for an error; `otherwise` is for those without one of their own."""
    return next((_OF_PROGRAM[kind] for kind in type(error).mro() if kind in _OF_PROGRAM), otherwise)
