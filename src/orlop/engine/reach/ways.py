"""All ways to a port of a container: from whom, and by which address. Pure."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from orlop.engine import network as model
from orlop.engine.reach.model import From, Outcome, Way
from orlop.engine.reach.telling import Teller
from orlop.network.reach.journey import Answer, Goal, Judge, Origin, Reaches
from orlop.network.reach.packet import everybody
from orlop.network.reach.summary import in_a_word, simplified
from orlop.network.reach.values import number, of_networks
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orlop.engine.network import Address, Binding, Endpoint, NetworkObject
    from orlop.engine.reach.reading import Device, HostNetwork
    from orlop.network.addresses import Subnet
    from orlop.network.reach.values import Numbers

_LOOPBACK = {4: "127.0.0.1", 6: "::1"}
_NOBODYS = {
    4: (ip_network("127.0.0.0/8"), ip_network("0.0.0.0/8"), ip_network("224.0.0.0/3")),
    6: (ip_network("::/127"), ip_network("fe80::/10"), ip_network("ff00::/8")),
}


class Subject(Record):
    """A port of a container, and what is around it.

    Attributes:
        port, protocol: which.
        ends: its parts in networks; none if it has the host's network.
        bindings: ports of the host that lead to this one.
        networks: others that somebody is in.
        host: what the host is like.
        table: the engine's own.
    """

    port: int
    protocol: str
    ends: tuple[Endpoint, ...]
    bindings: tuple[Binding, ...]
    networks: tuple[NetworkObject, ...]
    host: HostNetwork
    table: str


class _Asked(Record):
    """An address and a port by which somebody asks, and the container's that is meant."""

    address: str
    port: int
    end: Endpoint | None
    inner: Address | None

    @property
    def version(self) -> int:
        return 6 if ":" in self.address else 4


def ways(subject: Subject, judge: Judge) -> Iterator[Way]:
    """The ways, those of the host itself first."""
    for version in (4, 6):
        yield from _from_host(subject, judge, version)
    for device in subject.host.devices:
        for version in (4, 6):
            yield from _from_device(subject, judge, device, version)
    for end in subject.ends:
        if end.device:
            yield from _from_own(subject, judge, end)
        elif end.network.driver == model.MACVLAN:
            yield from _of_macvlan(subject, end)
    for network in subject.networks:
        yield from _from_other(subject, judge, network)


# --- the host ---------------------------------------------------------------------------------


def _from_host(subject: Subject, judge: Judge, version: int) -> Iterator[Way]:
    places = [_LOOPBACK[version], *_addresses(subject.host.devices, version)]
    for asked in (*_published(subject, places, version), *_direct(subject, version)):
        source = _source_on_host(asked)
        if source is not None:
            yield _way(subject, judge, From.HOST, "", Origin("", source), asked)


def _is_direct(asked: _Asked) -> bool:
    """Whether it asks for the container's own address, which strangers have no way to."""
    return asked.inner is not None and asked.address == asked.inner.address


def _source_on_host(asked: _Asked) -> Numbers | None:
    """What the host asks from: the address that it asks for, or that of the bridge."""
    wanted = int(ip_address(asked.address))
    if asked.inner is None or not _is_direct(asked):
        return number(wanted)
    gateway = asked.inner.gateway
    return number(int(ip_address(gateway))) if gateway else None


# --- other machines ---------------------------------------------------------------------------


def _from_device(subject: Subject, judge: Judge, device: Device, version: int) -> Iterator[Way]:
    own = [one for one in device.addresses if one.version == version]
    if not own:
        return
    places = [str(own[0].ip)]
    near = [one.network for one in own if one.network.num_addresses > 1]
    sources = _neighbours(subject, near, version)
    for asked in (*_published(subject, places, version), *_direct(subject, version)):
        if near:
            lan = Origin(device.name, sources)
            yield _way(subject, judge, From.LAN, device.name, lan, asked)
        if device.is_default(version) and not _is_direct(asked):
            far = Origin(device.name, _strangers(subject, version))
            yield _way(subject, judge, From.INTERNET, device.name, far, asked)


def _neighbours(subject: Subject, near: Iterable[Subnet], version: int) -> Numbers:
    return of_networks(*near) - subject.host.facts.place.local(version)


def _strangers(subject: Subject, version: int) -> Numbers:
    """All addresses that belong neither to the host nor to a network at one of its devices."""
    near = [
        one.network
        for device in subject.host.devices
        for one in device.addresses
        if one.version == version
    ]
    inside = [
        ip_network(one.subnet)
        for network in (*(end.network for end in subject.ends), *subject.networks)
        for one in network.subnets
    ]
    near += [one for one in inside if one.version == version]
    return everybody(version, *near, *_NOBODYS[version]) - subject.host.facts.place.local(version)


# --- containers -------------------------------------------------------------------------------


def _from_own(subject: Subject, judge: Judge, end: Endpoint) -> Iterator[Way]:
    for version in (4, 6):
        sources = _members(end.network, version)
        for asked in _direct(subject, version):
            if asked.end == end:
                inner = number(int(ip_address(asked.address)))
                origin = Origin(end.network.device, sources - inner)
                yield _way(subject, judge, From.NETWORK, end.network.name, origin, asked)


def _from_other(subject: Subject, judge: Judge, network: NetworkObject) -> Iterator[Way]:
    for version in (4, 6):
        gateways = [one.gateway for one in network.subnets if _version(one.gateway) == version]
        if not gateways:
            continue
        origin = Origin(network.device, _members(network, version))
        for asked in (*_published(subject, gateways, version), *_direct(subject, version)):
            yield _way(subject, judge, From.NETWORK, network.name, origin, asked)


def _members(network: NetworkObject, version: int) -> Numbers:
    """The addresses that containers of a network can have."""
    own = [ip_network(one.subnet) for one in network.subnets]
    gateways = [
        ip_network(one.gateway) for one in network.subnets if _version(one.gateway) == version
    ]
    inside = of_networks(*(one for one in own if one.version == version))
    return inside - of_networks(*gateways)


def _version(address: str) -> int:
    if not address:
        return 0
    return 6 if ":" in address else 4


def _of_macvlan(subject: Subject, end: Endpoint) -> Iterator[Way]:
    """The host's rules do not see the packets of such a device, and the host cannot send to it."""
    parent = end.network.option(model.PARENT)
    past = "a device of macvlan has the wire for itself: the host's rules do not see its packets"
    never = "the host and its macvlan devices do not hear each other"
    unread = subject.host.unread
    reached = Outcome((Reaches.DEPENDS if unread else Reaches.YES).value, (), reason=unread or past)
    refused = Outcome(Reaches.NO.value, (), reason=never)
    for one in end.addresses:
        version = _version(one.address)
        for origin, name, told in (
            (From.HOST, "", refused),
            (From.LAN, parent, reached),
            (From.NETWORK, end.network.name, reached),
        ):
            yield Way(origin, name, version, one.address, subject.port, told.reaches, (told,))


# --- what is asked for ------------------------------------------------------------------------


def _published(subject: Subject, places: Iterable[str], version: int) -> Iterator[_Asked]:
    """The ports of the host by which the port is asked for, at these addresses of the host."""
    if not subject.ends:  # of the host's network
        yield from (_Asked(place, subject.port, None, None) for place in places)
        return
    places = list(places)
    for binding in subject.bindings:
        if _version(binding.host_ip) not in (0, version):
            continue
        meant = [binding.host_ip] if binding.host_ip in places else places
        for end in subject.ends:
            inner = end.address(ipv6=version == 6)
            if binding in end.bindings and inner is not None:
                yield from (_Asked(place, binding.host_port, end, inner) for place in meant)


def _direct(subject: Subject, version: int) -> Iterator[_Asked]:
    """The container's own addresses."""
    for end in subject.ends:
        inner = end.address(ipv6=version == 6)
        if end.device and inner is not None:
            yield _Asked(inner.address, subject.port, end, inner)


def _addresses(devices: Iterable[Device], version: int) -> list[str]:
    """The first address of each device."""
    found = []
    for device in devices:
        own = [str(one.ip) for one in device.addresses if one.version == version]
        found += own[:1]
    return found


def _way(
    subject: Subject, judge: Judge, kind: From, name: str, origin: Origin, asked: _Asked
) -> Way:
    answers = simplified(judge.answers(origin, _goal(subject, asked)), subject.table)
    if subject.host.unread:
        answers = tuple(_doubted(one, subject.host.unread) for one in answers)
    teller = Teller(subject.host.facts.place, subject.table)
    outcomes = tuple(teller.told(one, origin.sources, asked.version) for one in answers)
    word = in_a_word(answers)
    return Way(kind, name, asked.version, asked.address, asked.port, word, outcomes)


def _doubted(answer: Answer, unread: str) -> Answer:
    if answer.reaches is Reaches.NO:
        return answer
    return answer.replace(reaches=Reaches.DEPENDS, reason=unread)


def _goal(subject: Subject, asked: _Asked) -> Goal:
    wanted = (int(ip_address(asked.address)), asked.port)
    end, inner = asked.end, asked.inner
    if end is None or inner is None:
        return Goal(asked.version, subject.protocol, wanted, *wanted, "", "")
    return Goal(
        asked.version,
        subject.protocol,
        wanted,
        int(ip_address(inner.address)),
        subject.port,
        end.network.device,
        end.device,
        int(ip_address(inner.gateway)) if inner.gateway else 0,
        end.network.option(model.ICC, "true") != "true",
        _known_to(subject.ends, asked.version),
    )


def _known_to(ends: Iterable[Endpoint], version: int) -> tuple[Subnet, ...]:
    """The networks to which a container has routes; none if it has one to everywhere."""
    found = []
    for end in ends:
        inner = end.address(ipv6=version == 6)
        if inner is None:
            continue
        if end.is_gateway and inner.gateway and not end.network.internal:
            return ()
        found.append(ip_network(f"{inner.address}/{inner.prefix}", strict=False))
    return tuple(found)
