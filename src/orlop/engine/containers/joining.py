"""The namespaces of other containers, for one that is to share them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.engine.container import CREATED, PAUSED, RUNNING
from orlop.errors import InvalidArgument, NotFound, WrongState
from orlop.intent.request import AtPath, Host, OfContainer, Shareable
from orlop.kernel.namespaces import BY_NAME
from orlop.kernel.process import is_alive

if TYPE_CHECKING:
    from orlop.engine.container import Container
    from orlop.engine.containers.roster import Roster
    from orlop.intent.request import Namespaces, Request
    from orlop.runtime.state import Store

_KINDS = ("pid", "ipc")
_SHORT_ID = 12


def checked_namespaces(namespaces: Namespaces, roster: Roster) -> Namespaces:
    """With all containers that are named there, own namespaces stand for theirs.

    Raises:
        NotFound: one of them is not there.
        InvalidArgument: one does not share what is asked of it.
    """
    changes: dict[str, object] = {}
    for kind in _KINDS:
        mode = getattr(namespaces, kind)
        if isinstance(mode, OfContainer):
            _check_shared(kind, roster.get(mode.ref))
            changes[kind] = AtPath(f"/proc/self/ns/{BY_NAME[kind].file}")
    (first, *others) = namespaces.networks
    if isinstance(first, OfContainer):
        roster.get(first.ref)
        changes["networks"] = (AtPath("/proc/self/ns/net"), *others)
    return namespaces.replace(**changes)


def _check_shared(kind: str, other: Container) -> None:
    """The other container's IPC is open to others, if that is what is wanted of it."""
    mode = other.request.namespaces.ipc
    if kind == "ipc" and not isinstance(mode, (Shareable, Host, OfContainer, AtPath)):
        raise InvalidArgument(
            f"container {other.name!r} does not share its IPC namespace",
            hint="make it with --ipc shareable",
        )


def with_host_name(request: Request, roster: Roster) -> Request:
    """In another container's network it has that one's host name, too, as in /etc/hosts there.

    Raises:
        NotFound: there is no such container.
        InvalidArgument: it is to have another one.
    """
    first = request.namespaces.networks[0] if request.namespaces.networks else None
    if not isinstance(first, OfContainer) or isinstance(request.namespaces.uts, Host):
        return request
    if request.hostname:
        raise InvalidArgument(
            f"a container in the network of {first.ref!r} has its host name",
            hint=f"leave out {request.hostname!r}",
        )
    other = roster.get(first.ref)
    shown = other.request.namespaces
    if isinstance(shown.uts, Host) or isinstance(shown.networks[0], Host):
        return request.replace(hostname=other.request.hostname or os.uname().nodename)
    return request.replace(hostname=other.request.hostname or other.id[:_SHORT_ID])


class Joined:
    """Namespaces of other containers, held by descriptors for as long as a start takes.

    A PID could mean another process a moment later; a descriptor is that namespace for good.
    """

    def __init__(self, roster: Roster, store: Store) -> None:
        self._roster = roster
        self._store = store
        self._held: list[int] = []

    def __enter__(self) -> Joined:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self._held:
            os.close(fd)

    def namespaces(self, asked: Namespaces) -> Namespaces:
        """What is asked, with descriptors in place of containers."""
        changes: dict[str, object] = {}
        for kind in _KINDS:
            mode = getattr(asked, kind)
            if isinstance(mode, OfContainer):
                _check_shared(kind, self._roster.get(mode.ref))
                changes[kind] = self._of(mode, kind)
        (first, *others) = asked.networks
        if isinstance(first, OfContainer):
            changes["networks"] = (self._of(first, "network"), *others)
        return asked.replace(**changes) if changes else asked

    def _of(self, mode: OfContainer, kind: str) -> AtPath:
        other = self._roster.get(mode.ref)
        if other.state.status not in (RUNNING, PAUSED):
            raise WrongState("join", other.name, state=other.state.status or CREATED, needs=RUNNING)
        process = self._store.open(other.id, lock=False).read().process
        if process is None:
            raise WrongState("join", other.name, state=CREATED, needs=RUNNING)
        try:
            fd = os.open(f"/proc/{process.pid}/ns/{BY_NAME[kind].file}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            raise NotFound("process of container", other.name) from None
        self._held.append(fd)
        if not is_alive(process):  # what was opened may be another's
            raise WrongState("join", other.name, state="exited", needs=RUNNING)
        return AtPath(f"/proc/{os.getpid()}/fd/{fd}")
