"""What cannot be done with networks: Docker's status, a clear message, and nothing has changed."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.client.client import Client
from orlop.client.failures import Refused
from tests.integration.network.asking import inspect, run
from tests.integration.support.engine import Engine

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_nftables]


def subnets(*given: str, **more: Any) -> dict[str, Any]:
    return {"IPAM": {"Config": [{"Subnet": one, **more} for one in given]}}


NETWORKS = [
    (403, "overlaps 10.62.0.0/24", subnets("10.62.0.0/16")),
    (403, "overlaps 10.62.0.0/24", subnets("10.62.0.128/25")),
    (403, "overlaps 10.66.0.0/24", subnets("10.66.0.0/24", "10.66.0.0/25")),
    (403, "overlaps", subnets("fd62::1:0/112")),
    (400, "not valid", subnets("10.66.0.1/24")),
    (400, "not an address of the subnet", subnets("10.66.0.0/24", Gateway="10.67.0.1")),
    (400, "not in the subnet", subnets("10.66.0.0/24", IPRange="10.67.0.0/24")),
    (409, "already exists", {"Name": "taken"}),
    (409, "already exists", {"Name": "host"}),
    (400, "not a network's name", {"Name": "a/b"}),
    (501, "overlay", {"Driver": "overlay"}),
    (501, "ipvlan", {"Driver": "ipvlan"}),
    (400, "device", {"Options": {"com.docker.network.bridge.name": "much-too-long-a-name"}}),
]
CALLS: list[tuple[int, str, str, dict[str, Any] | None]] = [
    (403, "active endpoints", "DELETE /networks/taken", None),
    (403, "pre-defined", "DELETE /networks/bridge", None),
    (404, "network nobody not found", "DELETE /networks/nobody", None),
    (403, "is in network taken already", "POST /networks/taken/connect", {"Container": "web"}),
    (404, "nobody", "POST /networks/taken/connect", {"Container": "nobody"}),
    (404, "nobody", "POST /networks/nobody/connect", {"Container": "web"}),
    (403, "network host", "POST /networks/host/connect", {"Container": "web"}),
    (404, "endpoint", "POST /networks/bridge/disconnect", {"Container": "web"}),
]
CONTAINERS = [
    (400, "10.63.0.1", {"IPAddress": "10.63.0.1"}),
    (400, "10.62.0.255", {"IPAddress": "10.62.0.255"}),
    (403, "10.62.0.1 is in use", {"IPAddress": "10.62.0.1"}),
    (403, "10.62.0.7 is in use", {"IPAddress": "10.62.0.7"}),
]


def state(engine: Engine, client: Client) -> Any:
    """All that must not change."""
    networks = sorted(client.get("/networks"), key=lambda network: str(network["Name"]))
    return networks, inspect(engine, "web")["NetworkSettings"]["Networks"]


def test_status_and_message(engine: Engine) -> None:
    two = ("--subnet", "10.62.0.0/24", "--subnet", "fd62::/64")
    engine.docker("network", "create", *two, "taken").ok()
    run(engine, "--name", "web", "--network", "taken", "--ip", "10.62.0.7")
    client = Client(engine.url)
    before = state(engine, client)
    for status, why, described in NETWORKS:
        refused(client, status, why, "POST /networks/create", {"Name": "new", **described})
    for status, why, call, document in CALLS:
        refused(client, status, why, call, document)
    for status, why, asked in CONTAINERS:
        described = {
            "Image": "host",
            "Cmd": ["true"],
            "HostConfig": {"NetworkMode": "taken"},
            "NetworkingConfig": {"EndpointsConfig": {"taken": {"IPAMConfig": ipam(asked)}}},
        }
        made = client.post("/containers/create", described)["Id"]
        refused(client, status, why, f"POST /containers/{made}/start", None)
        client.delete(f"/containers/{made}")
    assert state(engine, client) == before


def ipam(asked: dict[str, str]) -> dict[str, str]:
    return {"IPv4Address": asked["IPAddress"]}


def refused(client: Client, status: int, why: str, call: str, document: Any) -> None:
    method, _, path = call.partition(" ")
    with pytest.raises(Refused) as caught, client.open(method, path, document=document):
        pass
    assert caught.value.status == status, (call, document, str(caught.value))
    assert why in str(caught.value), (call, document)


def test_ports_of_the_hosts_own_network(engine: Engine) -> None:
    """Nothing is published, and somebody says so."""
    for mode, port in (("host", "18080"), ("none", "18081")):
        done = engine.docker("run", "--rm", "--network", mode, "-p", f"{port}:80", "host", "true")
        assert "no effect" in done.ok().err
