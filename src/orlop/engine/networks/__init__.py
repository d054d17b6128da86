"""The networks of an engine: what there is, who is in them, and how containers get there.

A container gets its addresses and ports when it starts (`prepare`, in the event loop: they are
written down before anything is made), its devices right before its launcher (`wired`, in a thread),
and gives up all of it when it has ended (`release`).

`host` is the host's own network, `none` a namespace with a loopback only; `bridge` is for those who
do not choose.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import time
from ipaddress import ip_network
from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine import network as model
from orlop.engine.blocking import in_thread
from orlop.engine.network import (
    BRIDGE,
    HOST,
    NONE,
    NULL,
    Endpoint,
    NetworkObject,
    NetworkRequest,
)
from orlop.engine.networks import planning
from orlop.engine.networks.directory import Directory
from orlop.engine.networks.resolving import Client, NameService
from orlop.engine.networks.watching import follow_rules
from orlop.engine.networks.wiring import Wiring
from orlop.errors import Conflict, InUse, InvalidArgument, NotFound, PermissionDenied, Unsupported
from orlop.intent.request import Host, Network, NoNetwork
from orlop.kernel.rtnetlink import Socket
from orlop.network import rates as shaping
from orlop.network.firewall import table_name
from orlop.network.namespace import listen_in, open_existing
from orlop.network.rates import UNLIMITED, Rates
from orlop.network.resolvers import Resolvers
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from orlop.engine.background import Background
    from orlop.engine.container import Container
    from orlop.engine.database import Database
    from orlop.engine.events import Events
    from orlop.engine.network import Binding
    from orlop.intent.request import Limits, Pairs, Port
    from orlop.network.namespace import NameSockets

__all__ = ["BRIDGE", "HOST", "NONE", "Endpoint", "NetworkObject", "NetworkRequest", "Networks"]

_USUAL_ROOT = "/var/lib/orlop"
_LINGER_S = 1.0
_GRACE_S = 0.5
_log = logging.getLogger(__name__)
_IPV6 = "/proc/sys/net/ipv6"


class Wired(Record):
    """A network namespace that is ready for a container.

    Attributes:
        path: of the namespace, as long as the start takes.
        endpoints: what is in it.
    """

    path: str
    endpoints: tuple[Endpoint, ...]


class Networks:
    """All networks of an engine.

    Args:
        database: where they last.
        bus: gets create, destroy, connect and disconnect.
        background: for what nobody waits for.
        find: the id of a container by its name; raises NotFound.
        data_root: of the engine; what it makes on the host is named after it.
        honours_host: the host's rules for what comes in hold for published ports, too.
    """

    def __init__(
        self,
        database: Database,
        bus: Events,
        background: Background,
        find: Callable[[str], str],
        data_root: str,
        *,
        honours_host: bool = True,
    ) -> None:
        self._directory = Directory(database)
        self._events = bus
        self._background = background
        self._find = find
        seed = hashlib.sha256(f"{_machine_id()}\0{data_root}".encode()).digest()
        self._seed = seed[:5]
        self._key = "" if data_root == _USUAL_ROOT else seed.hex()[:8]
        self._wiring = Wiring(table_name(self._key), honours_host=honours_host)
        self._last: dict[str, str] = {}
        self._names = NameService(self._directory.view, Resolvers())
        self._pending: dict[str, NameSockets] = {}

    async def open(self) -> None:
        """The networks that every engine has are there, and what containers had is as it was."""
        self.make_usual()
        everybody = self._directory.everybody()
        used = {one.network.id: one.network for one in everybody if one.device}
        if used:
            await in_thread(self._wiring.adopt, used.values(), everybody)
        unused = [network for network in self.all() if network.id not in used]
        await in_thread(self._wiring.remove_leftovers, unused)
        self._background.start(follow_rules(self._follow), "watch the packet filter")

    async def adopt(self, container: Container) -> None:
        """A container that goes on running finds names again."""
        if not self._directory.of(container.id):
            return
        try:
            fd = os.open(f"/proc/{container.state.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # it has just ended, which is noticed by whoever watches it
            return
        try:
            sockets = await in_thread(listen_in, fd)
        finally:
            os.close(fd)
        await self._names.serve(Client(container.id, sockets, container.request.dns))

    async def keep_only(self, containers: Collection[str]) -> None:
        """Of containers that are gone nothing is left, whatever has become of them."""
        for endpoint in self._directory.everybody():
            if endpoint.container not in containers:
                await self.release(endpoint.container)

    def make_usual(self) -> None:
        """The three networks that every engine has."""
        known = {network.name for network in self._directory.all()}
        now = time.time_ns()
        for name, driver in ((HOST, HOST), (NONE, NULL)):
            if name not in known:
                self._directory.add(NetworkObject(self._id(name), name, driver, now))
        if BRIDGE not in known:
            asked = NetworkRequest(BRIDGE)
            device = f"ol{self._key}0" if self._key else "orlop0"
            made = self._planned(asked)
            self._directory.add(made.replace(id=self._id(BRIDGE), device=device))

    def _id(self, name: str) -> str:
        return hashlib.sha256(b"\0".join((self._seed, name.encode()))).hexdigest()

    async def close(self) -> None:
        """Lets go of everything; what running containers use stays."""
        self._names.close()
        used = {endpoint.network.id for endpoint in self._directory.everybody()}
        unused = [network for network in self._directory.all() if network.id not in used]
        await in_thread(self._wiring.close, unused)

    # --- what there is ------------------------------------------------------------------------

    def all(self) -> tuple[NetworkObject, ...]:
        """All of them, the oldest first."""
        return self._directory.all()

    def get(self, ref: str) -> NetworkObject:
        """A network by its name, its id, or a beginning of it.

        Raises:
            NotFound: there is none.
            InvalidArgument: several ids begin so.
        """
        return self._directory.get(ref)

    @property
    def host_address(self) -> str:
        """The host's address at the bridge of those who do not choose a network."""
        return self.get(BRIDGE).subnets[0].gateway

    def endpoints(self, container: Container) -> tuple[Endpoint, ...]:
        """The networks that a container is in, or will be; none if it has another container's."""
        present = self._directory.of(container.id)
        if present:
            return present
        found = []
        for mode in container.request.namespaces.networks:
            name = _name_of(mode)
            with contextlib.suppress(NotFound):
                if name:
                    network = self.get(name)
                    asked = mode if isinstance(mode, Network) else None
                    own = self._endpoint_id(container, network)
                    found.append(Endpoint(network, container.id, own, asked))
        return tuple(found)

    def _endpoint_id(self, container: Container, network: NetworkObject) -> str:
        if not container.is_running:
            return ""
        return hashlib.sha256(f"{network.id}{container.id}".encode()).hexdigest()

    def present(self, container: Container) -> tuple[Endpoint, ...]:
        """Its parts in networks as they are made; none if it does not run, or has no bridge."""
        return self._directory.of(container.id)

    @property
    def table(self) -> str:
        """The name of the engine's table of nftables."""
        return table_name(self._key)

    def inside(self, network: NetworkObject) -> tuple[Endpoint, ...]:
        """The endpoints of running containers in a network."""
        return self._directory.inside(network)

    def bindings(self, container: Container) -> tuple[Binding, ...]:
        """The ports of the host that lead to a running container."""
        ends = self._directory.of(container.id)
        return tuple(binding for endpoint in ends for binding in endpoint.bindings)

    # --- networks -----------------------------------------------------------------------------

    async def create(self, asked: NetworkRequest) -> NetworkObject:
        """A new network; its bridge appears with the first container in it.

        Raises:
            As `planning.new_network` and `Wiring.check_wire`.
            AlreadyExists: the name is taken.
        """
        self._directory.check_free(asked.name)
        made = await in_thread(self._planned, asked)
        self._check_device(made)
        self._directory.add(made)
        self._events.publish(events.of_network(made.id, made.name, made.driver, "create"))
        return made

    def _planned(self, asked: NetworkRequest) -> NetworkObject:
        own = [ip_network(one.subnet) for network in self.all() for one in network.subnets]
        routed = self._wiring.routed_subnets()
        has_ipv6 = os.path.isdir(_IPV6)
        made = planning.new_network(asked, own, routed, self._seed, host_has_ipv6=has_ipv6)
        self._wiring.check_wire(made)
        return made

    def _check_device(self, made: NetworkObject) -> None:
        for other in self.all():
            if made.device and other.device == made.device:
                raise Conflict(f"network {other.name} has the bridge {made.device}")

    async def remove(self, ref: str) -> NetworkObject:
        """A network is gone.

        Raises:
            NotFound: there is none.
            PermissionDenied: it is one that every engine has.
            InUse: a container is in it.
        """
        network = self.get(ref)
        if network.is_builtin:
            raise PermissionDenied(f"{network.name} is a pre-defined network and cannot be removed")
        self._directory.drop(network)
        await in_thread(self._wiring.remove, network)
        self._events.publish(events.of_network(network.id, network.name, network.driver, "destroy"))
        return network

    async def prune(self, keep: Callable[[NetworkObject], bool]) -> tuple[NetworkObject, ...]:
        """Networks that no container is in, and that nobody wants to keep, are gone."""
        unused = [
            network
            for network in self.all()
            if not (network.is_builtin or self._directory.inside(network) or keep(network))
        ]
        return tuple([await self.remove(network.id) for network in unused])

    # --- containers ---------------------------------------------------------------------------

    def check(self, container: Container) -> None:
        """The networks that a container wants are there.

        Raises:
            NotFound: one is not.
        """
        for mode in container.request.namespaces.networks:
            if isinstance(mode, Network):
                self.get(mode.name)

    def check_absent(
        self, container: Container, network: NetworkObject, names: Iterable[str]
    ) -> None:
        """None of these names is the network's.

        Raises:
            InUse: the container is in it already.
        """
        for name in names:
            if self.get(name).id == network.id:
                raise InUse(f"container {container.name} is in network {network.name} already")

    def prepare(self, container: Container) -> tuple[Endpoint, ...]:
        """What a container gets that starts now: written down, not made yet.

        Raises:
            NotFound: a network is gone.
            Conflict: the host has come to reach the same addresses elsewhere.
            As `planning.new_endpoint` and `planning.bindings_of`.
        """
        modes = container.request.namespaces.networks
        asked = [mode for mode in modes if isinstance(mode, Network)]
        known = [(self._undisputed(self.get(mode.name)), mode) for mode in asked]
        first = _gateway_place(known)
        ends = []
        for place, (network, mode) in enumerate(known):
            end = planning.new_endpoint(
                network,
                container,
                mode,
                self._directory.inside(network),
                place,
                is_gateway=place == first,
                last=self._last.get(network.id, ""),
            )
            if place == first and end.device:
                end = end.replace(bindings=self._bindings_for(container, network))
            end = end.replace(links=self._links(container))
            if end.addresses and not mode.ipv4:
                self._last[network.id] = end.addresses[0].address
            ends.append(end)
        if ends:
            self._directory.join(*ends)
        return tuple(ends)

    def _undisputed(self, network: NetworkObject) -> NetworkObject:
        """The network, whose addresses lead nowhere else since it was made.

        While it has no bridge others can take them: another engine, say. The default network, of
        which nobody has chosen anything, moves then.
        """
        is_new = network.device and not self._wiring.has_bridge(network)
        if not is_new or self._directory.inside(network):
            return network
        own = {ip_network(one.subnet) for one in network.subnets}
        if not (disputed := own.intersection(self._wiring.routed_subnets())):
            return network
        if not network.is_default:
            raise Conflict(
                f"the host reaches {disputed.pop()}, a subnet of {network.name}, elsewhere",
                hint="another device has it; make the network anew with another subnet",
            )
        moved = network.replace(subnets=self._planned(NetworkRequest(BRIDGE)).subnets)
        self._directory.change(moved)
        return moved

    def _links(self, container: Container) -> Pairs:
        return tuple((alias, self._find(name)) for name, alias in container.request.links)

    def _bindings_for(self, container: Container, network: NetworkObject) -> tuple[Binding, ...]:
        request = container.request
        used = self._directory.bindings()
        published = [port for port in request.ports if port.published]
        exposed = [p for p in request.ports if not p.published] if request.publish_all else []
        host_ip = network.option(model.HOST_IP)
        return planning.bindings_of(published, exposed, used, host_ip)

    @contextlib.contextmanager
    def wired(self, ends: tuple[Endpoint, ...], rates: Rates = UNLIMITED) -> Iterator[Wired | None]:
        """A namespace with the devices of these endpoints, for a start; None without any.

        To be called in a thread. Nobody but the container that starts within keeps it afterwards.
        """
        if not ends:
            yield None
            return
        with self._wiring.take_namespace() as namespace:
            self._wiring.wire(namespace, ends, rates)
            names = namespace.take_names()
            if names is not None:
                self._pending[ends[0].container] = names
            yield Wired(f"/proc/{os.getpid()}/fd/{namespace.fd}", ends)

    async def started(self, container: Container) -> None:
        """A container that has started finds names; makes ready for the next one."""
        sockets = self._pending.pop(container.id, None)
        if sockets is not None:
            await self._names.serve(Client(container.id, sockets, container.request.dns))
        for endpoint in self._directory.of(container.id):
            self._tell(endpoint, "connect")
            self._background.start(self._prepare_namespaces(), "prepare network namespaces")

    async def _prepare_namespaces(self) -> None:
        await in_thread(self._wiring.prepare_namespaces)

    async def release(self, container: str) -> None:
        """Of a container that has ended nothing is left in any network."""
        self._names.stop(container)
        sockets = self._pending.pop(container, None)
        if sockets is not None:
            sockets.close()
        for endpoint in self._directory.of(container):
            try:
                link = await in_thread(self._wiring.detach, endpoint)
            finally:
                self._directory.leave(endpoint)
            self._tell(endpoint, "disconnect")
            if link:
                self._background.start(self._delete(link), "delete a link")
            self._background.start(self._remove_unused(endpoint.network), "remove a bridge")

    async def _delete(self, link: int) -> None:
        """A device is gone for sure, which has gone by itself if nobody keeps its namespace.

        The kernel takes down all namespaces that have ended at once; a device that is deleted costs
        it 20 ms, for which everybody waits who has to do with any device.
        """
        try:
            await asyncio.sleep(_GRACE_S)
        finally:
            await in_thread(self._wiring.delete, link)

    async def _remove_unused(self, network: NetworkObject) -> None:
        """The bridge goes soon after the last container; the next one finds it if it is quick."""
        await asyncio.sleep(_LINGER_S)
        if not self._directory.inside(network):
            await in_thread(self._wiring.remove, network)

    def _tell(self, endpoint: Endpoint, action: str) -> None:
        network = endpoint.network
        event = events.of_network(
            network.id, network.name, network.driver, action, endpoint.container
        )
        self._events.publish(event)

    async def connect(self, container: Container, asked: Network, namespace: int) -> Endpoint:
        """A running container is in one more network.

        Args:
            container: who; its lock is held.
            asked: which network, and how.
            namespace: descriptor of its network namespace; it is closed.

        Raises:
            NotFound: there is no such network.
            Conflict: it is there already.
        """
        network = self.get(asked.name)
        present = self._directory.of(container.id)
        places = [int(end.inner.removeprefix("eth")) for end in present]
        end = planning.new_endpoint(
            network,
            container,
            asked,
            self._directory.inside(network),
            max(places, default=-1) + 1,
            is_gateway=not present,
            last=self._last.get(network.id, ""),
        )
        self._directory.join(end)
        try:
            rates = rates_of(container.request.limits)
            await in_thread(self._connect, namespace, end, rates)
        except BaseException:
            self._directory.leave(end)
            raise
        self._tell(end, "connect")
        return end

    def _connect(self, namespace: int, end: Endpoint, rates: Rates) -> None:
        with open_existing(namespace) as inner:
            self._wiring.wire(inner, (end,), rates)

    async def publish(self, container: Container, asked: tuple[Port, ...]) -> tuple[Binding, ...]:
        """Further ports of the host lead to a running container, at once.

        Raises:
            Conflict: a port is in use.
            InvalidArgument: the container is in no network that has ports.
        """
        end = self._gateway_end(container)
        used = self._directory.bindings()
        host_ip = end.network.option(model.HOST_IP)
        new = planning.bindings_of(asked, (), used, host_ip)
        changed = end.replace(bindings=(*end.bindings, *new))
        await in_thread(self._wiring.publish, changed)
        self._directory.join(changed)
        return new

    async def unpublish(self, container: Container, gone: Collection[Binding]) -> None:
        """These ports of the host lead nowhere; connections that were made go on."""
        end = self._gateway_end(container)
        changed = end.replace(bindings=tuple(one for one in end.bindings if one not in gone))
        await in_thread(self._wiring.take_back, end.replace(bindings=tuple(gone)))
        self._directory.join(changed)

    def _gateway_end(self, container: Container) -> Endpoint:
        for end in self._directory.of(container.id):
            if end.is_gateway and end.device:
                return end
        raise InvalidArgument(
            f"container {container.name} is in no network with a bridge, so it has no ports",
            hint="orlop network connect bridge CONTAINER",
        )

    async def set_rates(self, container: Container, limits: Limits) -> None:
        """A running container is held to other rates.

        Raises:
            Unsupported: this kernel cannot do it.
        """
        rates = rates_of(limits)
        ends = self._directory.of(container.id)
        for end in ends:
            if not end.device and rates != UNLIMITED:
                raise Unsupported(
                    f"a rate in network {end.network.name}", needs="a network with a bridge"
                )
        for end in ends:
            if end.device:
                await in_thread(self._wiring.set_rates, end, rates)

    def rates(self, container: Container) -> Mapping[str, Rates]:
        """What the kernel holds a container's devices to, by their names in it. Blocks.

        Of a container of which nothing is asked nothing is read.

        Raises:
            SyscallError: the kernel refuses.
        """
        ends = {end.device: end.inner for end in self._directory.of(container.id) if end.device}
        if not ends or rates_of(container.request.limits) == UNLIMITED:
            return {}
        return {ends[device]: found for device, found in read_rates(ends).items()}

    async def disconnect(
        self, container: Container, network: NetworkObject, namespace: int
    ) -> None:
        """A running container has left a network; see `connect`."""
        end = next((e for e in self._directory.of(container.id) if e.network == network), None)
        if end is None:
            os.close(namespace)
            raise NotFound("endpoint", container.name, hint=f"it is not in {network.name}")
        await in_thread(self._disconnect, namespace, end)
        self._directory.leave(end)
        self._tell(end, "disconnect")

    def _disconnect(self, namespace: int, end: Endpoint) -> None:
        with open_existing(namespace) as inner:
            self._wiring.disconnect(inner, end)

    async def _follow(self) -> None:
        """Our rules fit to the host's; where ours were changed, that they were is told."""
        if await in_thread(self._wiring.follow):
            _log.warning("somebody had changed the rules of the networks; they are there again")
            for network in self._used():
                self._events.publish(
                    events.of_network(network.id, network.name, network.driver, "reload")
                )

    def _used(self) -> tuple[NetworkObject, ...]:
        """The networks that a container is in."""
        ends = self._directory.everybody()
        return tuple({end.network.id: end.network for end in ends}.values())


def read_rates(devices: Iterable[str]) -> Mapping[str, Rates]:
    """What the kernel holds containers to, by their devices on the host.

    Raises:
        SyscallError: the kernel refuses.
    """
    with Socket() as socket:
        return shaping.read(socket, devices)


def rates_of(limits: Limits) -> Rates:
    """What is asked of a container's networks."""
    return Rates(
        max(limits.net_in_bits or 0, 0),
        max(limits.net_out_bits or 0, 0),
        limits.net_burst_bytes or 0,
        limits.net_delay_ns or 0,
        limits.net_loss_ppm or 0,
    )


def check_joinable(container: Container, network: NetworkObject) -> None:
    """A container can be connected to a network, or taken out of it.

    One without any network can be connected: it has a namespace of its own.

    Raises:
        PermissionDenied: one of them is the host's, or the network is `none`.
        InvalidArgument: the container has the namespace of another.
    """
    modes = container.request.namespaces.networks
    if network.name in (HOST, NONE) or isinstance(modes[0], Host):
        raise PermissionDenied(
            f"container {container.name} cannot be connected to or disconnected from"
            f" network {network.name}",
            hint="they are chosen when a container is created",
        )
    if not all(isinstance(mode, (Network, NoNetwork)) for mode in modes):
        raise InvalidArgument(f"container {container.name} has the network of another")


def _gateway_place(known: Iterable[tuple[NetworkObject, Network]]) -> int:
    """Which of the networks gives the default route: the highest priority, internal ones last."""
    ranked = [
        (network.internal, -asked.gateway_priority, place)
        for place, (network, asked) in enumerate(known)
    ]
    return min(ranked)[2] if ranked else 0


def _name_of(mode: object) -> str:
    match mode:
        case Host():
            return HOST
        case NoNetwork():
            return NONE
        case Network(name):
            return name
    return ""


def _machine_id() -> str:
    try:
        with open("/etc/machine-id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
