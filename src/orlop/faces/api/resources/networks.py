"""Networks: /networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from orlop.engine.network import NetworkRequest, Subnet
from orlop.errors import Unsupported
from orlop.faces.api import answers
from orlop.faces.api.filters import Filters
from orlop.faces.api.rendering.networks import container_of_network, network_document
from orlop.faces.api.rendering.times import moment
from orlop.faces.api.resources.containers.prune import PruneQuery
from orlop.faces.api.routes import Call, Route
from orlop.intent.docker_json.networks import endpoint_of

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from orlop.engine.network import NetworkObject
    from orlop.faces.api.bodies import NoBody
    from orlop.faces.api.queries import NoQuery
    from orlop.intent.request import Network


class ListQuery(msgspec.Struct, frozen=True):
    """The parameters of the list."""

    filters: Filters = Filters()


async def list_(call: Call[ListQuery, NoBody]) -> StreamResponse:
    """The networks that somebody wants to see."""
    filters = call.query.filters.only(
        *("name", "id", "driver", "type", "scope", "label", "label!", "dangling")
    )
    networks = call.engine.networks
    found = [n for n in networks.all() if _fits(filters, n, used=bool(networks.inside(n)))]
    return answers.json([network_document(network) for network in found])


def _fits(filters: Filters, network: NetworkObject, *, used: bool) -> bool:
    names, ids = filters.get("name"), filters.get("id")
    return (
        (not names or any(name in network.name for name in names))
        and (not ids or any(network.id.startswith(one) for one in ids))
        and filters.fits("driver", (network.driver,))
        and filters.fits("type", ("builtin" if network.is_builtin else "custom",))
        and filters.fits("scope", ("local",))
        and filters.labels_fit(dict(network.labels))
        and filters.flag("dangling") in (None, not (network.is_builtin or used))
    )


class InspectQuery(msgspec.Struct, frozen=True):
    """The parameters of inspect."""

    verbose: bool = False
    scope: str = ""


async def inspect(call: Call[InspectQuery, NoBody]) -> StreamResponse:
    """All about a network, and who is in it."""
    engine = call.engine
    network = engine.networks.get(call.name)
    inside = {
        container.id: container_of_network(container, endpoint)
        for container in engine.containers.all()
        if container.is_running
        for endpoint in engine.networks.endpoints(container)
        if endpoint.network.id == network.id
    }
    return answers.json(network_document(network, inside))


class IpamSubnet(msgspec.Struct, frozen=True):
    """A subnet of a network."""

    subnet: str | None = msgspec.field(name="Subnet", default=None)
    gateway: str | None = msgspec.field(name="Gateway", default=None)
    ip_range: str | None = msgspec.field(name="IPRange", default=None)
    reserved: dict[str, str] | None = msgspec.field(name="AuxiliaryAddresses", default=None)


class Ipam(msgspec.Struct, frozen=True, rename="pascal"):
    """Where the addresses come from."""

    driver: str | None = None
    config: list[IpamSubnet] | None = None


class NetworkCreate(msgspec.Struct, frozen=True, rename="pascal"):
    """What is to be made."""

    name: str | None = None
    driver: str | None = None
    internal: bool | None = None
    attachable: bool | None = None
    enable_ipv4: bool | None = msgspec.field(name="EnableIPv4", default=None)
    enable_ipv6: bool | None = msgspec.field(name="EnableIPv6", default=None)
    ipam: Ipam | None = msgspec.field(name="IPAM", default=None)
    labels: dict[str, str] | None = None
    options: dict[str, str] | None = None


async def create(call: Call[NoQuery, NetworkCreate]) -> StreamResponse:
    """A new network."""
    made = await call.engine.networks.create(_asked(call.body))
    return answers.json({"Id": made.id, "Warning": ""}, 201)


def _asked(body: NetworkCreate) -> NetworkRequest:
    ipam = body.ipam or Ipam()
    if ipam.driver not in (None, "", "default"):
        raise Unsupported(f"the IPAM driver {ipam.driver!r}", needs="the driver default")
    return NetworkRequest(
        body.name or "",
        body.driver or "",
        tuple(_subnet(one) for one in ipam.config or () if one.subnet),
        body.internal or False,
        body.attachable or False,
        body.enable_ipv6,
        body.enable_ipv4 is not False,
        tuple((body.labels or {}).items()),
        tuple((body.options or {}).items()),
    )


def _subnet(body: IpamSubnet) -> Subnet:
    reserved = tuple((body.reserved or {}).items())
    return Subnet(body.subnet or "", body.gateway or "", body.ip_range or "", reserved)


async def remove(call: Call[Any, NoBody]) -> StreamResponse:
    """It is gone; those of the engine itself stay."""
    await call.engine.networks.remove(call.name)
    return answers.nothing()


class NetworkConnect(msgspec.Struct, frozen=True, rename="pascal"):
    """Who is to be connected or disconnected."""

    container: str | None = None
    endpoint_config: dict[str, Any] | None = None
    force: bool | None = None


def _endpoint(call: Call[Any, NetworkConnect]) -> Network:
    network = call.engine.networks.get(call.name)
    return endpoint_of(network.name, call.body.endpoint_config)


async def connect(call: Call[NoQuery, NetworkConnect]) -> StreamResponse:
    """A container is in one more network."""
    container = call.engine.containers.get(call.body.container or "")
    await call.engine.containers.connect(container.id, _endpoint(call))
    return answers.nothing(200)


async def disconnect(call: Call[NoQuery, NetworkConnect]) -> StreamResponse:
    """A container has left a network."""
    container = call.engine.containers.get(call.body.container or "")
    await call.engine.containers.disconnect(container.id, call.name)
    return answers.nothing(200)


async def prune(call: Call[PruneQuery, NoBody]) -> StreamResponse:
    """Networks that no container is in are gone."""
    filters = call.query.filters.only("label", "label!", "until")
    until = [moment("until", text) for text in filters.get("until")]

    def keep(network: NetworkObject) -> bool:
        late = any(network.created_ns > limit for limit in until)
        return late or not filters.labels_fit(dict(network.labels))

    gone = await call.engine.networks.prune(keep)
    return answers.json({"NetworksDeleted": [network.name for network in gone] or None})


_ONE = "/networks/{name}"

ROUTES = (
    Route("GET", "/networks", list_, "list networks", ListQuery),
    Route("POST", "/networks/create", create, "make a network", body=NetworkCreate),
    Route("POST", "/networks/prune", prune, "remove networks that nobody is in", PruneQuery),
    Route("GET", _ONE, inspect, "show a network", InspectQuery),
    Route("DELETE", _ONE, remove, "remove a network", answer="", statuses=(204,)),
    Route(
        "POST", f"{_ONE}/connect", connect, "connect a container", body=NetworkConnect, answer=""
    ),
    Route("POST", f"{_ONE}/disconnect", disconnect, "the reverse", body=NetworkConnect, answer=""),
)
