"""delete: nothing is left of a container."""

from __future__ import annotations

import os

from orlop import jsontext
from orlop.errors import DeadlineExceeded, NotFound, OrlopError, WrongState
from orlop.kernel.process import open_pidfd, send_signal, wait
from orlop.runtime.lifecycle.status import CREATED, CREATING, STOPPED, look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.runtime.lifecycle.status import Container
    from orlop.runtime.spec import Spec
    from orlop.runtime.state import Store

_SIGKILL = 9
_END_DEADLINE_S = 10.0


def delete(
    store: Store, container: str, *, force: bool = False, spec: Spec | None = None
) -> Sequence[OrlopError]:
    """Removes a container that is stopped or was never started; with `force` also one that runs.

    `spec` is its configuration, if the caller has it.

    Returns:
        What went wrong in poststop hooks; the container is gone all the same.

    Raises:
        NotFound: there is no such container (not with `force`).
        WrongState: it runs, and `force` was not given.
    """
    try:
        with store.open(container) as directory:
            try:
                found = look(directory)
            except OrlopError:
                if not force:
                    raise
                directory.remove()
                return ()
            if found.status not in (STOPPED, CREATED) and not force:
                raise WrongState("delete", container, state=found.status, needs=STOPPED)
            errors = stop_and_destroy(found, spec)
            directory.remove()
            return errors
    except NotFound:
        if not force:
            raise
        return ()


def stop_and_destroy(found: Container, spec: Spec | None = None) -> Sequence[OrlopError]:
    """No process of the container runs any more, its control groups are gone, hooks were run."""
    if found.state.destroyed:
        return ()
    if found.status not in (STOPPED, CREATING):
        kill_first_process(found)
    return destroy(found, spec or found.spec())


def give_up(found: Container, spec: Spec) -> None:
    """Ends a container whose start went wrong; `delete` has only its directory left to remove."""
    kill_first_process(found)
    destroy(found, spec)
    found.directory.write(found.state.replace(destroyed=True))


def kill_first_process(found: Container) -> None:
    """The first process has ended, and with it all others of a PID namespace of its own."""
    pidfd = _open_first_process(found)
    if pidfd < 0:
        return
    try:
        send_signal(pidfd, _SIGKILL)
        if found.state.cgroup:
            found.cgroup().thaw()  # a frozen task on v1 does not even take SIGKILL
        wait(pidfd, _END_DEADLINE_S)
    except NotFound:
        pass
    finally:
        os.close(pidfd)


def await_end(found: Container) -> None:
    """The first process, which is about to end by itself, has ended."""
    pidfd = _open_first_process(found)
    if pidfd >= 0:
        wait(pidfd, _END_DEADLINE_S)
        os.close(pidfd)


def _open_first_process(found: Container) -> int:
    """A pidfd, -1 if there is no process any more."""
    if found.state.process is None:
        return -1
    try:
        return open_pidfd(found.state.process)
    except NotFound:
        return -1


def destroy(found: Container, spec: Spec) -> Sequence[OrlopError]:
    """Removes the control groups, with whatever still runs in them, and runs poststop hooks.

    See: runtime-spec runtime.md#lifecycle, steps 11 to 13: a hook that fails is reported, and
    the others run all the same.
    """
    if found.state.cgroup:
        cgroup = found.cgroup()
        try:
            cgroup.destroy(0)  # nearly always the last process has ended
        except DeadlineExceeded:
            cgroup.kill_all(_SIGKILL)
            cgroup.destroy()
    if not spec.hooks.poststop:
        return ()
    from orlop.runtime.lifecycle.hooks import run_hooks_to_the_end

    document = jsontext.dumps(found.document(spec, STOPPED))
    return run_hooks_to_the_end("poststop", spec.hooks.poststop, document)
