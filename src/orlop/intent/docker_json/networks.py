"""`NetworkMode`, the endpoints, and ports."""

from __future__ import annotations

from orlop.decode import Mismatch, decode, integer, list_of, mapping_of, string
from orlop.intent.docker_json.host_config import mode_text
from orlop.intent.docker_json.member import (
    at,
    look_up,
    pairs,
    put,
    read_text,
    text,
)
from orlop.intent.forms import network as forms
from orlop.intent.forms.text import address
from orlop.intent.request import Network, NoNetwork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from orlop.intent.docker_json.member import Document
    from orlop.intent.given import Given
    from orlop.intent.request import NetworkMode, Port, Request

_MODE = "HostConfig.NetworkMode"
_ENDPOINTS = "NetworkingConfig.EndpointsConfig"
_MAC = "Config.MacAddress"
_BINDINGS = "HostConfig.PortBindings"
_EXPOSED = "Config.ExposedPorts"
_DEFAULT = ("default", "bridge")  # two names of one network


# --- networks ---------------------------------------------------------------------------------


def take_networks(document: object, given: Given) -> None:
    """The mode, and the endpoints of networks by name."""
    value = look_up(document, _MODE)
    first: NetworkMode = Network() if value in (None, "") else at(_MODE, _mode, value)
    if look_up(document, "Config.NetworkDisabled") is True:
        first = NoNetwork()
    endpoints = _endpoints(document)
    mac = look_up(document, _MAC)
    if isinstance(first, Network):
        own = _own_name(first.name, endpoints)
        first = endpoints.pop(own, first).replace(name=first.name)
        if mac:
            first = first.replace(mac=first.mac or at(_MAC, text(forms.mac), mac))
    else:
        endpoints.pop(mode_word(first), None)
    if endpoints and not isinstance(first, Network):
        raise Mismatch(f"{_ENDPOINTS} must be empty with this NetworkMode")
    for network in (first, *endpoints.values()):
        given.append("namespaces.networks", network, _MODE)


def _mode(value: object) -> NetworkMode:
    word = string(value)
    if "=" in word:
        return Network(word)
    mode: NetworkMode = read_text(forms.network, word)
    return mode


def _own_name(name: str, endpoints: Mapping[str, Network]) -> str:
    names = _DEFAULT if name in _DEFAULT else (name,)
    return next((other for other in names if other in endpoints), name)


def _endpoints(document: object) -> dict[str, Network]:
    value = look_up(document, _ENDPOINTS)
    found = {} if value is None else at(_ENDPOINTS, mapping_of(_anything), value)
    return {
        name: at(f"{_ENDPOINTS}[{name!r}]", _endpoint(name), item) for name, item in found.items()
    }


def _anything(value: object) -> object:
    return value


_priority = integer(-(1 << 31), (1 << 31) - 1)
_address = text(address)


def _endpoint(name: str) -> Callable[[object], Network]:
    return lambda value: Network(name) if value is None else _asked_endpoint(name, value)


def endpoint_of(name: str, config: object) -> Network:
    """A network by name, with what is asked about the container's end of it.

    Raises:
        SpecError: a member has a wrong type or value.
    """
    return decode(_endpoint(name), config, "EndpointConfig")


def _asked_endpoint(name: str, value: object) -> Network:
    def of(path: str, read: Any, nothing: Any) -> Any:
        item = look_up(value, path)
        found = None if item is None else at(path, read, item)
        return nothing if found is None else found

    return Network(
        name,
        aliases=of("Aliases", list_of(string), ()),
        ipv4=of("IPAMConfig.IPv4Address", _address, ""),
        ipv6=of("IPAMConfig.IPv6Address", _address, ""),
        link_local=of("IPAMConfig.LinkLocalIPs", list_of(_address), ()),
        mac=of("MacAddress", text(forms.mac), ""),
        driver_options=of("DriverOpts", pairs, ()),
        gateway_priority=of("GwPriority", _priority, 0),
    )


def mode_word(mode: NetworkMode) -> str:
    """A network mode in Docker's words."""
    match mode:
        case Network(name):
            return name
        case NoNetwork():
            return "none"
        case other:
            return mode_text(other)


def give_networks(request: Request, document: Document) -> None:
    """The same, the other way."""
    networks = request.namespaces.networks
    put(document, _MODE, mode_word(networks[0]))
    named = [network for network in networks if isinstance(network, Network)]
    plain = len(named) < 2 and all(network == Network(network.name) for network in named)
    endpoints = {} if plain else {network.name: endpoint_document(network) for network in named}
    put(document, _ENDPOINTS, endpoints)


def endpoint_document(network: Network) -> Document:
    """What was asked about a container's end of a network."""
    addresses = {
        "IPv4Address": network.ipv4,
        "IPv6Address": network.ipv6,
        "LinkLocalIPs": list(network.link_local),
    }
    asked = {key: value for key, value in addresses.items() if value}
    return {
        "IPAMConfig": asked or None,
        "Links": None,
        "Aliases": list(network.aliases) or None,
        "MacAddress": network.mac,
        "DriverOpts": dict(network.driver_options) or None,
        "GwPriority": network.gateway_priority,
    }


# --- ports ------------------------------------------------------------------------------------


def take_ports(document: object, given: Given) -> None:
    """Published ports, and those that are only declared."""
    bindings = look_up(document, _BINDINGS)
    published = {} if bindings is None else at(_BINDINGS, mapping_of(_bindings), bindings)
    for port, places in published.items():
        for host_ip, host_port in places:
            path = f"{_BINDINGS}[{port!r}]"
            ports = at(path, _published, f"{host_ip}{host_port}{port}")
            given.extend("ports", ports, path)
    exposed = look_up(document, _EXPOSED)
    for port in () if exposed is None else at(_EXPOSED, mapping_of(_anything), exposed):
        if not published.get(port):
            path = f"{_EXPOSED}[{port!r}]"
            given.extend("ports", at(path, text(forms.exposed), port), path)


def _bindings(value: object) -> tuple[tuple[str, str], ...]:
    """What is before the container's port in the form of -p: address and port, with colons."""
    if value is None:
        return ()
    places = list_of(mapping_of(string))(value)
    return tuple(
        (
            _bracketed(place.get("HostIp", "")),
            f"{place['HostPort']}:" if place.get("HostPort") else _any(place),
        )
        for place in places
    ) or (("", ""),)


def _bracketed(ip: str) -> str:
    return f"[{ip}]:" if ip else ""


def _any(place: Mapping[str, str]) -> str:
    return ":" if place.get("HostIp") else ""


def _published(value: object) -> tuple[Port, ...]:
    ports: tuple[Port, ...] = read_text(forms.published, string(value))
    return ports


def give_ports(request: Request, document: Document) -> None:
    """The same, the other way."""
    put(document, _BINDINGS, bindings_document(request.ports))
    exposed: Document = {f"{port.port}/{port.protocol}": {} for port in request.ports}
    put(document, _EXPOSED, exposed or None)


def bindings_document(ports: Iterable[Port]) -> dict[str, list[Document]]:
    """The published ones, by the container's port."""
    found: dict[str, list[Document]] = {}
    for port in ports:
        if port.published:
            place = {"HostIp": port.host_ip, "HostPort": _host_port(port)}
            found.setdefault(f"{port.port}/{port.protocol}", []).append(place)
    return found


def _host_port(port: Port) -> str:
    if port.host_port is None:
        return ""
    return f"{port.host_port}-{port.last_host_port}" if port.last_host_port else f"{port.host_port}"
