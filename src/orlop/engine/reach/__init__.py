"""`reach`: who can reach a container's ports, from where, and by which rule.

What is known comes from the kernel at the moment of the question: its rules, addresses, routes and
settings. What to make of them is `orlop.network.reach`, which sends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.engine.blocking import in_thread
from orlop.engine.network import BRIDGE, HOST, MACVLAN, NONE
from orlop.engine.reach import reading
from orlop.engine.reach.hints import hint
from orlop.engine.reach.model import From, Reached, ReachedPort, Way
from orlop.engine.reach.ways import Subject, ways
from orlop.errors import NotFound, SyscallError, WrongState
from orlop.intent.request import AtPath, Host, OfContainer
from orlop.kernel import sockets
from orlop.network.reach.journey import Judge

if TYPE_CHECKING:
    from orlop.engine.container import Container
    from orlop.engine.known import Known
    from orlop.engine.network import Endpoint
    from orlop.engine.networks import Networks
    from orlop.kernel.sockets import WaitingSocket

__all__ = ["From", "Reach", "Reached", "ReachedPort", "Way"]

_MOST = 50
_KINDS = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6")}


class Reach:
    """Says who reaches containers."""

    def __init__(self, containers: Known, networks: Networks) -> None:
        self._containers = containers
        self._networks = networks

    async def explain(self, ref: str, port: int = 0, protocol: str = "tcp") -> Reached:
        """The answer for one container.

        Args:
            ref: id, unique beginning of an id, or name.
            port: of the container; 0 for all that are published or declared.
            protocol: of that port.

        Raises:
            NotFound: there is no such container.
            WrongState: it does not run, so it has no addresses.
            Unavailable: the rules cannot be read.
        """
        container = self._containers.get(ref)
        if not container.is_running:
            status = container.state.status
            raise WrongState("tell who reaches", container.name, state=status, needs="running")
        asked = ((port, protocol),) if port else self._ports(container)
        return await in_thread(self._explained, container, asked)

    def _ports(self, container: Container) -> tuple[tuple[int, str], ...]:
        """Those that are published or declared."""
        bindings = self._networks.bindings(self._owner(container))
        found = [(one.port, one.protocol) for one in bindings]
        found += [(one.port, one.protocol) for one in container.request.ports]
        return tuple(sorted(set(found)))

    def _owner(self, container: Container) -> Container:
        """The container whose network it has: its own, or another one's."""
        (first, *_) = container.request.namespaces.networks
        return self._containers.get(first.ref) if isinstance(first, OfContainer) else container

    def _explained(self, container: Container, asked: tuple[tuple[int, str], ...]) -> Reached:
        owner = self._owner(container)
        networks = self._networks.all()
        ends = self._networks.present(owner)
        kind = _kind(owner, ends)
        table = self._networks.table
        notes = []
        if not asked:
            notes.append(f"no port of {container.name} is published or declared: name one")
        if len(asked) > _MOST:
            notes.append(f"there are {len(asked) - _MOST} more ports: name one")
        if kind == NONE:
            notes.append(f"{container.name} has no network, so nobody reaches it")
        own = {one.device for one in networks if one.device}
        host = reading.read(own)
        if kind != HOST:
            inside = reading.unread_inside(container.state.pid)
            host = host.replace(unread=host.unread or inside)
        judge = Judge(host.facts)
        others = tuple(
            one
            for one in networks
            if one.device
            and self._networks.inside(one)
            and one.id not in {end.network.id for end in ends}
        )
        bindings = self._networks.bindings(owner)
        waiting = _waiting(container.state.pid)
        found = []
        for port, protocol in asked[:_MOST] if kind != NONE else ():
            meant = tuple(one for one in bindings if (one.port, one.protocol) == (port, protocol))
            subject = Subject(port, protocol, ends, meant, others, host, table)
            listed = tuple(ways(subject, judge))
            listens = _listens(waiting, port, protocol)
            made = ReachedPort(port, protocol, meant, listens, listed)
            found.append(made.replace(hint=hint(container.name, made, table)))
        return Reached(container.id, container.name, kind, table, tuple(found), tuple(notes))


def _kind(container: Container, ends: tuple[Endpoint, ...]) -> str:
    (first, *_) = container.request.namespaces.networks
    if isinstance(first, Host | AtPath):
        return HOST
    if not ends:
        return NONE
    return BRIDGE if any(end.device for end in ends) else MACVLAN


def _waiting(pid: int) -> tuple[WaitingSocket, ...] | None:
    """The sockets of a container that wait for somebody; None if that cannot be read."""
    try:
        return sockets.waiting(pid)
    except (NotFound, SyscallError):
        return None


def _listens(
    waiting: tuple[WaitingSocket, ...] | None, port: int, protocol: str
) -> tuple[str, ...] | None:
    """Where somebody waits at a port; None if that is not known."""
    kinds = _KINDS.get(protocol)
    if kinds is None or waiting is None:
        return None
    found = (one.address for one in waiting if one.protocol in kinds and one.port == port)
    return tuple(dict.fromkeys(found))
