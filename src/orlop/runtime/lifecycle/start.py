"""start: the program of a created container is executed."""

from __future__ import annotations

import os

from orlop import jsontext
from orlop.errors import LaunchError, SpecError, Unavailable, WrongState
from orlop.launch import report as reports
from orlop.launch import sockets
from orlop.launch.wire import decode
from orlop.runtime.lifecycle.delete import await_end, give_up
from orlop.runtime.lifecycle.status import CREATED, RUNNING, Container, look
from orlop.runtime.state import STARTING, WAITING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.spec import Spec
    from orlop.runtime.state import Directory, Store

_HOOK = "run_hook"


def start(store: Store, container: str) -> None:
    """Executes the container's program and runs its poststart hooks.

    Raises:
        NotFound: there is no such container.
        WrongState: it is not created, or started already.
        SpecError: its configuration has no process.
        LaunchError: a startContainer hook failed or the program cannot be executed; the
            container is stopped then.
    """
    with store.open(container) as directory:
        found = look(directory)
        if found.status != CREATED:
            raise WrongState("start", container, state=found.status, needs=CREATED)
        spec = found.spec()
        if spec.process is None:
            raise SpecError("process", "it is missing, so there is nothing to start")
        answer = _release(directory)
        if answer != b"S":
            error = _failure(found, answer.removeprefix(b"S"))
            await_end(found)
            if error.op == _HOOK:
                give_up(found, spec)
            raise error
        poststart(found, spec)


def poststart(found: Container, spec: Spec) -> None:
    """Runs the poststart hooks of a container that runs now; if one fails, the container is ended.

    See: runtime-spec runtime.md#lifecycle, step 9.

    Raises:
        Unavailable: a hook failed.
    """
    if spec.hooks.poststart:
        from orlop.runtime.lifecycle.hooks import run_hooks

        document = jsontext.dumps(found.document(spec, RUNNING))
        try:
            run_hooks("poststart", spec.hooks.poststart, document)
        except Unavailable:
            give_up(found, spec)
            raise


def _release(directory: Directory) -> bytes:
    """Everything that the waiting process says until it runs the program or has failed."""
    path, begun = directory.file(WAITING), directory.file(STARTING)
    connection = sockets.connect(path)
    os.rename(path, begun)  # from here on it starts, also if this command is killed
    try:
        parts = []
        while part := connection.recv(reports.FAILURE_SIZE + 1):
            parts.append(part)
        return b"".join(parts)
    except ConnectionResetError:
        return b""
    finally:
        connection.close()
        os.unlink(begun)


def _failure(found: Container, answer: bytes) -> LaunchError:
    if len(answer) < reports.FAILURE_SIZE:
        return LaunchError(
            f"cannot start container {found.state.id!r}: its process died before the program ran",
            op="execute",
            op_index=-1,
            errno=0,
        )
    with open(found.directory.file("plan"), "rb") as file:
        plan = decode(file.read())
    return reports.error(plan, reports.parse_failure(answer))
