"""Names by the resolvers that programs have: dig's, glibc's, musl's; and a hundred at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from orlop.client.client import Client
from tests.integration.network.asking import address, answers, ask, run
from tests.integration.network.upstream import Upstream, upstreams
from tests.integration.support.deadlines import eventually
from tests.integration.support.engine import Engine
from tests.integration.support.rootfs import compile_static
from tests.integration.support.runtimes import Result
from tests.isolation import mount, unmount

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_nftables,
    pytest.mark.requires_compiler,
    pytest.mark.requires_dig,
]

CROWD = 100
OUTSIDE = "127.0.0.77"
MS_BIND = 4096


@pytest.fixture
def outside() -> Iterator[Upstream]:
    """Whom the engine asks for what it does not know, at the host's loopback."""
    with Upstream(OUTSIDE) as server:
        yield server


@pytest.fixture
def share(workspace: Path) -> Path:
    """A directory for all containers, with a client that is linked with musl."""
    share = workspace / "share"
    share.mkdir()
    compile_static(Path(__file__).with_name("resolve.c"), share / "resolve")
    return share


class Member:
    """One of the crowd: what it asks, and what it has to be told."""

    def __init__(self, number: int, inside: dict[str, list[str]]) -> None:
        self.name = f"c{number}"
        others = [f"c{(number * step + step) % CROWD}" for step in range(1, 9)]
        self.wanted = {name: sorted(inside[name]) for name in (*others, self.name.upper())}
        self.wanted["three"] = sorted(inside["c0"] + inside["c1"] + inside["c2"])
        self.wanted[f"{others[0]}.crowd"] = sorted(inside[others[0]])
        for name in others[:3]:
            if name == self.name:  # of which its file of hosts says something else
                continue
            (ipv4,) = [one for one in inside[name] if ":" not in one]
            self.wanted[ipv4] = [f"{name}.crowd"]
        self.wanted[f"n{number}.outside"] = ["192.0.2.1"]
        for wrong in (f"c{number + CROWD}", f"n{number}.wrong"):
            self.wanted[wrong] = ["unknown"]

    def read(self, text: str) -> dict[str, list[str]]:
        """What it was told, by question."""
        rows = [line.split() for line in text.splitlines()]
        return {row[0]: row[1:] for row in rows}


def test_a_hundred_at_once(engine: Engine, share: Path, outside: Upstream) -> None:
    """Names of others, addresses of others, names that nobody has: nothing is wrong or lost.

    They ask once, so a datagram that gets lost is an answer that is missing.
    """
    engine.docker("network", "create", "--ipv6", "--subnet", "10.64.0.0/22", "crowd").ok()
    client = Client(engine.url)
    with ThreadPoolExecutor(4) as pool:
        numbers = range(CROWD)
        keys = list(pool.map(lambda number: create(client, number, share), numbers))
        list(pool.map(lambda key: client.post(f"/containers/{key}/start"), keys))
    found = client.get("/networks/crowd")["Containers"].values()
    inside = {
        one["Name"]: [plain(one[f"IPv{version}Address"]) for version in (4, 6)] for one in found
    }
    assert len(inside) == CROWD
    members = [Member(number, inside | upper(inside)) for number in range(CROWD)]
    for member in members:
        (share / f"{member.name}.names").write_text(" ".join(member.wanted))
    run(engine, "--name", "web", "--network", "crowd", "--dns", OUTSIDE)
    too_long(engine, sorted(one for both in inside.values() for one in both if ":" not in one))
    (share / "gate").touch()
    for member in members:
        text = eventually(partial(told, share, member.name), "the answers", 120)
        assert member.read(text) == member.wanted, member.name


def told(share: Path, name: str) -> str:
    path = share / f"{name}.told"
    return path.read_text() if path.exists() else ""


def create(client: Client, number: int, share: Path) -> str:
    """A container that waits with its questions, and asks once each."""
    name = f"/share/c{number}"
    script = f"until [ -e {name}.names ]; do sleep 0.1; done; "
    script += f"/share/resolve /share/gate $(cat {name}.names) > {name}.new; "
    script += f"mv {name}.new {name}.told; exec sleep 1000"  # its name is there as long as it is
    aliases = ["everyone", "three"] if number < 3 else ["everyone"]
    described = {
        "Image": "host",
        "Cmd": ["sh", "-c", script],
        "HostConfig": {
            "NetworkMode": "crowd",
            "Binds": [f"{share}:/share"],
            "Dns": [OUTSIDE],
            "DnsOptions": ["attempts:1", "timeout:30"],
        },
        "NetworkingConfig": {"EndpointsConfig": {"crowd": {"Aliases": aliases}}},
    }
    return str(client.post("/containers/create", described, {"name": f"c{number}"})["Id"])


def plain(address: str) -> str:
    return address.partition("/")[0]


def upper(inside: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name.upper(): found for name, found in inside.items()}


def too_long(engine: Engine, everyone: list[str]) -> None:
    """An answer of a hundred addresses: cut in a datagram, whole where there is room or by TCP."""
    cut = dig(engine, "+noedns", "+ignore", "+notcp", "everyone").out
    assert " tc" in flags(cut)
    for more in ((), ("+noedns",), ("+tcp",), ("+bufsize=4096", "+ignore")):
        whole = dig(engine, "+short", *more, "everyone").lines()
        assert sorted(line for line in whole if not line.startswith(";")) == everyone
    found = engine.docker("exec", "web", "getent", "ahostsv4", "everyone").ok().lines()
    assert sorted({line.split()[0] for line in found}) == everyone


def dig(engine: Engine, *words: str) -> Result:
    return engine.docker("exec", "web", "dig", "+tries=1", "+timeout=30", *words).ok()


def flags(text: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith(";; flags:")]
    return line.partition(";; flags:")[2].partition(";")[0]


@pytest.fixture
def front(engine: Engine, share: Path, outside: Upstream) -> Engine:
    """`web`, which asks, and `db`, also called `data`, in one network."""
    engine.docker("network", "create", "front").ok()
    binds = ("-v", f"{share}:/share")
    run(engine, "--name", "web", "--network", "front", "--dns", OUTSIDE, *binds)
    run(engine, "--name", "db", "--network", "front", "--network-alias", "data")
    return engine


def test_dig(front: Engine, outside: Upstream) -> None:
    ipv4, ipv6 = (address(front, "db", "front", ipv6=ipv6) for ipv6 in (False, True))
    for more in ((), ("+tcp",), ("+noedns",), ("+dnssec",), ("+nocookie",), ("+noadflag",)):
        assert dig(front, "+short", *more, "data").lines() == [ipv4]
        assert dig(front, "+short", *more, "AAAA", "DB").lines() == [ipv6]
        assert dig(front, "+short", *more, "-x", ipv4).lines() == ["db.front."]
        assert dig(front, "+short", *more, "-x", ipv6).lines() == ["db.front."]
        assert dig(front, "+short", *more, "db", "A", "db", "AAAA").lines() == [ipv4, ipv6]
        assert dig(front, "+short", *more, "x.outside").lines() == (
            ["192.0.2.1"] if "+tcp" not in more else []
        )
    assert {"qr", "aa", "rd", "ra"} <= set(flags(dig(front, "db").out).split())
    for name, kind, status, count in (
        ("db", "MX", "NOERROR", 0),
        ("db", "ANY", "NOERROR", 0),
        ("x.outside", "AAAA", "NOERROR", 0),
        ("x.wrong", "A", "NXDOMAIN", 0),
        ("db.back", "A", "NXDOMAIN", 0),
        ("1.0.0.10.in-addr.arpa", "PTR", "NXDOMAIN", 0),
    ):
        text = dig(front, name, kind).out
        assert f"status: {status}" in text, (name, kind)
        assert f"ANSWER: {count}," in text, (name, kind)
    names = {name for name, _ in outside.asked}
    assert not {"db", "data", "web"} & names


def test_glibc(front: Engine) -> None:
    ipv4, ipv6 = (address(front, "db", "front", ipv6=ipv6) for ipv6 in (False, True))

    def getent(*words: str) -> Result:
        return front.docker("exec", "web", "getent", *words)

    for name in ("db", "DATA", "db.front"):
        assert getent("ahostsv4", name).ok().lines()[0].split()[0] == ipv4
        assert getent("ahostsv6", name).ok().lines()[0].split()[0] == ipv6
        assert {line.split()[0] for line in getent("ahosts", name).ok().lines()} == {ipv4, ipv6}
    for one in (ipv4, ipv6):
        assert getent("hosts", one).ok().out.split() == [one, "db.front"]
    assert getent("ahosts", "x.outside").ok().out.split()[0] == "192.0.2.1"
    for wrong in ("nobody", "x.wrong"):
        assert getent("ahosts", wrong).status == 2


def test_musl(front: Engine) -> None:
    both = sorted(address(front, "db", "front", ipv6=ipv6) for ipv6 in (False, True))
    ipv4 = next(one for one in both if ":" not in one)
    names = ("db", "DATA", "db.front", ipv4, "x.outside", "nobody", "x.wrong")
    found = front.docker("exec", "web", "/share/resolve", "/share", *names).ok().lines()
    assert dict(line.split(" ", 1) for line in found) == {
        "db": " ".join(both),
        "DATA": " ".join(both),
        "db.front": " ".join(both),
        ipv4: "db.front",
        "x.outside": "192.0.2.1",
        "nobody": "unknown",
        "x.wrong": "unknown",
    }


class TestHostsResolvers:
    """Whom the engine asks follows the host's files, whatever systemd-resolved puts in between."""

    @pytest.fixture
    def conf(self, workspace: Path) -> Iterator[Path]:
        """The host's /etc/resolv.conf, of which these tests have their own."""
        conf = workspace / "resolv.conf"
        conf.write_text("nameserver 127.0.0.53\noptions edns0 trust-ad\n")
        mount(str(conf), "/etc/resolv.conf", "", MS_BIND)
        yield conf
        unmount("/etc/resolv.conf")

    @pytest.fixture
    def behind(self) -> Iterator[Path]:
        """Where systemd-resolved says whom it asks itself."""
        directory = Path("/run/systemd/resolve")
        directory.mkdir(parents=True)
        yield directory / "resolv.conf"
        (directory / "resolv.conf").unlink()
        directory.rmdir()
        directory.parent.rmdir()

    def test_the_real_ones(self, engine: Engine, conf: Path, behind: Path) -> None:
        behind.write_text("nameserver 127.0.0.81\n")
        run(engine, "--name", "one")
        with upstreams("127.0.0.53", "127.0.0.81", "127.0.0.82") as (stub, first, second):
            assert answers(ask(engine, "one", "a.outside")) == ["192.0.2.1"]
            assert answers(ask(engine, "one", "a.outside")) == ["192.0.2.1"]  # kept
            behind.write_text("nameserver 127.0.0.82\n")
            assert answers(ask(engine, "one", "b.outside")) == ["192.0.2.1"]
            conf.write_text("nameserver 127.0.0.81\nnameserver 127.0.0.82\n")
            assert answers(ask(engine, "one", "c.outside")) == ["192.0.2.1"]
            assert (first.asked, second.asked, stub.asked) == (
                [("a.outside", "A"), ("c.outside", "A")],
                [("b.outside", "A")],
                [],
            )

    def test_one_that_does_not_answer(self, engine: Engine, conf: Path) -> None:
        """The next one is asked; with nobody behind it, the stub is as good as any."""
        run(engine, "--name", "one")
        with upstreams("127.0.0.53") as (stub,):
            assert answers(ask(engine, "one", "a.outside")) == ["192.0.2.1"]
            conf.write_text("nameserver 127.0.0.81\nnameserver 127.0.0.53\n")
            assert answers(ask(engine, "one", "b.outside")) == ["192.0.2.1"]
        assert [name for name, _ in stub.asked] == ["a.outside", "b.outside"]


def test_internal_networks_leak_no_question(engine: Engine, outside: Upstream) -> None:
    """Neither by the engine nor past it; in one more network, it asks like anybody."""
    engine.docker("network", "create", "--internal", "inner").ok()
    run(engine, "--name", "one", "--network", "inner", "--dns", OUTSIDE)
    run(engine, "--name", "two", "--network", "inner")
    for name, kind in (
        ("x.outside", "A"),
        ("x.outside", "AAAA"),
        ("1.2.0.192.in-addr.arpa", "PTR"),
    ):
        for tcp in (False, True):
            assert answers(ask(engine, "one", name, kind, tcp=tcp)) == []
    assert answers(ask(engine, "one", "two")) == [address(engine, "two", "inner")]
    assert outside.asked == []
    engine.docker("network", "create", "front").ok()
    engine.docker("network", "connect", "front", "one").ok()
    assert answers(ask(engine, "one", "x.outside")) == ["192.0.2.1"]
    engine.docker("network", "disconnect", "front", "one").ok()
    assert answers(ask(engine, "one", "y.outside")) == []
    assert outside.asked == [("x.outside", "A")]
