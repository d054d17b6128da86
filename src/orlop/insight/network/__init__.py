"""The network of a process: what is in its namespace, and what of the host's concerns it.

Interfaces, routes, rules and traffic control are asked of the kernel by the host's own tools, which
are run in the process's network namespace and nowhere else of it. Sockets are read from /proc.
"""

from __future__ import annotations

import os

from orlop.errors import NotFound, OrlopError, SyscallError
from orlop.insight.network.firewall import (
    Chain,
    concerning,
    iptables_chains,
    nftables_chains,
)
from orlop.insight.network.links import ELSEWHERE, HOST, Interface, Link, Route, routes
from orlop.insight.network.links import interfaces as interfaces_here
from orlop.insight.network.traffic import QueueDiscipline, TrafficFilter, disciplines, filters
from orlop.kernel import namespaces, netlink, netns, sockets
from orlop.kernel import process as processes
from orlop.kernel.sockets import WaitingSocket
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import TypeVar

    T = TypeVar("T")

__all__ = [
    "Chain",
    "Holder",
    "Interface",
    "Link",
    "Listener",
    "Network",
    "Outside",
    "QueueDiscipline",
    "Route",
    "TrafficFilter",
    "WaitingSocket",
    "read_network",
]


class Holder(Record):
    """A process that has a socket open; its name is text from a container."""

    pid: int
    name: str


class Listener(Record):
    """A socket that waits for others, and the processes that are known to hold it."""

    socket: WaitingSocket
    holders: tuple[Holder, ...] = ()


class Outside(Record):
    """What the host has that concerns a network namespace.

    Attributes:
        interfaces: the other ends of its interfaces, and the bridges that these are in.
        chains: rules of the host that name one of these, or an address of the namespace.
        disciplines, filters: traffic control at the other ends.
    """

    interfaces: tuple[Interface, ...] = ()
    chains: tuple[Chain, ...] = ()
    disciplines: tuple[QueueDiscipline, ...] = ()
    filters: tuple[TrafficFilter, ...] = ()


class Network(Record):
    """The network namespace of a process.

    Attributes:
        inode: of the namespace; 0 if it may not be known.
        shared: it is this process's own, so as a rule the host's. Then `outside` is empty.
        interfaces: with their addresses.
        routes: of all tables but "local".
        listeners: sockets that listen or receive.
        chains: all firewall rules in it.
        disciplines, filters: its traffic control.
        outside: what the host has to do with it.
        problems: why some of this could not be read; that part is empty then.
    """

    inode: int = 0
    shared: bool = False
    interfaces: tuple[Interface, ...] = ()
    routes: tuple[Route, ...] = ()
    listeners: tuple[Listener, ...] = ()
    chains: tuple[Chain, ...] = ()
    disciplines: tuple[QueueDiscipline, ...] = ()
    filters: tuple[TrafficFilter, ...] = ()
    outside: Outside = Outside()
    problems: tuple[OrlopError, ...] = ()


class _Parts:
    """Reads one part after the other, and remembers why some could not be read."""

    def __init__(self) -> None:
        self.problems: list[OrlopError] = []

    def many(self, work: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
        return self.read(work, ())

    def read(self, work: Callable[[], T], otherwise: T) -> T:
        try:
            return work()
        except NotFound:
            raise
        except OrlopError as error:
            if str(error) not in map(str, self.problems):
                self.problems.append(error)
            return otherwise


def read_network(process: processes.Identity) -> Network:
    """Everything about the network of a process that may be read.

    Raises:
        NotFound: the process has ended.
    """
    parts = _Parts()
    fd = parts.read(lambda: netns.open_network(process), -1)
    try:
        network = _read(process.pid, fd, parts)
    finally:
        if fd >= 0:
            os.close(fd)
    if processes.identify(process.pid) != process:
        raise NotFound("process", str(process.pid))
    return network.replace(problems=tuple(parts.problems))


def _read(pid: int, fd: int, parts: _Parts) -> Network:
    if fd < 0:
        return Network(interfaces=_names(pid, parts), listeners=_listeners(pid, 0, parts))
    inode = namespaces.identify(fd).inode
    shared = namespaces.same(fd, "/proc/self/ns/net")
    legacy = parts.many(lambda: netns.iptables_families(pid))
    here = parts.read(lambda: netns.within(fd, lambda: _present(legacy, parts)), Network())
    interfaces = here.interfaces or _names(pid, parts)
    outside = Outside()
    if not shared:
        ours = parts.many(interfaces_here)
        interfaces = tuple(_with_link(it, fd, ours, parts) for it in interfaces)
        outside = _outside(interfaces, ours, parts)
    return here.replace(
        inode=inode,
        shared=shared,
        interfaces=interfaces,
        listeners=_listeners(pid, inode, parts),
        outside=outside,
    )


def _present(legacy: Collection[str], parts: _Parts) -> Network:
    """What the tools say of the network namespace of the calling thread."""
    queues = parts.many(disciplines)
    return Network(
        interfaces=parts.many(interfaces_here),
        routes=parts.many(routes),
        chains=(
            *parts.many(nftables_chains),
            *parts.many(lambda: iptables_chains(legacy)),
        ),
        disciplines=queues,
        filters=parts.many(lambda: filters(queues)),
    )


def _names(pid: int, parts: _Parts) -> tuple[Interface, ...]:
    names = parts.many(lambda: netns.device_names(pid))
    return tuple(Interface(name) for name in names)


# --- the host's side ----------------------------------------------------------------------------


def _with_link(
    interface: Interface, fd: int, ours: Collection[Interface], parts: _Parts
) -> Interface:
    """The interface, with the name of its other end if that is on the host.

    Indices are unique in one namespace only. So the two have to name each other, and our end has to
    name this namespace.
    """
    link = interface.link
    if link is None or link.where != ELSEWHERE:
        return interface
    number = parts.read(lambda: netlink.namespace_id(fd), None)
    for found in ours:
        back = found.link
        if (
            found.index == link.index
            and back is not None
            and number is not None
            and (back.index, back.network) == (interface.index, number)
        ):
            return interface.replace(link=link.replace(name=found.name, where=HOST))
    return interface


def _outside(inside: Collection[Interface], ours: Collection[Interface], parts: _Parts) -> Outside:
    ends = {it.link.name for it in inside if it.link is not None and it.link.where == HOST}
    found = tuple(it for it in ours if it.name in ends)
    bridges = {it.master for it in found} - {""}
    addresses = {
        address.partition("/")[0]
        for it in inside
        for address in it.addresses
        if it.kind != "loopback" and not address.startswith("fe80:")
    }
    if not ends and not addresses:
        return Outside()
    legacy = parts.many(lambda: netns.iptables_families(os.getpid()))
    chains = (
        *parts.many(nftables_chains),
        *parts.many(lambda: iptables_chains(legacy)),
    )
    queues = parts.many(lambda: disciplines(ends)) if ends else ()
    return Outside(
        interfaces=(*found, *(it for it in ours if it.name in bridges)),
        chains=concerning(chains, ends | bridges, addresses),
        disciplines=queues,
        filters=parts.many(lambda: filters(queues)),
    )


# --- sockets ------------------------------------------------------------------------------------


def _listeners(pid: int, inode: int, parts: _Parts) -> tuple[Listener, ...]:
    found = parts.many(lambda: sockets.waiting(pid))
    holders = _holders({it.inode for it in found}, inode) if found else {}
    return tuple(Listener(it, holders.get(it.inode, ())) for it in found)


def _holders(inodes: Collection[int], network: int) -> dict[int, tuple[Holder, ...]]:
    """The processes of that namespace are asked first: as a rule they have them all."""
    everybody = processes.everybody()
    inside = [pid for pid in everybody if _network_of(pid) == network]
    held = sockets.holders(inodes, inside)
    missing = set(inodes) - set(held)
    if missing:
        known = set(inside)
        held |= sockets.holders(missing, (pid for pid in everybody if pid not in known))
    return {inode: tuple(_named(pids)) for inode, pids in held.items()}


def _network_of(pid: int) -> int:
    try:
        return namespaces.identify(f"/proc/{pid}/ns/net").inode
    except SyscallError:
        return -1


def _named(pids: Collection[int]) -> Iterator[Holder]:
    for pid in pids:
        try:
            yield Holder(pid, processes.read_stat(pid).comm)
        except NotFound:
            continue
