"""Errors as HTTP answers: the class decides, in one table; nothing looks into a text.

Some clients do look into texts. What they search for is put in here, from the class:
the docker CLI ends with 126 or 127 if a start's message has certain words (docker/cli
cli/command/container/run.go, toStatusError), and docker-py tells a missing image from other missing
things by "No such image" (docker/errors.py).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from orlop import errors
from orlop.errors import OrlopError

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS: Mapping[type[OrlopError], int] = {
    OrlopError: 500,
    errors.InvalidArgument: 400,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.InUse: 403,  # as Docker has it for networks
    errors.PermissionDenied: 403,
    errors.Unauthorized: 403,  # of a registry; at 401 the docker CLI asks for a name, and hangs
    errors.Unsupported: 501,
    errors.Unavailable: 503,
    errors.LaunchError: 500,
    errors.CommandNotExecutable: 400,
    errors.CommandNotFound: 400,
    errors.SyscallError: 500,
    errors.InternalError: 500,
}

_MISSING = {
    "container": "No such container: {}",
    "image": "No such image: {}",
    "exec": "No such exec instance: {}",
    "volume": "get {}: no such volume",
    "network": "network {} not found",
}
_DENIED = "permission denied"
_REASONS = {
    errno.ENOEXEC: f"exec format error: {_DENIED}",
    errno.EISDIR: f"is a directory: {_DENIED}",
    errno.EPERM: f"operation not permitted: {_DENIED}",
}
_TAKEN = {
    "container": (
        'Conflict. The container name "/{}" is already in use by another container. '
        "You have to remove (or rename) that container to be able to reuse that name."
    ),
    "network": "network with name {} already exists",
}


def status_of(error: OrlopError) -> int:
    """The HTTP status for an error: that of the nearest class which has one."""
    return next(STATUS[kind] for kind in type(error).mro() if kind in STATUS)


def message_of(error: OrlopError) -> str:
    """What a client is told; with Docker's words where clients search for them."""
    match error:
        case errors.NotFound(kind=kind, ref=ref) if kind in _MISSING:
            return _with_hint(_MISSING[kind].format(ref), error)
        case errors.AlreadyExists(kind=kind, ref=ref) if kind in _TAKEN:
            return _with_hint(_TAKEN[kind].format(ref), error)
        case errors.CommandNotFound(path=path):
            return _with_hint(f'exec: "{path}": {_not_found(path)}', error)
        case errors.CommandNotExecutable(path=path):
            # The CLI knows no other reason: not that it is a directory, or no program.
            return _with_hint(f'exec: "{path}": {_REASONS.get(error.errno, _DENIED)}', error)
    return str(error)


def exit_code_of(error: OrlopError) -> int:
    """The exit code that a container has which could not be started."""
    if isinstance(error, errors.CommandNotFound):
        return 127
    return 126 if isinstance(error, errors.CommandNotExecutable) else 128


def _not_found(path: str) -> str:
    return (
        f"stat {path}: no such file or directory"
        if "/" in path
        else "executable file not found in $PATH"
    )


def _with_hint(text: str, error: OrlopError) -> str:
    return f"{text} ({error.hint})" if error.hint else text
