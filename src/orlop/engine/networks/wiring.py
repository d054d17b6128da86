"""What the engine does to the host's network: bridges, pairs of devices, the table of nftables.

One object for an engine, used from threads; nothing here is asked for or stored, all of it could be
made again from what is. Nothing is touched before the first container needs it.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import json
import logging
import os
import threading
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from orlop.engine import host_rules
from orlop.engine import network as model
from orlop.errors import (
    InvalidArgument,
    NotFound,
    OrlopError,
    SyscallError,
    Unavailable,
    Unsupported,
)
from orlop.kernel import links, netns
from orlop.kernel.nftables import Nftables, Refused
from orlop.kernel.rtnetlink import Socket
from orlop.network import bridge, endpoint, firewall, host_firewall, namespace
from orlop.network import rates as shaping
from orlop.network.addresses import make_range
from orlop.network.bridge import Bridge
from orlop.network.firewall import Fence, Published
from orlop.network.rates import UNLIMITED, Rates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orlop.engine.network import Endpoint, NetworkObject
    from orlop.network.addresses import Address, Subnet
    from orlop.network.host_firewall import Json
    from orlop.network.namespace import Namespace

_IDLE = 4
_UNKNOWN = -2  # number of no generation of rules, nor the one before
_log = logging.getLogger(__name__)


class Wiring:
    """The host's side of an engine's networks.

    Args:
        table: the name of its table of nftables.
        honours_host: the host's rules for what comes in hold for published ports, too.
    """

    def __init__(self, table: str, *, honours_host: bool = True) -> None:
        self._table = table
        self._host_table = f"{table}_host" if honours_host else ""
        self._generation = _UNKNOWN
        self._lock = threading.RLock()
        self._socket: Socket | None = None
        self._nftables: Nftables | None = None
        self._bridges: dict[str, int] = {}
        self._fences: dict[str, Fence] = {}
        self._published: set[Published] = set()
        self._has_table = False
        self._own_rules: tuple[str | Refused, ...] = ()
        self._copied: tuple[object, ...] = ()
        self._rules = self._copied_rules = 0  # how many there have to be
        self._limited: set[str] = set()  # devices whose containers are held to rates
        self._idle: collections.deque[Namespace] = collections.deque()
        self._is_closed = False

    @property
    def socket(self) -> Socket:
        """Rtnetlink in the host's namespace."""
        if self._socket is None:
            self._socket = Socket()
        return self._socket

    @property
    def nftables(self) -> Nftables:
        """The packet filter of the host's namespace."""
        if self._nftables is None:
            self._nftables = Nftables()
        return self._nftables

    # --- namespaces ---------------------------------------------------------------------------

    def take_namespace(self) -> Namespace:
        """A network namespace for a container: one that is ready, if there is one."""
        try:
            return self._idle.popleft()
        except IndexError:
            return namespace.make()

    def prepare_namespaces(self) -> None:
        """There are some that are ready; blocks for the time that making them takes."""
        while len(self._idle) < _IDLE and not self._is_closed:
            self._keep(namespace.make())

    def _keep(self, ready: Namespace) -> None:
        """It is for the next container, unless the engine has ended meanwhile."""
        with self._lock:
            if self._is_closed:
                ready.close()
            else:
                self._idle.append(ready)

    # --- networks -----------------------------------------------------------------------------

    def check_wire(self, network: NetworkObject) -> None:
        """The device of the host that a macvlan network names is there.

        Raises:
            InvalidArgument: it is not, or no other device can be on it.
        """
        parent = network.option(model.PARENT)
        if network.driver != model.MACVLAN:
            return
        with Socket() as socket:
            try:
                link = links.link_by_name(socket, parent)
            except NotFound:
                raise InvalidArgument(
                    f"the host has no network device {parent}", hint="ip link shows those it has"
                ) from None
        if link.is_loopback:
            raise InvalidArgument(f"the device {parent} is a loopback, which has no wire")

    def routed_subnets(self) -> tuple[Subnet, ...]:
        """What the host has routes to, besides the default ones."""
        with Socket() as socket:
            found = links.routes(socket)
        width = {2: 4, 10: 16}
        return tuple(
            ip_network((route.destination.ljust(width[route.family], b"\0"), route.prefix))
            for route in found
            if route.prefix
        )

    def has_bridge(self, network: NetworkObject) -> bool:
        """Whether its bridge is there, as far as it was made here."""
        return network.id in self._bridges

    def wire(self, inner: Namespace, ends: Iterable[Endpoint], rates: Rates = UNLIMITED) -> None:
        """The namespace has a device in each network, and published ports lead to it.

        Raises:
            OrlopError: something cannot be made; what has been made is gone.
        """
        ends = tuple(ends)
        done: list[Endpoint] = []
        with self._lock:
            try:
                for end in ends:
                    self._wire(inner, end)
                    done.append(end)
                    if rates != UNLIMITED:
                        self.set_rates(end, rates)
            except OrlopError:
                for end in done:
                    self.unwire(end)
                    endpoint.disconnect(inner, end.inner)
                raise

    def _wire(self, inner: Namespace, end: Endpoint) -> None:
        network = end.network
        wanted = endpoint.Endpoint(
            end.device,
            end.inner,
            tuple((ip_address(one.address), one.prefix) for one in end.addresses),
            _gateways(end),
            mac=end.mac,
            mtu=int(network.option(model.MTU, "0")),
            isolated=network.option(model.ICC, "true") != "true",
        )
        if network.driver == model.MACVLAN:
            mode = network.option(model.MACVLAN_MODE, model.USUAL_MACVLAN_MODE)
            parent = network.option(model.PARENT)
            endpoint.wire_macvlan(self.socket, inner, parent, mode, wanted)
            return
        bridge_link = self._bridge(network)
        try:
            endpoint.wire(self.socket, inner, bridge_link, wanted)
        except SyscallError as error:
            if error.errno != errno.EEXIST:
                raise
            endpoint.unwire(self.socket, end.device)  # of the run before, on its way out
            endpoint.wire(self.socket, inner, bridge_link, wanted)
        try:
            self.publish(end)
        except OrlopError:
            endpoint.unwire(self.socket, end.device)
            raise

    def set_rates(self, end: Endpoint, rates: Rates) -> None:
        """The container's device in that network is held to these rates.

        Raises:
            Unsupported: this kernel cannot do it, or the device is not ours to hold.
        """
        if not end.device:
            raise Unsupported(
                f"a rate in network {end.network.name}", needs="a network with a bridge"
            )
        with self._lock:
            self._limited.add(end.device)
            shaping.apply(self.socket, end.device, rates)

    def _bridge(self, network: NetworkObject) -> int:
        """The number of the network's bridge, which is made and fenced if it was not there."""
        known = self._bridges.get(network.id)
        if known is not None and network.id in self._fences:
            return known
        made = self._bridges[network.id] = bridge.ensure(self.socket, _bridge_of(network))
        self._fences[network.id] = _fence_of(network)
        bridge.enable_forwarding()
        self.apply()
        return made

    def remove(self, network: NetworkObject) -> None:
        """Nothing of the network is left on the host."""
        with self._lock:
            if network.driver != model.BRIDGE:
                return
            bridge.remove(self.socket, _bridge_of(network))  # also that of an engine before
            known = self._fences.pop(network.id, None)
            self._bridges.pop(network.id, None)
            if known is not None and self._fences:
                self.apply()
            elif known is not None:
                self._remove_table()

    def unwire(self, end: Endpoint) -> None:
        """Nothing of a container's part in a network is left on the host.

        Its end of a pair goes with its namespace anyway; this is sooner, and finds leftovers.
        """
        with self._lock:
            self._take_back(_published(end))
            if end.device:
                if end.device in self._limited:
                    shaping.remove(self.socket, end.device)
                    self._limited.discard(end.device)
                endpoint.unwire(self.socket, end.device)

    def detach(self, end: Endpoint) -> int:
        """A container's part in a network is none any more, but for its device.

        Returns:
            The number of that, for `delete`; 0 if it has gone.
        """
        with self._lock:
            self._take_back(_published(end))
            if end.device in self._limited:
                shaping.remove(self.socket, end.device)
                self._limited.discard(end.device)
            try:
                return links.link_by_name(self.socket, end.device).index if end.device else 0
            except NotFound:
                return 0

    def delete(self, link: int) -> None:
        """A device is gone; takes as long as the kernel needs to be sure that nobody uses it.

        By number, since another run of the container may have a device of the same name by now. If
        its namespace was quicker, it is gone already.
        """
        with Socket() as socket, contextlib.suppress(SyscallError):
            socket.do(links.delete(link))

    def disconnect(self, inner: Namespace, end: Endpoint) -> None:
        """A running container has no device in that network any more."""
        with self._lock:
            self._take_back(_published(end))
            shaping.remove(self.socket, end.device)
            endpoint.disconnect(inner, end.inner)

    # --- the packet filter --------------------------------------------------------------------

    def apply(self) -> None:
        """The table is as it has to be, whoever has changed it.

        Raises:
            Unavailable: the kernel refuses it.
        """
        with self._lock:
            self._generation = self.nftables.generation()
            commands = firewall.ruleset(self._table, self._fences.values(), self._published)
            self._run(commands)
            self._rules = firewall.rule_count(commands)
            self._has_table = True
            self._copied = ()
            self._mirror()
            self._remember()

    def _mirror(self) -> None:
        """The host's rules for what comes in are copied, as they are now.

        Nothing is written that is there already: two engines would answer each other for ever.
        """
        if not self._host_table:
            return
        copy = host_firewall.mirror(
            host_rules.read_document(self.nftables),
            self._host_table,
            [fence.device for fence in self._fences.values()],
            self._open_ports(),
            (self._table,),
        )
        if copy.commands == self._copied:
            return
        for rule in copy.skipped:
            _log.warning("a rule in %s cannot be copied and does not hold for ports", rule)
        taken = self._write_copy(copy.commands)
        self._copied = copy.commands
        self._copied_rules = sum("rule" in command.get("add", ()) for command in taken)
        self._expect()

    def _write_copy(self, commands: tuple[Json, ...]) -> tuple[Json, ...]:
        """Performs what copies the host's rules; returns what of it the kernel takes."""
        refused = self.nftables.run_json(_as_json(commands))
        if refused is None:
            return commands
        fd, taken = netns.make(lambda: _taken_one_by_one(commands))
        os.close(fd)
        _log.warning("%d of the host's rules cannot be copied", len(commands) - len(taken))
        refused = self.nftables.run_json(_as_json(taken))
        if refused is not None:
            raise Unavailable(f"the host's rules cannot be copied: {refused.reason}")
        return taken

    def _open_ports(self) -> set[tuple[str, int]]:
        """The ports that are published without an address."""
        return {(p.protocol, p.host_port) for p in self._published if p.host_ip is None}

    def _listed(self) -> tuple[str | Refused, ...]:
        """The rules of our own tables, with the kernel's numbers for them."""
        listed = self.nftables.list_json
        tables = filter(None, (self._table, self._host_table))
        return tuple(listed(f"list table inet {name}", terse=True) for name in tables)

    def _remember(self) -> None:
        """What our rules are like, unless somebody was quick to change them: then nothing fits."""
        listed = self._listed()
        there = [text for text in listed if isinstance(text, str)]
        count = sum(text.count('{"rule": ') for text in there)
        is_ours = there == [*listed] and count == self._rules + self._copied_rules
        self._own_rules = listed if is_ours else ()

    def follow(self) -> bool:
        """After others have changed the host's rules ours fit to them; whether ours were changed.

        Raises:
            Unavailable: the host's rules cannot be read, or ours not be made.
        """
        with self._lock:
            if not self._has_table or self.nftables.generation() == self._generation:
                return False
            if self._listed() != self._own_rules:
                self.apply()
                return True
            self._generation = self.nftables.generation()
            try:
                self._mirror()
            except OrlopError:
                self._generation = _UNKNOWN
                raise
            self._remember()
            return False

    def publish(self, end: Endpoint) -> None:
        """The ports of the host lead to the container."""
        with self._lock:
            new = set(_published(end)) - self._published
            if not new:
                return
            before = self._open_ports()
            self._published |= new
            commands = firewall.add_ports(self._table, new)
            try:
                self._run("\n".join([*commands, *self._opened("add", before)]))
            except BaseException:
                self._published -= new
                raise

    def _opened(self, verb: str, before: set[tuple[str, int]]) -> Iterator[str]:
        """The commands for ports that begin or cease to be held to the host's rules."""
        if self._host_table:
            changed = self._open_ports() ^ before
            yield from host_firewall.port_commands(verb, self._host_table, changed)

    def take_back(self, end: Endpoint) -> None:
        """The ports of the host that these bindings name lead nowhere."""
        with self._lock:
            self._take_back(_published(end))

    def _take_back(self, published: Iterable[Published]) -> None:
        gone = self._published.intersection(published)
        if not gone:
            return
        before = self._open_ports()
        self._published -= gone
        try:
            commands = firewall.delete_ports(self._table, gone)
            self._run("\n".join([*commands, *self._opened("delete", before)]))
        except Unavailable:  # somebody has emptied the table; as a whole it is right again
            self.apply()

    def _remove_table(self) -> None:
        if self._has_table:
            self._delete_tables()
            self._has_table = False

    def _delete_tables(self) -> None:
        for table in filter(None, (self._table, self._host_table)):
            self.nftables.run(f"delete table inet {table}")

    def _run(self, commands: str) -> None:
        refused = self.nftables.run(commands)
        if refused is not None:
            raise Unavailable(f"nftables refuses the rules of the networks: {refused.reason}")
        self._expect()

    def _expect(self) -> None:
        """The rules are as we know them if nobody but us has changed them; see `follow`."""
        if self.nftables.generation() == self._generation + 1:
            self._generation += 1

    # --- beginning and end --------------------------------------------------------------------

    def adopt(self, networks: Iterable[NetworkObject], ends: Iterable[Endpoint]) -> None:
        """What runs goes on running: bridges and rules are as they were."""
        with self._lock:
            for network in networks:
                self._bridges[network.id] = bridge.ensure(self.socket, _bridge_of(network))
                self._fences[network.id] = _fence_of(network)
            for end in ends:
                self._published.update(_published(end))
                self._limited.add(end.device)  # or not: that is found out when it goes
            if self._fences:
                bridge.enable_forwarding()
                self.apply()

    def remove_leftovers(self, networks: Iterable[NetworkObject]) -> None:
        """Bridges that an engine before has left, and nobody uses, are gone."""
        with self._lock:
            bridges = [one for one in networks if one.device]
            gone = [one for one in bridges if bridge.remove(self.socket, _bridge_of(one))]
            if gone and not self._fences:
                self._delete_tables()

    def close(self, networks: Iterable[NetworkObject]) -> None:
        """Bridges that nobody uses are gone, and without any the table, too."""
        with self._lock:
            for network in networks:
                try:
                    self.remove(network)
                except OrlopError as error:
                    _log.warning("the bridge of network %s is left: %s", network.name, error)
            self._is_closed = True
            while self._idle:
                self._idle.popleft().close()
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            if self._nftables is not None:
                self._nftables.close()


def _taken_one_by_one(commands: tuple[Json, ...]) -> tuple[Json, ...]:
    """Those of the commands that the present namespace takes, each for itself."""
    with Nftables() as nftables:
        return tuple(one for one in commands if nftables.run_json(_as_json([one])) is None)


def _as_json(commands: Iterable[Json]) -> str:
    return json.dumps({"nftables": list(commands)})


def _bridge_of(network: NetworkObject) -> Bridge:
    return Bridge(
        network.device,
        tuple(make_range(one.subnet, one.gateway) for one in network.subnets),
        int(network.option(model.MTU, "0")),
    )


def _fence_of(network: NetworkObject) -> Fence:
    return Fence(
        network.device,
        tuple(ip_network(one.subnet) for one in network.subnets),
        network.internal,
        network.option(model.MASQUERADE, "true") == "true",
    )


def _gateways(end: Endpoint) -> tuple[Address, ...]:
    if not end.is_gateway or end.network.internal:
        return ()
    return tuple(ip_address(one.gateway) for one in end.addresses if one.gateway)


def _published(end: Endpoint) -> tuple[Published, ...]:
    """What the maps have for an endpoint: for each binding, each family that it can have."""
    found = []
    for binding in end.bindings:
        host_ip = ip_address(binding.host_ip) if binding.host_ip else None
        for one in end.addresses:
            address = ip_address(one.address)
            if host_ip is None or host_ip.version == address.version:
                found.append(
                    Published(binding.protocol, host_ip, binding.host_port, address, binding.port)
                )
    return tuple(found)
