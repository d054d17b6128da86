"""What networks there are and what containers get in them: decisions, nothing is made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from orlop.engine.background import Background
from orlop.engine.container import Container, ResolvedImage, State
from orlop.engine.database import Database
from orlop.engine.events import Events
from orlop.engine.network import Binding, Endpoint, NetworkObject, NetworkRequest, Subnet
from orlop.engine.networks import Networks, check_joinable, planning, rates_of
from orlop.engine.networks.wiring import Wiring
from orlop.errors import (
    AlreadyExists,
    Conflict,
    InvalidArgument,
    NotFound,
    OrlopError,
    PermissionDenied,
    Unsupported,
)
from orlop.intent.flags import parse_run
from orlop.intent.request import (
    Host,
    HostImage,
    Namespaces,
    Network,
    NetworkMode,
    NoNetwork,
    OfContainer,
    Port,
    Request,
)
from orlop.network.rates import Rates


def made(path: str = ":memory:") -> tuple[Networks, Database]:
    database = Database(path)
    networks = Networks(database, Events(), Background(), str, "/nowhere")
    networks.make_usual()
    return networks, database


@pytest.fixture
def networks() -> Iterator[Networks]:
    networks, database = made()
    yield networks
    database.close()


def container(mode: NetworkMode, state: State = State()) -> Container:  # noqa: B008 - frozen
    request = Request(HostImage(), namespaces=Namespaces(networks=(mode,)))
    return Container("ab" * 32, "web", 1, request, ResolvedImage("host", ""), state=state)


def asked(words: str = "host", name: str = "web") -> Container:
    image = ResolvedImage("host", "")
    return Container("cd" * 32, name, 1, parse_run(words.split()), image)


class TestUsual:
    def test_three_of_them(self, networks: Networks) -> None:
        found = {(n.name, n.driver) for n in networks.all()}
        assert found == {("bridge", "bridge"), ("host", "host"), ("none", "null")}
        assert len({n.id for n in networks.all()}) == 3

    def test_they_stay_the_same(self, tmp_path: Path) -> None:
        found = []
        for _ in range(2):
            networks, database = made(str(tmp_path / "db"))
            found.append(networks.all())
            database.close()
        assert found[0] == found[1]

    def test_by_name_and_id(self, networks: Networks) -> None:
        host = networks.get("host")
        assert networks.get(host.id) == networks.get(host.id[:8]) == host
        assert networks.get("default").name == "bridge"
        for ref in ("", "mine", "zz"):
            with pytest.raises(NotFound, match="network"):
                networks.get(ref)

    def test_they_stay(self, networks: Networks) -> None:
        for name in ("host", "none", "bridge"):
            with pytest.raises(PermissionDenied, match="pre-defined"):
                asyncio.run(networks.remove(name))


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        (Host(), ["host"]),
        (NoNetwork(), ["none"]),
        (Network(), ["bridge"]),
        (OfContainer("db"), []),
    ],
)
def test_endpoints(networks: Networks, mode: NetworkMode, names: list[str]) -> None:
    found = networks.endpoints(container(mode))
    assert [endpoint.network.name for endpoint in found] == names
    assert all(endpoint.id == "" for endpoint in found)
    running = networks.endpoints(container(mode, State("running", 1)))
    assert all(len(endpoint.id) == 64 for endpoint in running)


class TestMaking:
    def make(self, networks: Networks, **wanted: Any) -> NetworkObject:
        return asyncio.run(networks.create(NetworkRequest(**{"name": "mine"} | wanted)))

    def test_subnets_are_chosen(self, networks: Networks) -> None:
        first, second = self.make(networks), self.make(networks, name="other")
        subnets = [ip_network(one.subnet) for n in networks.all() for one in n.subnets]
        versions: dict[int, list[object]] = {}
        for subnet in subnets:
            versions.setdefault(subnet.version, []).append(subnet)
        for of_one in versions.values():
            assert len(set(of_one)) == len(of_one)
        assert first.device != second.device
        assert len(first.device) == 15

    def test_what_is_asked(self, networks: Networks) -> None:
        subnets = (Subnet("10.77.0.0/16", ip_range="10.77.5.0/24"), Subnet("fd77::/64"))
        network = self.make(networks, subnets=subnets, internal=True, labels=(("a", "b"),))
        assert [one.gateway for one in network.subnets] == ["10.77.0.1", "fd77::1"]
        assert (network.internal, network.has_ipv6, network.has_ipv4) == (True, True, True)
        assert network.asks_ipv6

    def test_ipv6_that_nobody_asked_for(self, networks: Networks) -> None:
        assert not self.make(networks).asks_ipv6
        chosen = self.make(networks, name="other", subnets=(Subnet("10.78.0.0/16"),))
        assert (chosen.has_ipv6, len(chosen.subnets)) == (False, 1)

    def test_one_family(self, networks: Networks) -> None:
        only_ipv6 = self.make(networks, ipv4=False, ipv6=True)
        assert (only_ipv6.has_ipv4, only_ipv6.has_ipv6) == (False, True)
        only_ipv4 = self.make(networks, name="other", ipv6=False)
        assert (only_ipv4.has_ipv4, only_ipv4.has_ipv6) == (True, False)

    def test_on_a_wire_of_the_hosts(self) -> None:
        """The subnet is the host's own; IPv6 is there only if it is asked for."""
        lan = ip_network("10.77.0.0/24")
        request = NetworkRequest(
            "lan", "macvlan", (Subnet(str(lan)),), options=(("parent", "eth0"),)
        )
        made = planning.new_network(request, (), (lan,), bytes(5), host_has_ipv6=True)
        assert (made.device, [one.subnet for one in made.subnets]) == ("", [str(lan)])
        with pytest.raises(Conflict, match="overlaps"):
            planning.new_network(request, (lan,), (), bytes(5), host_has_ipv6=True)

    @pytest.mark.parametrize(
        ("wanted", "error"),
        [
            ({"name": ""}, InvalidArgument),
            ({"name": "-x"}, InvalidArgument),
            ({"name": "a b"}, InvalidArgument),
            ({"name": "host"}, Conflict),
            ({"name": "taken"}, AlreadyExists),
            ({"driver": "overlay"}, Unsupported),
            ({"subnets": (Subnet("10.50.0.0/24"),)}, Conflict),
            ({"subnets": (Subnet("10.1.0.0/24"), Subnet("10.1.0.0/25"))}, Conflict),
            ({"subnets": (Subnet("10.1.0.1/24"),)}, InvalidArgument),
            ({"subnets": (Subnet("10.1.0.0/24", "10.2.0.1"),)}, InvalidArgument),
            ({"ipv4": False, "ipv6": False}, InvalidArgument),
            ({"options": (("com.docker.network.bridge.name", "x" * 16),)}, InvalidArgument),
            ({"options": (("com.docker.network.bridge.name", "br-taken"),)}, Conflict),
            ({"driver": "macvlan"}, InvalidArgument),
            ({"driver": "macvlan", "options": (("parent", "lo"),)}, InvalidArgument),
            ({"driver": "macvlan", "options": (("parent", "no-device"),)}, InvalidArgument),
            ({"driver": "macvlan", "options": (("macvlan_mode", "x"),)}, InvalidArgument),
        ],
    )
    def test_refused(
        self, networks: Networks, wanted: dict[str, object], error: type[OrlopError]
    ) -> None:
        options = (("com.docker.network.bridge.name", "br-taken"),)
        self.make(networks, name="taken", subnets=(Subnet("10.50.0.0/16"),), options=options)
        before = networks.all()
        with pytest.raises(error):
            self.make(networks, **wanted)
        assert networks.all() == before


class TestDisputed:
    """Networks whose addresses the host has come to reach elsewhere."""

    @pytest.fixture
    def elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        """Subnets to which the host has routes."""
        taken: list[object] = []
        monkeypatch.setattr(Wiring, "routed_subnets", lambda _: tuple(taken))
        return taken

    def test_the_default_network_moves(self, networks: Networks, elsewhere: list[object]) -> None:
        before = networks.get("bridge")
        elsewhere += [ip_network(one.subnet) for one in before.subnets]
        (moved,) = networks.prepare(asked())
        assert moved.network == networks.get("bridge")
        assert moved.network.id == before.id
        assert not {s.subnet for s in before.subnets} & {s.subnet for s in moved.network.subnets}
        elsewhere += [ip_network(one.subnet) for one in moved.network.subnets]
        assert networks.prepare(asked())[0].network == moved.network  # somebody is in it

    def test_others_are_refused(self, networks: Networks, elsewhere: list[object]) -> None:
        made = NetworkRequest("mine", subnets=(Subnet("10.79.0.0/24"),))
        asyncio.run(networks.create(made))
        elsewhere.append(ip_network("10.79.0.0/24"))
        with pytest.raises(Conflict, match="elsewhere"):
            networks.prepare(asked("--network mine host"))
        elsewhere[:] = [ip_network("10.79.0.0/16")]  # what is nearer counts
        assert networks.prepare(asked("--network mine host"))


class TestParts:
    def part(
        self, network: NetworkObject, wanted: Network, *inside: Endpoint, words: str = "host"
    ) -> Endpoint:
        return planning.new_endpoint(
            network, asked(words), wanted, inside, len(inside), is_gateway=True
        )

    @pytest.fixture
    def network(self, networks: Networks) -> NetworkObject:
        subnets = (Subnet("10.77.0.0/24"), Subnet("fd77::/64"))
        return asyncio.run(networks.create(NetworkRequest("mine", subnets=subnets)))

    def test_addresses(self, network: NetworkObject) -> None:
        first = self.part(network, Network("mine"))
        second = self.part(network, Network("mine"), first)
        assert [one.address for one in first.addresses] == ["10.77.0.2", "fd77::2"]
        assert [one.address for one in second.addresses] == ["10.77.0.3", "fd77::3"]
        assert first.mac == "02:42:0a:4d:00:02"
        assert (first.inner, second.inner) == ("eth0", "eth1")
        assert len(first.device) <= 15

    def test_chosen_addresses(self, network: NetworkObject) -> None:
        wanted = Network("mine", ipv4="10.77.0.9", ipv6="fd77::9", mac="02:00:00:00:00:01")
        part = self.part(network, wanted)
        assert [one.address for one in part.addresses] == ["10.77.0.9", "fd77::9"]
        assert part.mac == "02:00:00:00:00:01"
        with pytest.raises(Conflict):
            self.part(network, wanted, part)
        with pytest.raises(InvalidArgument):
            self.part(network, Network("mine", ipv4="10.78.0.9"))

    def test_names(self, network: NetworkObject) -> None:
        part = self.part(network, Network("mine", aliases=("db",)), words="--hostname h host")
        assert part.names == ("web", "db", "cd" * 6, "h")

    def test_the_usual_network_has_no_choices(self, networks: Networks) -> None:
        with pytest.raises(InvalidArgument):
            self.part(networks.get("bridge"), Network(ipv4="172.17.0.9"))


class TestPorts:
    def test_any_port(self) -> None:
        (binding,) = planning.bindings_of([Port(80)], [], [], "")
        assert binding.host_port >= 32768

    def test_in_use_by_another_container(self) -> None:
        used = [("ab" * 32, Binding(80, "tcp", "", 8080))]
        with pytest.raises(
            Conflict, match="8080/tcp is already allocated .container abababababab has"
        ):
            planning.bindings_of([Port(81, host_port=8080)], [], used, "")
        (other,) = planning.bindings_of([Port(81, "udp", host_port=8080)], [], used, "")
        assert other.protocol == "udp"

    def test_wanted_twice(self) -> None:
        with pytest.raises(Conflict, match="the same container has it"):
            planning.bindings_of([Port(80, host_port=8080)] * 2, [], [], "")

    def test_at_different_addresses(self) -> None:
        used = [("ab" * 32, Binding(80, "tcp", "127.0.0.1", 8080))]
        (one,) = planning.bindings_of([Port(80, "tcp", "127.0.0.2", 8080)], [], used, "")
        assert one.host_ip == "127.0.0.2"

    def test_the_first_of_a_range(self) -> None:
        used = [("ab" * 32, Binding(80, "tcp", "", 18080))]
        port = Port(80, host_port=18080, last_host_port=18082)
        (one,) = planning.bindings_of([port], [], used, "")
        assert one.host_port == 18081

    def test_all_that_are_declared(self) -> None:
        found = planning.bindings_of([Port(80)], [Port(80), Port(90)], [], "127.0.0.1")
        assert [(one.port, one.host_ip) for one in found] == [(80, "127.0.0.1"), (90, "127.0.0.1")]


def test_who_can_be_connected(networks: Networks) -> None:
    bridge = networks.get("bridge")
    check_joinable(container(Network()), bridge)
    check_joinable(container(NoNetwork()), bridge)
    for mode, network in ((Host(), bridge), (NoNetwork(), "none"), (Network(), "host")):
        with pytest.raises(PermissionDenied):
            other = networks.get(network) if isinstance(network, str) else network
            check_joinable(container(mode), other)
    with pytest.raises(InvalidArgument):
        check_joinable(container(OfContainer("x")), bridge)


def test_what_is_asked_of_rates() -> None:
    words = "--net-rate 10mbit --net-burst 20k --net-delay 50ms --net-loss 30% host"
    limits = parse_run(words.split()).limits
    assert rates_of(limits) == Rates(10**7, 10**7, 20 << 10, 50 * 10**6, 300_000)
