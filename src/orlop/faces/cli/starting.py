"""A container starts, and its end cannot be missed."""

from __future__ import annotations

from orlop.client.addresses import part
from orlop.errors import InvalidArgument, NotFound, OrlopError
from orlop.faces.cli.exit_codes import NOT_STARTED, PROGRAM_FAILED
from orlop.faces.cli.foreground import ended_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.client import Client, Response
    from orlop.faces.cli.foreground import Ended


def await_end(client: Client, made: str, *, removed: bool) -> Response:
    """The answer to `wait`, which the engine has begun.

    Args:
        client: the engine.
        made: a container's id; it may not have been started yet.
        removed: wait until it is removed, too.
    """
    condition = "removed" if removed else "next-exit"
    return client.open("POST", f"/containers/{part(made)}/wait", {"condition": condition})


def start_container(client: Client, made: str, removal: Response | None) -> None:
    """The container runs.

    Args:
        client: the engine.
        made: its id.
        removal: the answer to `wait` for a container that is removed when it has ended, as one
            that could not be started is too.

    Raises:
        CommandNotExecutable, CommandNotFound: its program could not be executed.
    """
    try:
        client.post(f"/containers/{part(made)}/start")
    except InvalidArgument as error:
        status = ended_of(removal).status if removal else _exit_code(client, made)
        kind = PROGRAM_FAILED.get(status)
        if kind is None:
            raise
        raise kind(error.message, op="execute", op_index=0, errno=0) from None


def exit_status(end: Ended | None) -> int:
    """The status of a command that has stood for a container: its own, 0 if it was left.

    Raises:
        OrlopError: the engine could not wait for it.
    """
    if end is None:
        return 0
    if end.error:
        raise OrlopError(end.error)
    return end.status


def _exit_code(client: Client, made: str) -> int:
    """The status that the engine has given a container whose program it could not start."""
    try:
        found = client.get(f"/containers/{part(made)}/json")
    except NotFound:
        return NOT_STARTED
    return int(found["State"]["ExitCode"])
