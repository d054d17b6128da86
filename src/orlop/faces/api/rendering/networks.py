"""Networks, and what a container has of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orlop.faces.api.rendering.times import rfc3339
from orlop.intent.request import Network

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop.engine.container import Container
    from orlop.engine.network import Endpoint, NetworkObject, Subnet


def network_document(
    network: NetworkObject, containers: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A network, in lists and in inspect."""
    subnets = [_subnet_document(one) for one in network.subnets]
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": rfc3339(network.created_ns),
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": network.has_ipv4,
        "EnableIPv6": network.asks_ipv6,  # Compose 1 compares it with what it has asked for
        "IPAM": {"Driver": "default", "Options": None, "Config": subnets},
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": containers or {},
        "Options": dict(network.options),
        "Labels": dict(network.labels),
    }


def _subnet_document(subnet: Subnet) -> dict[str, Any]:
    document: dict[str, Any] = {"Subnet": subnet.subnet, "Gateway": subnet.gateway}
    if subnet.ip_range:
        document["IPRange"] = subnet.ip_range
    if subnet.reserved:
        document["AuxiliaryAddresses"] = dict(subnet.reserved)
    return document


def container_of_network(container: Container, endpoint: Endpoint) -> dict[str, Any]:
    """One entry of a network's `Containers`."""
    ipv4, ipv6 = (endpoint.address(ipv6=wanted) for wanted in (False, True))
    return {
        "Name": container.name,
        "EndpointID": endpoint.id,
        "MacAddress": endpoint.mac,
        "IPv4Address": f"{ipv4.address}/{ipv4.prefix}" if ipv4 else "",
        "IPv6Address": f"{ipv6.address}/{ipv6.prefix}" if ipv6 else "",
    }


def endpoint_document(endpoint: Endpoint) -> dict[str, Any]:
    """One entry of `NetworkSettings.Networks`."""
    asked = endpoint.asked
    names = None if endpoint.network.is_default else list(endpoint.names) or None
    return {
        "IPAMConfig": _fixed_addresses(endpoint),
        "Links": None,
        "Aliases": list(asked.aliases) if asked and asked.aliases else None,
        "DriverOpts": dict(asked.driver_options) if asked and asked.driver_options else None,
        "GwPriority": asked.gateway_priority if asked else 0,
        "NetworkID": endpoint.network.id if endpoint.id else "",
        "EndpointID": endpoint.id,
        **_addresses(endpoint),
        "DNSNames": names,
    }


def _addresses(endpoint: Endpoint | None) -> dict[str, Any]:
    """The members that inspect has twice: of a network, and of the usual one."""
    ipv4 = endpoint.address(ipv6=False) if endpoint else None
    ipv6 = endpoint.address(ipv6=True) if endpoint else None
    return {
        "Gateway": ipv4.gateway if ipv4 else "",
        "IPAddress": ipv4.address if ipv4 else "",
        "IPPrefixLen": ipv4.prefix if ipv4 else 0,
        "IPv6Gateway": ipv6.gateway if ipv6 else "",
        "GlobalIPv6Address": ipv6.address if ipv6 else "",
        "GlobalIPv6PrefixLen": ipv6.prefix if ipv6 else 0,
        "MacAddress": endpoint.mac if endpoint else "",
    }


def _fixed_addresses(endpoint: Endpoint) -> dict[str, Any] | None:
    asked = endpoint.asked
    if asked is None or not (asked.ipv4 or asked.ipv6 or asked.link_local):
        return None
    fixed = {"IPv4Address": asked.ipv4, "IPv6Address": asked.ipv6}
    return {name: value for name, value in fixed.items() if value} | (
        {"LinkLocalIPs": list(asked.link_local)} if asked.link_local else {}
    )


def settings_document(container: Container, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """`NetworkSettings` of inspect."""
    usual = next((end for end in endpoints if end.network.is_default), None)
    return {
        "Bridge": "",
        "SandboxID": container.id if container.is_running else "",
        "SandboxKey": f"/proc/{container.state.pid}/ns/net" if container.is_running else "",
        "Ports": ports_document(container, endpoints) if container.is_running else {},
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": usual.id if usual else "",
        **_addresses(usual),
        "Networks": {e.network.name: endpoint_document(e) for e in endpoints},
    }


def ports_document(container: Container, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """`NetworkSettings.Ports`: where each port is published, null for those that are not."""
    found: dict[str, Any] = {
        f"{port.port}/{port.protocol}": None for port in container.request.ports
    }
    for port, protocol, place in _places(endpoints):
        key = f"{port}/{protocol}"
        found[key] = [*(found.get(key) or ()), place]
    return found


def _places(endpoints: Sequence[Endpoint]) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Port, protocol, and where it is reached; without an address in each family there is."""
    for end in endpoints:
        for one in end.bindings:
            everywhere = [_ANY[":" in address.address] for address in end.addresses]
            for host_ip in [one.host_ip] if one.host_ip else everywhere:
                yield one.port, one.protocol, {"HostIp": host_ip, "HostPort": str(one.host_port)}


_ANY = {False: "0.0.0.0", True: "::"}  # noqa: S104 - what is shown, not listened at


def port_rows(container: Container, endpoints: Sequence[Endpoint]) -> list[dict[str, Any]]:
    """`Ports` of a list: where they are published, and those that are only declared."""
    has_own = isinstance(container.request.namespaces.networks[0], Network)
    if not (container.is_running and has_own):
        return []
    rows: list[dict[str, Any]] = []
    for port, protocol, place in _places(endpoints):
        public = int(place["HostPort"])
        rows.append(
            {"IP": place["HostIp"], "PrivatePort": port, "PublicPort": public, "Type": protocol}
        )
    published = {(row["PrivatePort"], row["Type"]) for row in rows}
    declared = dict.fromkeys((port.port, port.protocol) for port in container.request.ports)
    rows += [
        {"PrivatePort": port, "Type": protocol}
        for port, protocol in declared
        if (port, protocol) not in published
    ]
    return rows
