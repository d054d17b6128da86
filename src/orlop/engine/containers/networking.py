"""Containers and networks by name: what a run gets of them, and changes while it goes on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.engine.networks import Wired, check_joinable
from orlop.errors import InvalidArgument, NotFound
from orlop.intent.etc_files import with_host_gateway
from orlop.intent.request import AtPath, Network, NoNetwork
from orlop.network.namespace import NAME_SERVER

if TYPE_CHECKING:
    from orlop.engine.container import Container
    from orlop.engine.containers.roster import Roster
    from orlop.engine.network import Binding
    from orlop.engine.networks import Networks
    from orlop.intent.request import Port, Request
    from orlop.runtime.state import Store

ANY = Wired("/proc/self/ns/net", ())
"""Stands for a namespace that is not there yet, to find mistakes in a configuration."""
_SHORT_ID = 12
_LOOPBACK = "127.0.0.1"


def networked(container: str, request: Request, wired: Wired | None, bridge: str) -> Request:
    """The request with the namespace and the names that its networks give.

    Without any, only a word for the host's address can be replaced. It is then that of the usual
    bridge, as with Docker, though nothing leads there.

    Args:
        container: its id.
        request: with networks by name.
        wired: the namespace that has them.
        bridge: the host's address at the usual bridge.
    """
    if wired is None:
        if not isinstance(request.namespaces.networks[0], NoNetwork):
            return request
        return request.replace(extra_hosts=with_host_gateway(request.extra_hosts, bridge))
    hostname = request.hostname or container[:_SHORT_ID]
    addresses = [one for end in wired.endpoints for one in end.addresses]
    gateway = next((one.gateway for one in addresses), "") or _LOOPBACK
    extra = with_host_gateway(request.extra_hosts, gateway)
    return request.replace(
        namespaces=request.namespaces.replace(networks=(AtPath(wired.path),)),
        extra_hosts=(*extra, *((hostname, one.address) for one in addresses)),
        dns=(NAME_SERVER,),
        dns_options=_options(request.dns_options),
        ports=(),
        publish_all=False,
        links=(),
    )


def _options(asked: tuple[str, ...]) -> tuple[str, ...]:
    """Names of containers have no dots, and are still whole names."""
    return asked if any(one.startswith("ndots:") for one in asked) else (*asked, "ndots:0")


def _check_ports(container: Container) -> None:
    if not isinstance(container.request.namespaces.networks[0], Network):
        raise InvalidArgument(
            f"container {container.name} has no network of its own, so no port can be published"
        )


def _is_meant(published: Port, wanted: Port) -> bool:
    """Whether what was asked for before is what somebody names now."""
    same = (published.port, published.protocol) == (wanted.port, wanted.protocol)
    port = wanted.host_port in (None, published.host_port)
    return published.published and same and port and wanted.host_ip in ("", published.host_ip)


def _is_bound(bound: Binding, wanted: Port) -> bool:
    same = (bound.port, bound.protocol) == (wanted.port, wanted.protocol)
    port = wanted.host_port in (None, bound.host_port)
    return same and port and wanted.host_ip in ("", bound.host_ip)


class Connector:
    """Changes the networks of containers whose lock is held."""

    def __init__(self, roster: Roster, store: Store, networks: Networks) -> None:
        self._roster = roster
        self._store = store
        self._networks = networks

    async def connect(self, container: Container, asked: Network) -> None:
        """The container is in one more network, at once if it runs.

        Raises:
            NotFound: there is no such network.
            PermissionDenied: it, or the container's own, is the host's or none.
            Conflict: the container is in it already.
        """
        network = self._networks.get(asked.name)
        check_joinable(container, network)
        present = container.request.namespaces.networks
        names = [mode.name for mode in present if isinstance(mode, Network)]
        self._networks.check_absent(container, network, names)
        if container.is_running:
            await self._networks.connect(container, asked, self._namespace(container))
        kept = [mode for mode in present if isinstance(mode, Network)]
        self._change(container, (*kept, asked.replace(name=network.name)))

    async def disconnect(self, container: Container, ref: str) -> None:
        """The container has left a network.

        Raises:
            NotFound: there is no such network, or the container is not in it.
            PermissionDenied: it is the host's, or none.
        """
        network = self._networks.get(ref)
        check_joinable(container, network)
        present = container.request.namespaces.networks
        left = tuple(
            mode
            for mode in present
            if not isinstance(mode, Network) or self._networks.get(mode.name) != network
        )
        if left == present:
            raise NotFound("endpoint", container.name, hint=f"it is not in {network.name}")
        if container.is_running:
            await self._networks.disconnect(container, network, self._namespace(container))
        self._change(container, left or (NoNetwork(),))

    async def publish(self, container: Container, ports: tuple[Port, ...]) -> None:
        """Further ports of the container are reached by ports of the host, at once if it runs.

        Raises:
            Conflict: a port of the host is in use.
            InvalidArgument: the container has no network of its own.
        """
        _check_ports(container)
        if container.is_running:
            await self._networks.publish(container, ports)
        request = container.request
        self._roster.change(container.id, request=request.replace(ports=(*request.ports, *ports)))

    async def unpublish(self, container: Container, ports: tuple[Port, ...]) -> None:
        """These ports are not published any more; connections that were made go on.

        Args:
            container: whose.
            ports: without a host's port, all by which that port of the container is reached.

        Raises:
            NotFound: one of them is not published.
        """
        request = container.request
        gone = [one for one in request.ports if any(_is_meant(one, port) for port in ports)]
        bound = self._networks.bindings(container)
        ended = {one for one in bound if any(_is_bound(one, port) for port in ports)}
        if not gone:
            wanted = ", ".join(f"{port.port}/{port.protocol}" for port in ports)
            raise NotFound("published port", wanted, hint=f"orlop port {container.name}")
        if ended:
            await self._networks.unpublish(container, ended)
        left = tuple(one for one in request.ports if one not in gone)
        self._roster.change(container.id, request=request.replace(ports=left))

    def _change(self, container: Container, networks: tuple[object, ...]) -> None:
        request = container.request
        changed = request.replace(namespaces=request.namespaces.replace(networks=networks))
        self._roster.change(container.id, request=changed)

    def _namespace(self, container: Container) -> int:
        """A descriptor of its network namespace."""
        process = self._store.open(container.id, lock=False).read().process
        if process is None:
            raise NotFound("process of container", container.name)
        return os.open(f"/proc/{process.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
