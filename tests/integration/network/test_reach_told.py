"""What `orlop reach` says, beside what connections do."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from orlop.kernel import netns
from tests.integration.network.asking import inspect, run
from tests.integration.network.places import Place, Site
from tests.integration.network.test_containers import reached
from tests.integration.support.deadlines import eventually
from tests.integration.support.engine import Engine
from tests.integration.support.runtimes import execute

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_nftables]

GREETER = """
import socket, threading
def serve(port):
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        client = server.accept()[0]
        client.sendall(b"web")
        client.close()
threading.Thread(target=serve, args=(81,)).start()
serve(80)
"""
STRANGER = "198.51.100.7"
ANYWHERE, HERE, CHOSEN = 18110, 18111, 18112
"""Ports of the host: published without an address, at 127.0.0.1, and at the LAN's address."""


@dataclass(frozen=True)
class Scene:
    """Rules of the host, and what has to be said then; of all that is said connections tell."""

    name: str
    rules: str = ""
    commands: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    wanted: dict[tuple[str, int], str] = field(default_factory=dict)


def fw(*rules: str, hook: str = "input", policy: str = "drop", family: str = "inet") -> str:
    chain = f"type filter hook {hook} priority 0; policy {policy};"
    near = ("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",)
    lines = (*(near if family == "inet" else ()), *rules, "}\n}")
    return f"add table {family} fw\ntable {family} fw {{\nchain in {{\n{chain}\n" + "\n".join(lines)


USUAL = ('iifname "lo" accept', "ct state vmap { established : accept, related : accept }")
BRIDGED = "net/bridge/bridge-nf-call-iptables"
BRIDGED6 = "net/bridge/bridge-nf-call-ip6tables"
ZONE = f"chain zone {{\ntcp dport vmap {{ {ANYWHERE} : accept }}\n}}"
SCENES = (
    Scene("nothing", wanted={("lan", ANYWHERE): "yes", ("host", ANYWHERE): "yes"}),
    Scene("closed", fw(*USUAL), wanted={("lan", ANYWHERE): "no", ("host", ANYWHERE): "yes"}),
    Scene(
        "by source",
        fw(*USUAL, f"ip saddr 10.200.0.0/24 tcp dport {{ {ANYWHERE}, 22 }} accept"),
        wanted={("lan", ANYWHERE): "yes", ("internet", ANYWHERE): "no"},
    ),
    Scene(
        "a part of a network",
        fw(*USUAL, f"ip saddr 10.200.0.0/29 tcp dport {ANYWHERE} accept", "reject"),
        wanted={("lan", ANYWHERE): "partly", ("internet", ANYWHERE): "no"},
    ),
    Scene(
        "zones",
        fw(
            "ct state established,related accept",
            'iifname vmap { "lo" : accept, "lan" : jump zone }',
        ).replace(
            "chain in", f"chain zone {{\ntcp dport vmap {{ {ANYWHERE} : accept }}\n}}\nchain in"
        ),
        wanted={("lan", ANYWHERE): "yes", ("internet", ANYWHERE): "yes"},
    ),
    Scene(
        "answers are refused",
        fw(f"tcp dport {ANYWHERE} accept"),
        wanted={("lan", ANYWHERE): "yes", ("host", ANYWHERE): "no", ("host", 80): "no"},
    ),
    Scene(
        "nothing goes out",
        fw("ip daddr 10.61.0.0/24 tcp dport 80 reject", hook="output", policy="accept"),
        wanted={("host", 80): "no"},
    ),
    Scene(
        "no forwarding",
        settings={"net/ipv4/ip_forward": "0"},
        wanted={("lan", ANYWHERE): "no", ("host", ANYWHERE): "yes"},
    ),
    Scene(
        "no forwarding from one device",
        settings={"net/ipv4/conf/lan/forwarding": "0"},
        wanted={("lan", ANYWHERE): "no", ("back", ANYWHERE): "yes"},
    ),
    Scene(
        "iptables",
        commands=(
            "iptables-nft -P FORWARD DROP",
            "iptables-nft -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "iptables-nft -A FORWARD -p tcp -i lan -m comment --comment web"
            " -m multiport --dports 80,443 -j ACCEPT",
        ),
        wanted={("lan", ANYWHERE): "yes", ("lan", 80): "no", ("front", 80): "no"},
    ),
    Scene(
        "iptables without bridges",
        commands=("iptables-nft -P FORWARD DROP",),
        settings={BRIDGED: "0", BRIDGED6: "0"},
        wanted={("lan", ANYWHERE): "no", ("front", 80): "yes", ("::1", ANYWHERE): "yes"},
    ),
    Scene(
        "frames",
        fw("ip protocol tcp drop", hook="forward", policy="accept", family="bridge"),
        wanted={("front", 80): "no", ("lan", ANYWHERE): "yes"},
    ),
    Scene(
        "a mark",
        fw("meta mark 0x1 accept", hook="forward", policy="drop").replace(
            "chain in",
            "chain marks {\ntype filter hook prerouting priority mangle;\n"
            f"tcp dport {{ 1-80, {ANYWHERE} }} meta mark set 0x1\n"
            "ct state established meta mark set 0x1\n}\nchain in",
        ),
        wanted={("lan", CHOSEN): "no", ("lan", ANYWHERE): "yes"},
    ),
)


class Scenery:
    """An engine with containers in two networks, and machines around it."""

    def __init__(self, engine: Engine, site: Site) -> None:
        self.engine = engine
        self.lan = site.lan()
        self._make_strangers()
        for name, subnet in (("front", "10.61.0.0/24"), ("back", "10.62.0.0/24")):
            engine.docker("network", "create", "--ipv6", "--subnet", subnet, name).ok()
        ports = (f"{ANYWHERE}:80", f"127.0.0.1:{HERE}:81", f"10.200.0.1:{CHOSEN}:80")
        words = [word for port in ports for word in ("-p", port)]
        front = ("--network", "front")
        greeter = ("host", "python3", "-c", GREETER)
        engine.docker("run", "-d", "--name", "web", *front, *words, *greeter).ok()
        run(engine, "--name", "peer", *front)
        run(engine, "--name", "other", "--network", "back")
        eventually(lambda: (reached(ANYWHERE) and reached(HERE)) or None, "the ports to be reached")
        self._held = contextlib.ExitStack()
        self.inside = {name: self._place(of) for name, of in (("front", "peer"), ("back", "other"))}

    def _make_strangers(self) -> None:
        """The other machine is the way to everything else, and has an address from there."""
        subprocess.run(["ip", "route", "add", "default", "via", "10.200.0.2"], check=True)
        command = ["ip", "addr", "add", f"{STRANGER}/32", "dev", "eth0"]
        self.lan.do(lambda: subprocess.run(command, check=True))

    def _place(self, container: str) -> Callable[[Callable[[], bool]], bool]:
        pid = inspect(self.engine, container)["State"]["Pid"]
        fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        self._held.callback(os.close, fd)
        return lambda work: netns.within(fd, work)

    def close(self) -> None:
        self._held.close()
        subprocess.run(["ip", "route", "del", "default"], check=False)

    def told(self, port: str = "") -> list[dict[str, Any]]:
        """The ways, as they are told."""
        found = json.loads(self.engine.orlop("reach", "--json", f"web{port}").ok().out)
        return [way for one in found["Ports"] for way in one["Ways"]]

    def real(self, way: dict[str, Any]) -> bool:
        """Whether a connection comes to be."""
        source = STRANGER if way["From"] == "internet" else ""

        def attempt() -> bool:
            return connects(way["Address"], way["Port"], source)

        # Who is refused is asked once; who is not may have to wait for a busy machine.
        expected = promised(way, self.source(way))
        return any(self._at(way)(attempt) for _ in range(8 if expected == "yes" else 1))

    def _at(self, way: dict[str, Any]) -> Callable[[Callable[[], bool]], bool]:
        if way["From"] == "network":
            return self.inside[way["Name"]]
        return self.lan.do if way["From"] in ("lan", "internet") else Place(None).do

    def source(self, way: dict[str, Any]) -> str:
        """The address by which the place is asked from."""
        if way["From"] == "lan":
            return "fd20::2" if ":" in way["Address"] else "10.200.0.2"
        return STRANGER if way["From"] == "internet" else ""


def connects(where: str, port: int, source: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in where else socket.AF_INET) as client:
        client.settimeout(0.5)
        try:
            if source:
                client.bind((source, 0))
            client.connect((where, port))
            return bool(client.recv(9))
        except OSError:
            return False


def promised(way: dict[str, Any], source: str) -> str:
    """What is told of connections from one address."""
    if way["Reaches"] != "partly":
        return str(way["Reaches"])
    for outcome in way["Outcomes"]:
        networks = [ip_network(one) for one in outcome["Sources"]]
        if any(ip_address(source) in network for network in networks):
            return str(outcome["Reaches"])
    raise AssertionError(way)


@contextlib.contextmanager
def played(scene: Scene) -> Iterator[None]:
    """The host is as the scene wants it; then again as it was."""
    before = {name: Path("/proc/sys", name).read_text() for name in scene.settings}
    try:
        for name, value in scene.settings.items():
            Path("/proc/sys", name).write_text(value)
        if scene.rules:
            execute(["nft", "-f", "-"], stdin=scene.rules).ok()
        for command in scene.commands:
            execute(command.split()).ok()
        yield
    finally:
        for name, value in before.items():
            Path("/proc/sys", name).write_text(value)
        for family, table in (("inet", "fw"), ("bridge", "fw"), ("ip", "filter")):
            execute(["nft", "delete", "table", family, table])


def key_of(way: dict[str, Any]) -> tuple[str, int]:
    name = way["Address"] if way["Address"] == "::1" else way["Name"] or way["From"]
    return (way["From"] if way["From"] in ("lan", "internet") else name), way["Port"]


@pytest.fixture
def scenery(engine: Engine) -> Iterator[Scenery]:
    site = Site()
    try:
        made = Scenery(engine, site)
        yield made
        made.close()
    finally:
        site.close()


def test_as_connections_do(scenery: Scenery) -> None:
    """One engine for all scenes: the containers and the LAN take longer than the questions."""
    for scene in SCENES:
        if any(not Path("/proc/sys", name).exists() for name in scene.settings):
            continue
        with played(scene):
            agree(scenery, scene)


def agree(scenery: Scenery, scene: Scene) -> None:
    """What is told becomes what is so: the engine follows the host's rules after a while."""
    found: list[str] = []

    def compare() -> bool:
        found[:] = differences(scenery, scene)
        return not found

    try:
        eventually(compare, "them to agree")
    except AssertionError:
        raise AssertionError(f"{scene.name}: " + "\n".join(found)) from None


def differences(scenery: Scenery, scene: Scene) -> list[str]:
    """Ways of which something else is told than is so, or has to be told."""
    ways = scenery.told()
    told = {key_of(way): way["Reaches"] for way in ways if ":" not in way["Address"]}
    told |= {key_of(way): way["Reaches"] for way in ways if way["Address"] == "::1"}
    found = [
        f"{key}: {told.get(key)}" for key, want in scene.wanted.items() if told.get(key) != want
    ]
    if found:
        return [*found, json.dumps([way for way in ways if key_of(way) in scene.wanted])]
    with ThreadPoolExecutor(16) as pool:
        real = list(pool.map(scenery.real, ways))
    return [
        f"{way}: {is_so}"
        for way, is_so in zip(ways, real, strict=True)
        if {True: "yes", False: "no"}[is_so] != promised(way, scenery.source(way))
    ]


DOUBTFUL = (
    f"tcp dport {ANYWHERE} limit rate 1/second accept",
    f"tcp dport {ANYWHERE} meta cpu 0 accept",
)


@pytest.mark.parametrize("rule", DOUBTFUL)
def test_what_cannot_be_told(scenery: Scenery, rule: str) -> None:
    with played(Scene("doubt", fw(*USUAL, rule))):

        def depends() -> list[dict[str, Any]] | None:
            ways = scenery.told(":80")
            lan = [way for way in ways if key_of(way) == ("lan", ANYWHERE)]
            return lan if all(way["Reaches"] == "depends" for way in lan) else None

        (first, *_) = eventually(depends, "it to depend")
        (told,) = first["Outcomes"][0]["DependsOn"]
        assert (told["Table"], told["Chain"]) == ("fw", "in")
        assert str(ANYWHERE) in told["Text"]


def test_rules_of_the_containers_own(scenery: Scenery) -> None:
    """They are not read, so nothing is promised; what is refused before stays refused."""
    pid = inspect(scenery.engine, "web")["State"]["Pid"]
    execute(["nsenter", "-t", str(pid), "-n", "nft", "add", "table", "inet", "own"]).ok()
    told = {key_of(way): way for way in scenery.told()}
    assert told["lan", ANYWHERE]["Reaches"] == "depends"
    assert "the container has itself" in told["lan", ANYWHERE]["Outcomes"][0]["Reason"]
    assert told["lan", 80]["Reaches"] == "no"


def test_as_people_see_it(scenery: Scenery) -> None:
    shown = scenery.engine.orlop("reach", "web:81").ok().out
    assert "published at 127.0.0.1:18111" in shown
    assert "only published ports" in shown
    assert f"orlop port add web {HERE}:81" in shown
    for words, why in (
        (("web:nonsense",), "not a port"),
        (("nobody",), "nobody"),
    ):
        refused = scenery.engine.orlop("reach", *words)
        assert refused.status != 0
        assert why in refused.err


def test_networks_that_are_closed(scenery: Scenery) -> None:
    engine = scenery.engine
    isolated = ("-o", "com.docker.network.bridge.enable_icc=false")
    engine.docker("network", "create", *isolated, "--subnet", "10.63.0.0/24", "apart").ok()
    engine.docker("network", "create", "--internal", "--subnet", "10.64.0.0/24", "inner").ok()
    wire = ("-d", "macvlan", "-o", "parent=lan", "--subnet", "10.200.0.0/24")
    engine.docker("network", "create", *wire, "wire").ok()
    for name in ("apart", "inner"):
        run(engine, "--name", name, "--network", name)
    run(engine, "--name", "wire", "--network", "wire", "--ip", "10.200.0.9")

    def told(name: str) -> dict[tuple[str, int], str]:
        found = json.loads(engine.orlop("reach", "--json", f"{name}:80").ok().out)["Ports"]
        return {key_of(way): way["Reaches"] for one in found for way in one["Ways"]}

    assert told("apart")["apart", 80] == "no"
    assert told("inner")["inner", 80] == "yes"
    assert {told("inner")[key, 80] for key in ("lan", "front")} == {"no"}
    ways = told("wire")
    assert (ways["host", 80], ways["lan", 80], ways["wire", 80]) == ("no", "yes", "yes")


def test_containers_without_a_bridge(engine: Engine) -> None:
    run(engine, "--name", "alone", "--network", "none")
    run(engine, "--name", "open", "--network", "host", "--expose", "18119")
    engine.docker("create", "--name", "asleep", "host", "true").ok()
    assert "has no network" in engine.orlop("reach", "alone").ok().out
    found = json.loads(engine.orlop("reach", "--json", "open").ok().out)
    (port,) = found["Ports"]
    with socket.create_server(("", 18119)):
        assert reached(18119)
    assert {way["Reaches"] for way in port["Ways"]} == {"yes"}
    assert engine.orlop("reach", "asleep").status != 0
