"""Containers on networks, by the docker command, with real packets and real resolvers."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from orlop.kernel import netns
from tests.integration.network.asking import address, answers, ask, inspect, run
from tests.integration.network.places import Site
from tests.integration.support.deadlines import eventually
from tests.integration.support.engine import Engine

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_nftables]

GREETER = """
import socket
server = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    client = server.accept()[0]
    client.sendall(b"web")
    client.close()
"""
UFW = """*filter
:INPUT DROP
:FORWARD ACCEPT
:OUTPUT ACCEPT
:ufw-before-input -
:ufw-not-local -
:ufw-user-input -
:ufw-logging-deny -
-A INPUT -j ufw-before-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j ufw-logging-deny
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny
-A ufw-not-local -j DROP
-A ufw-logging-deny -m conntrack --ctstate INVALID -m limit --limit 3/min -j RETURN
-A ufw-logging-deny -m limit --limit 3/min -j LOG --log-prefix "[UFW BLOCK] "
-A ufw-user-input -p tcp --dport 18095 -m comment --comment web -j ACCEPT
COMMIT
"""
SERVER = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=80, bind='::')"


def reached(port: int, host: str = "127.0.0.1") -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


class TestAddresses:
    def test_of_those_who_do_not_choose(self, engine: Engine) -> None:
        run(engine, "--name", "one")
        run(engine, "--name", "two")
        first, second = (address(engine, name, "bridge") for name in ("one", "two"))
        assert first != second
        assert engine.docker("exec", "one", "ping", "-c1", "-W2", second).status in (0, 127)
        hosts = engine.docker("exec", "one", "cat", "/etc/hosts").ok().out
        assert first in hosts

    def test_chosen(self, engine: Engine) -> None:
        engine.docker("network", "create", "--subnet", "10.61.0.0/24", "front").ok()
        chosen = ("--network", "front", "--ip", "10.61.0.9", "--mac-address", "02:00:00:00:00:09")
        run(engine, "--name", "one", *chosen)
        end = inspect(engine, "one")["NetworkSettings"]["Networks"]["front"]
        assert (end["IPAddress"], end["MacAddress"]) == ("10.61.0.9", "02:00:00:00:00:09")
        assert end["Gateway"] == "10.61.0.1"
        taken = engine.docker("run", "--network", "front", "--ip", "10.61.0.9", "host", "true")
        assert taken.status == 125
        assert "10.61.0.9 is in use" in taken.err

    def test_ipv6_alone(self, engine: Engine) -> None:
        engine.docker("network", "create", "--ipv4=false", "--ipv6", "six").ok()
        run(engine, "--name", "one", "--network", "six")
        run(engine, "--name", "two", "--network", "six")
        settings = inspect(engine, "one")["NetworkSettings"]["Networks"]["six"]
        assert settings["IPAddress"] == ""
        other = address(engine, "two", "six", ipv6=True)
        assert answers(ask(engine, "one", "two", "AAAA")) == [other]
        assert answers(ask(engine, "one", "two", "A")) == []

    def test_proved_and_explained(self, engine: Engine) -> None:
        """What the engine made for it is its own, also after a change of its limits."""
        engine.docker("network", "create", "front").ok()
        run(engine, "--name", "one", "--network", "front", "-m", "64m", "-p", "127.0.0.1::80")
        run(engine, "--name", "two", "--network", "container:one")
        engine.docker("update", "-m", "96m", "--memory-swap", "96m", "--cpus", "0.5", "one").ok()
        for name in ("one", "two"):
            key = inspect(engine, name)["Id"]
            root = engine.exec_root / "containers"
            engine.orlop("proof", "--root", root, key).ok()
        explained = engine.orlop("explain", "--container", "one").ok()
        assert "networks are made by the engine" in explained.err

    def test_another_containers(self, engine: Engine) -> None:
        run(engine, "--name", "one")
        shown = ("cat", "/proc/net/fib_trie")
        own = engine.docker("exec", "one", *shown).ok().out
        joined = engine.docker("run", "--rm", "--network", "container:one", "host", *shown).ok()
        assert joined.out == own


class TestNames:
    @pytest.fixture
    def front(self, engine: Engine) -> Engine:
        engine.docker("network", "create", "front").ok()
        run(engine, "--name", "web", "--network", "front")
        run(engine, "--name", "db", "--network", "front", "--network-alias", "data")
        return engine

    def test_of_containers(self, front: Engine) -> None:
        wanted = [address(front, "db", "front")]
        own_id = inspect(front, "db")["Id"][:12]
        for name in ("db", "data", "DB", own_id, "db.front"):
            assert answers(ask(front, "web", name)) == wanted
        assert answers(ask(front, "web", "db", tcp=True)) == wanted
        assert answers(ask(front, "web", "db", "AAAA")) == [
            address(front, "db", "front", ipv6=True)
        ]
        reverse = ".".join(reversed(wanted[0].split("."))) + ".in-addr.arpa"
        assert answers(ask(front, "web", reverse, "PTR")) == ["db.front."]

    def test_with_the_libraries_resolver(self, front: Engine) -> None:
        found = front.docker("exec", "web", "getent", "ahostsv4", "data").ok().out
        assert address(front, "db", "front") in found

    def test_several_behind_one_alias(self, front: Engine) -> None:
        run(front, "--name", "db2", "--network", "front", "--network-alias", "data")
        both = sorted(address(front, name, "front") for name in ("db", "db2"))
        assert answers(ask(front, "web", "data")) == both
        front.docker("rm", "-f", "db2").ok()
        assert answers(ask(front, "web", "data")) == [address(front, "db", "front")]

    def test_no_name_is_known_elsewhere(self, front: Engine) -> None:
        front.docker("network", "create", "back").ok()
        run(front, "--name", "other", "--network", "back")
        assert answers(ask(front, "other", "db")) == []

    def test_links(self, front: Engine) -> None:
        run(front, "--name", "linked", "--network", "front", "--link", "db:store")
        assert answers(ask(front, "linked", "store")) == [address(front, "db", "front")]
        assert answers(ask(front, "web", "store")) == []

    def test_internal_networks_ask_nobody(self, engine: Engine) -> None:
        engine.docker("network", "create", "--internal", "inner").ok()
        run(engine, "--name", "one", "--network", "inner")
        assert ask(engine, "one", "example.com").rcode() == dns.rcode.NXDOMAIN
        routes = engine.docker("exec", "one", "cat", "/proc/net/route").ok().out
        assert not any(line.split()[1] == "00000000" for line in routes.splitlines()[1:])

    def test_they_are_asked_of_the_servers_that_were_chosen(self, engine: Engine) -> None:
        """Over the engine: a name server on the host's loopback can be asked, too."""
        query_seen: list[str] = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.77", 53))
            server.settimeout(5)
            run(engine, "--name", "one", "--dns", "127.0.0.77")
            import threading

            def serve() -> None:
                data, peer = server.recvfrom(512)
                query = dns.message.from_wire(data)
                query_seen.append(query.question[0].name.to_text())
                response = dns.message.make_response(query)
                server.sendto(response.to_wire(), peer)

            thread = threading.Thread(target=serve)
            thread.start()
            assert ask(engine, "one", "example.com").rcode() == dns.rcode.NOERROR
            thread.join()
        assert query_seen == ["example.com."]


class TestTheHostsAddress:
    """--add-host NAME:host-gateway."""

    @pytest.mark.parametrize(
        ("network", "where"),
        [("front", "10.61.0.1"), ("host", "127.0.0.1"), ("none", ""), ("bridge", "")],
    )
    def test_in_every_network(self, engine: Engine, network: str, where: str) -> None:
        engine.docker("network", "create", "--subnet", "10.61.0.0/24", "front").ok()
        usual = json.loads(engine.docker("network", "inspect", "bridge").ok().out)[0]
        gateway = where or usual["IPAM"]["Config"][0]["Gateway"]
        words = ("--network", network, "--add-host", "box:host-gateway")
        hosts = engine.docker("run", "--rm", *words, "host", "cat", "/etc/hosts").ok().out
        assert f"{gateway}\tbox" in hosts


class TestPorts:
    def serve(self, engine: Engine, *words: str) -> None:
        engine.docker("run", "-d", "--name", "web", *words, "host", "python3", "-c", SERVER).ok()

    def test_published(self, engine: Engine) -> None:
        self.serve(engine, "-p", "18080:80", "-p", "127.0.0.1::81")
        eventually(lambda: reached(18080) or None, "the port to be reached")
        ports = inspect(engine, "web")["NetworkSettings"]["Ports"]
        assert {place["HostPort"] for place in ports["80/tcp"]} == {"18080"}
        assert [place["HostIp"] for place in ports["81/tcp"]] == ["127.0.0.1"]
        assert "0.0.0.0:18080" in engine.docker("port", "web", "80").ok().out
        assert "0.0.0.0:18080->80/tcp" in engine.docker("ps").ok().out
        engine.docker("stop", "-t0", "web").ok()
        assert not reached(18080)

    def test_a_port_that_is_taken(self, engine: Engine) -> None:
        with socket.create_server(("127.0.0.1", 18081)):
            refused = engine.docker("run", "-p", "18081:80", "host", "true")
            assert refused.status == 125
            assert "already allocated" in refused.err
            assert f"(PID {os.getpid()})" in refused.err
        engine.docker("run", "--rm", "-p", "18081:80", "host", "true").ok()

    def test_a_range_of_ten_thousand(self, engine: Engine) -> None:
        run(engine, "--name", "many", "-p", "20000-29999:20000-29999")
        assert len(inspect(engine, "many")["NetworkSettings"]["Ports"]) == 10_000

    def test_all_that_are_declared(self, engine: Engine) -> None:
        run(engine, "--name", "all", "-P", "--expose", "80", "--expose", "53/udp")
        ports = inspect(engine, "all")["NetworkSettings"]["Ports"]
        assert all(place[0]["HostPort"] for place in ports.values())
        assert set(ports) == {"80/tcp", "53/udp"}


class TestPortsOfARunningContainer:
    def test_added_and_taken_back(self, engine: Engine) -> None:
        """What is connected stays connected."""
        server = "import socket as s; l = s.create_server(('', 80)); p = l.accept()[0]\n"
        server += "while d := p.recv(9): p.sendall(d)"
        engine.docker("run", "-d", "--name", "web", "host", "python3", "-c", server).ok()
        assert not reached(18091)
        engine.orlop("port", "add", "web", "18091:80", "127.0.0.1:18092:81").ok()
        assert "0.0.0.0:18091" in engine.docker("port", "web", "80").ok().out
        client = eventually(lambda: connected(18091), "the port to be reached")
        with client:
            engine.orlop("port", "rm", "web", "18091:80").ok()
            client.sendall(b"still")
            assert client.recv(9) == b"still"
            assert not reached(18091)
            assert engine.docker("port", "web").ok().out == "81/tcp -> 127.0.0.1:18092\n"

    def test_kept_for_the_next_start(self, engine: Engine) -> None:
        run(engine, "--name", "web")
        engine.orlop("port", "add", "web", "18093:80").ok()
        engine.docker("restart", "-t0", "web").ok()
        assert "18093" in engine.docker("port", "web").ok().out

    def test_refused(self, engine: Engine) -> None:
        run(engine, "--name", "web", "-p", "18094:80")
        run(engine, "--name", "lonely", "--network", "none")
        for words, why in (
            (("add", "web", "18094:81"), "already allocated"),
            (("add", "web", "nonsense"), "not a port"),
            (("add", "lonely", "18095:80"), "no network of its own"),
            (("add", "nobody", "18095:80"), "nobody"),
            (("rm", "web", "18096:80"), "not exist"),
        ):
            refused = engine.orlop("port", *words)
            assert refused.status != 0
            assert why in refused.err
        assert engine.docker("port", "web").ok().out.count("18094") == 2


def connected(port: int) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=1)
    except OSError:
        return None


class TestChanges:
    def test_connected_and_disconnected(self, engine: Engine) -> None:
        for name in ("front", "back"):
            engine.docker("network", "create", name).ok()
        run(engine, "--name", "web", "--network", "front")
        run(engine, "--name", "db", "--network", "back")
        engine.docker("network", "connect", "--alias", "www", "back", "web").ok()
        assert answers(ask(engine, "db", "www")) == [address(engine, "web", "back")]
        assert "eth1" in engine.docker("exec", "web", "cat", "/proc/net/dev").ok().out
        engine.docker("network", "disconnect", "back", "web").ok()
        assert answers(ask(engine, "db", "www")) == []
        assert "eth1" not in engine.docker("exec", "web", "cat", "/proc/net/dev").ok().out

    def test_before_the_start(self, engine: Engine) -> None:
        engine.docker("network", "create", "front").ok()
        engine.docker("create", "--name", "web", "host", "sleep", "1000").ok()
        engine.docker("network", "connect", "front", "web").ok()
        engine.docker("network", "disconnect", "bridge", "web").ok()
        engine.docker("start", "web").ok()
        assert set(inspect(engine, "web")["NetworkSettings"]["Networks"]) == {"front"}

    def test_rates(self, engine: Engine) -> None:
        engine.orlop(
            "run", "-d", "--name", "web", "--net-rate", "10mbit", "host", "sleep", "9"
        ).ok()
        host_config = inspect(engine, "web")["HostConfig"]
        assert (host_config["NetRateIn"], host_config["NetRateOut"]) == (10_000_000, 10_000_000)
        assert "tbf" in _qdiscs()
        engine.orlop("update", "--net-rate", "unlimited", "web").ok()
        assert "tbf" not in _qdiscs()
        engine.orlop("update", "--net-rate-out", "20mbit", "web").ok()
        assert "rate 20Mbit" in _qdiscs()

    def test_rates_are_read_back(self, engine: Engine) -> None:
        """What the kernel does is shown, also when somebody else has changed it."""
        engine.docker("network", "create", "front").ok()
        words = ("--name", "web", "--network", "front", "--net-rate-in", "10mbit")
        engine.orlop("run", "-d", *words, "--net-rate-out", "2mbit", "host", "sleep", "100").ok()
        asked = "in 10 Mbit/s, out 2 Mbit/s"
        assert _rates(engine) == (asked, asked, "as-asked", 0)
        form = ("stats", "--no-stream", "--format", "{{.NetRate}}", "web")
        assert engine.orlop(*form).ok().out == "10Mbit/s / 2Mbit/s\n"
        names = [name for _, name in socket.if_nameindex()]
        (device,) = (n for n in names if n.startswith("ol") and len(n) == 15 and "-" not in n)
        _tc("qdisc", "change", "dev", device, "root", "tbf", "rate", "5mbit", "burst", "16k")
        assert _rates(engine) == ("in 5 Mbit/s, out 2 Mbit/s", asked, "mismatch", 3)
        assert engine.orlop(*form).ok().out == "5Mbit/s / 2Mbit/s\n"
        _tc("qdisc", "del", "dev", device, "ingress")
        assert _rates(engine)[0] == "in 5 Mbit/s, out no limit"
        engine.orlop("update", "--net-rate", "unlimited", "web").ok()
        assert _rates(engine) == ("", "", "", 0)

    def test_what_the_kernel_lacks_is_named(self, engine: Engine) -> None:
        refused = engine.orlop("run", "--rm", "--net-delay", "5ms", "host", "true")
        assert refused.status == 125
        assert "sch_netem" in refused.err


def _rates(engine: Engine) -> tuple[str, str, str, int]:
    """What the proof says of eth0: observed, asked, verdict; and its exit status."""
    done = engine.orlop("proof", "--json", "web")
    (proof,) = json.loads(done.out)["proofs"]
    (section,) = (one for one in proof["sections"] if one["name"] == "network")
    rows = [row for row in section["rows"] if row["what"] == "rates of eth0"]
    if not rows:
        return "", "", "", done.status
    return rows[0]["observed"], rows[0]["asked"], rows[0]["verdict"], done.status


def _tc(*words: str) -> None:
    from tests.integration.support.runtimes import execute

    if words[1] == "change":
        words = (*words, "latency", "50ms")
    execute(["tc", *words]).ok()


def _qdiscs() -> str:
    from tests.integration.support.runtimes import execute

    return execute(["tc", "qdisc", "show"]).ok().out


class TestEngineThatDies:
    def test_everything_goes_on(self, engine: Engine) -> None:
        engine.docker("network", "create", "front").ok()
        web = ("--name", "web", "--network", "front", "-p", "18082:80")
        engine.docker("run", "-d", *web, "host", "python3", "-c", SERVER).ok()
        run(engine, "--name", "db", "--network", "front")
        eventually(lambda: reached(18082) or None, "the port to be reached")
        before = address(engine, "web", "front")
        engine.kill()
        assert reached(18082)
        engine.start()
        began = time.monotonic()
        assert answers(ask(engine, "db", "web")) == [before]
        assert time.monotonic() - began < 1
        assert reached(18082)
        engine.docker("rm", "-f", "web").ok()
        assert not reached(18082)

    def test_what_ended_meanwhile_gives_its_addresses_back(self, engine: Engine) -> None:
        engine.docker("network", "create", "front").ok()
        run(engine, "--name", "web", "--network", "front", "-p", "18083:80")
        pid = inspect(engine, "web")["State"]["Pid"]
        engine.kill()
        os.kill(pid, 9)
        engine.start()
        eventually(
            lambda: not inspect(engine, "web")["State"]["Running"] or None, "the end to be known"
        )
        assert (
            json.loads(engine.docker("network", "inspect", "front").ok().out)[0]["Containers"] == {}
        )
        engine.docker("run", "--rm", "-p", "18083:80", "host", "true").ok()


def test_rules_that_somebody_flushes_are_made_again(engine: Engine) -> None:
    from tests.integration.support.runtimes import execute

    engine.docker(
        "run", "-d", "--name", "web", "-p", "18084:80", "host", "python3", "-c", SERVER
    ).ok()
    eventually(lambda: reached(18084) or None, "the port to be reached")
    execute(["nft", "flush", "ruleset"]).ok()
    eventually(lambda: reached(18084) or None, "the rules to be made again")


def test_the_outside_world(engine: Engine) -> None:
    site = Site()
    try:
        lan = site.lan()
        run(engine, "--name", "one")
        pid = inspect(engine, "one")["State"]["Pid"]
        fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        with lan.serving(80, "lan"):
            assert netns.within(fd, lambda: site.host.reaches("10.200.0.2", 80)) == "lan 10.200.0.1"
        os.close(fd)
    finally:
        site.close()


class TestHostsFirewall:
    """What the host's own rules say of a port holds for a published one."""

    @pytest.fixture
    def site(self) -> Iterator[Site]:
        made = Site()
        yield made
        made.close()

    def web(self, engine: Engine, *ports: str) -> None:
        words = [word for port in ports for word in ("-p", port)]
        engine.docker("run", "-d", "--name", "web", *words, "host", "python3", "-c", GREETER).ok()
        eventually(lambda: reached(18095) or None, "the port to be reached")

    def rules(self, site: Site, *rules: str) -> None:
        chain = "type filter hook input priority 0; policy drop"
        usual = ('iifname "lo" accept', "ct state established,related accept")
        text = "\n".join((chain, *usual, *rules))
        table = "add table inet fw\ndelete table inet fw\ntable inet fw"
        assert site.nftables.run(f"{table} {{\nchain in {{\n{text}\n}}\n}}") is None

    def test_it_holds_and_is_followed(self, engine: Engine, site: Site) -> None:
        lan = site.lan()
        self.web(engine, "18095:80", "18096:80")
        assert lan.reaches("10.200.0.1", 18095)
        self.rules(site, "ip saddr 10.200.0.0/24 tcp dport { 18096, 22 } accept")
        eventually(lambda: lan.cannot_reach("10.200.0.1", 18095) or None, "it to be closed")
        assert lan.reaches("10.200.0.1", 18096)
        assert reached(18095)
        site.nftables.run("delete table inet fw")
        assert eventually(lambda: lan.reaches("10.200.0.1", 18095) or None, "it to be open")

    def test_that_of_ufw(self, engine: Engine, site: Site) -> None:
        """Its rules are iptables', with extensions that nftables says in other words."""
        from tests.integration.support.runtimes import execute

        lan = site.lan()
        execute(["iptables-nft-restore"], stdin=UFW).ok()
        self.web(engine, "18095:80", "18096:80")
        assert lan.reaches("10.200.0.1", 18095)
        assert lan.cannot_reach("10.200.0.1", 18096)
        ways = engine.orlop("reach", "web:80").ok().out
        assert "ip filter ufw-user-input" in ways
        assert "ip filter ufw-not-local" not in ways
        execute(["iptables-nft", "-D", "ufw-user-input", "1"]).ok()
        eventually(lambda: lan.cannot_reach("10.200.0.1", 18095) or None, "it to be closed")
        site.nftables.run("delete table ip filter")

    def test_it_holds_from_the_beginning(self, engine: Engine, site: Site) -> None:
        lan = site.lan()
        self.rules(site, "tcp dport 22 accept")
        self.web(engine, "18095:80", "10.200.0.1:18097:80")
        assert lan.cannot_reach("10.200.0.1", 18095)
        assert lan.reaches("10.200.0.1", 18097)  # of an address that was chosen
        site.nftables.run("delete table inet fw")


def test_many_rounds_leave_nothing(engine: Engine) -> None:
    """The leak fixture looks at links and files; here also the rules and rows."""
    engine.docker("network", "create", "front").ok()
    for round_ in range(20):
        words = ("--network", "front", "-p", f"{18100 + round_}:80")
        engine.docker("run", "--rm", *words, "host", "true").ok()
    network = json.loads(engine.docker("network", "inspect", "front").ok().out)[0]
    assert network["Containers"] == {}
    assert engine.docker("run", "--rm", "--network", "front", "host", "true").status == 0
    names = os.listdir("/sys/class/net")
    assert not [name for name in names if name.startswith("ol") and len(name) == 13]


BAD = [
    (("network", "create", "--subnet", "10.62.0.0/24", "taken"), "already exists"),
    (("network", "create", "--subnet", "10.62.0.128/25", "new"), "overlaps"),
    (("network", "create", "--subnet", "10.62.1.1/24", "new"), "not valid"),
    (("network", "create", "-d", "overlay", "new"), "bridge or macvlan"),
    (("network", "rm", "bridge"), "pre-defined"),
    (("network", "rm", "nobody"), "nobody"),
    (("network", "rm", "taken"), "active endpoints"),
    (("network", "connect", "taken", "nobody"), "nobody"),
    (("network", "connect", "taken", "web"), "already"),
    (("network", "connect", "host", "web"), "host"),
    (("run", "--network", "nobody", "host", "true"), "nobody"),
    (("run", "--network", "taken", "--ip", "10.63.0.1", "host", "true"), "10.63.0.1"),
]


def test_bad_input_changes_nothing(engine: Engine) -> None:
    engine.docker("network", "create", "--subnet", "10.62.0.0/24", "taken").ok()
    run(engine, "--name", "web", "--network", "taken")
    before = engine.docker("network", "ls", "--format", "{{.Name}}").ok().out
    for words, why in BAD:
        refused = engine.docker(*words)
        assert refused.status != 0, words
        assert why in refused.err, (words, refused.err)
    assert engine.docker("network", "ls", "--format", "{{.Name}}").ok().out == before


@pytest.mark.requires_compose
def test_compose(engine: Engine, workspace: Path) -> None:
    from tests.integration.support.runtimes import execute

    project = workspace / "project"
    project.mkdir()
    (project / "docker-compose.yml").write_text(
        "version: '3'\nservices:\n  web:\n    image: host\n    command: sleep 1000\n"
        "    ports: ['18090:80']\n    depends_on: [db]\n"
        "  db:\n    image: host\n    command: sleep 1000\n"
    )
    compose = ["docker-compose", "-p", "proj", "--project-directory", str(project)]
    compose += ["-f", str(project / "docker-compose.yml")]
    up = execute([*compose, "up", "-d"], env=engine.environment)
    assert up.status == 0, (up, engine.tail())
    try:
        found = ask(engine, "proj_web_1", "db")
        assert answers(found) == [address(engine, "proj_db_1", "proj_default")]
    finally:
        execute([*compose, "down", "-t", "0"], env=engine.environment).ok()
    assert "proj_default" not in engine.docker("network", "ls").ok().out
