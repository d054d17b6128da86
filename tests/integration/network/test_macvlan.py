"""Containers on a wire of the host's: machines of the LAN, with addresses of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from orlop.errors import NotFound
from orlop.kernel import links
from tests.integration.network.asking import address, answers, ask, inspect, place_of, run
from tests.integration.network.places import GREETER, Place, Site
from tests.integration.support.engine import Engine

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_nftables]

LAN = ("--subnet", "10.200.0.0/24", "--gateway", "10.200.0.2", "--ip-range", "10.200.0.16/28")
LAN_IPV6 = ("--ipv6", "--subnet", "fd20::/64", "--gateway", "fd20::2")
FAR = "10.222.0.1"
"""An address of the LAN's gateway that only a default route leads to."""


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture
def lan(site: Site, engine: Engine) -> Place:
    """A machine on a wire of which the host has the device `lan`; the gateway, too."""
    lan = site.lan()
    far = ["ip", "address", "add", f"{FAR}/32", "dev", "lo"]
    lan.do(lambda: subprocess.run(far, check=True))
    return lan


def create(engine: Engine, *words: str, name: str = "wire") -> None:
    given = ("-d", "macvlan", "-o", "parent=lan", *LAN, *words)
    engine.docker("network", "create", *given, name).ok()


def greet(engine: Engine, name: str, *words: str) -> str:
    """The address of a container that says its name."""
    given = ("run", "-d", "--name", name, "--network", "wire", *words)
    engine.docker(*given, "host", "python3", "-c", GREETER, name).ok()
    return address(engine, name, "wire")


def devices(engine: Engine, name: str) -> list[str]:
    lines = engine.docker("exec", name, "cat", "/proc/net/dev").ok().lines()[2:]
    return sorted(line.partition(":")[0].strip() for line in lines)


def test_a_machine_of_the_lan(engine: Engine, site: Site, lan: Place) -> None:
    """It reaches and is reached by its own address, and by name; the host has no part in it."""
    create(engine)
    one, two = greet(engine, "one"), greet(engine, "two")
    assert {one, two} == {"10.200.0.16", "10.200.0.17"}
    assert lan.reaches(one, 80) == "one 10.200.0.2"
    with lan.serving(81, "lan"), place_of(engine, "one") as inside:
        assert inside.reaches("10.200.0.2", 81) == f"lan {one}"
        assert inside.reaches(FAR, 81) == f"lan {one}"
        assert inside.reaches(two, 80) == f"two {one}"
    assert answers(ask(engine, "one", "two")) == [two]
    assert site.host.cannot_reach(one, 80)  # so the kernel has it
    end = inspect(engine, "one")["NetworkSettings"]["Networks"]["wire"]
    assert (end["Gateway"], end["GlobalIPv6Address"]) == ("10.200.0.2", "")
    engine.docker("rm", "-f", "one").ok()
    assert lan.cannot_reach(one, 80)
    assert lan.reaches(two, 80)


def test_ipv6(engine: Engine, lan: Place) -> None:
    create(engine, *LAN_IPV6)
    greet(engine, "one")
    own = address(engine, "one", "wire", ipv6=True)
    assert lan.reaches(own, 80) == "one fd20::2"
    with lan.serving(81, "lan"), place_of(engine, "one") as inside:
        assert inside.reaches("fd20::2", 81) == f"lan {own}"


def test_containers_that_do_not_know_each_other(engine: Engine, lan: Place) -> None:
    create(engine, "-o", "macvlan_mode=private")
    one, two = greet(engine, "one"), greet(engine, "two")
    assert lan.reaches(one, 80)
    assert lan.reaches(two, 80)
    with place_of(engine, "one") as inside:
        assert inside.cannot_reach(two, 80)


def test_internal(engine: Engine, lan: Place) -> None:
    """No way leads on from the wire, and nobody is asked for names."""
    create(engine, "--internal")
    one, two = greet(engine, "one"), greet(engine, "two")
    with lan.serving(81, "lan"), place_of(engine, "one") as inside:
        assert inside.reaches(two, 80) == f"two {one}"
        assert inside.cannot_reach(FAR, 81)
    assert answers(ask(engine, "one", "two")) == [two]
    assert answers(ask(engine, "one", "example.com")) == []


def test_joined_and_left_while_it_runs(engine: Engine, lan: Place) -> None:
    create(engine)
    command = ("host", "python3", "-c", GREETER, "one")
    engine.docker("run", "-d", "--name", "one", "--hostname", "one", *command).ok()
    engine.docker("network", "connect", "--ip", "10.200.0.20", "wire", "one").ok()
    assert devices(engine, "one") == ["eth0", "eth1", "lo"]
    assert lan.reaches("10.200.0.20", 80) == "one 10.200.0.2"
    engine.docker("network", "disconnect", "wire", "one").ok()
    assert devices(engine, "one") == ["eth0", "lo"]
    assert lan.cannot_reach("10.200.0.20", 80)
    engine.docker("network", "connect", "--ip", "10.200.0.20", "wire", "one").ok()
    assert lan.reaches("10.200.0.20", 80) == "one 10.200.0.2"
    engine.docker("rm", "-f", "one").ok()
    engine.docker("network", "rm", "wire").ok()


def test_an_engine_that_dies(engine: Engine, lan: Place) -> None:
    create(engine)
    one = greet(engine, "one")
    engine.kill()
    assert lan.reaches(one, 80)
    engine.start()
    assert lan.reaches(one, 80)
    two = greet(engine, "two")
    assert two != one
    assert answers(ask(engine, "one", "two")) == [two]


def test_ports_are_not_published(engine: Engine, lan: Place) -> None:
    """All of them can be reached anyway; nothing is said of a port of the host."""
    create(engine)
    one = greet(engine, "one", "-p", "18080:80")
    assert engine.docker("port", "one").ok().out == ""
    assert lan.reaches(one, 80)
    assert engine.orlop("port", "add", "one", "18081:80").status != 0


WRONG = [
    (("-o", "parent=lan", "-o", "macvlan_mode=none"), "not a mode of macvlan"),
    (("-o", "parent=lan", "--gateway", "10.200.0.255"), "not an address of the subnet"),
    (("-o", "parent=nowhere"), "no network device nowhere"),
    (("-o", "parent=lo"), "loopback"),
    (("-o", "parent=a/b"), "not a network device's name"),
    ((), "parent=eth0"),
]


def test_bad_input_makes_no_network(engine: Engine, lan: Place) -> None:
    for words, why in WRONG:
        given = ("-d", "macvlan", "--subnet", "10.200.0.0/24", *words, "wrong")
        engine.docker("network", "create", *given).refused(why)
    given = ("-d", "ipvlan", "--subnet", "10.200.0.0/24", "-o", "parent=lan", "wrong")
    engine.docker("network", "create", *given).refused("ipvlan", "bridge or macvlan")
    create(engine)
    again = ("-d", "macvlan", "-o", "parent=lan", "--subnet", "10.200.0.128/25", "wrong")
    engine.docker("network", "create", *again).refused("overlaps")
    assert "wrong" not in engine.docker("network", "ls").ok().out


def test_what_cannot_be_done_changes_nothing(engine: Engine, site: Site, lan: Place) -> None:
    """Of a container that runs, above all: nobody would clean up behind it."""
    create(engine)
    outer = links.link_by_name(site.socket, "lan").index
    run(engine, "--name", "one")
    limited = ("--net-rate", "10mbit")
    refused = engine.orlop("run", "--rm", "--network", "wire", *limited, "host", "true")
    refused.refused("a rate in network wire", "a network with a bridge")
    engine.orlop("run", "-d", "--name", "limited", *limited, "host", "sleep", "1000").ok()
    engine.docker("network", "connect", "wire", "limited").refused("a rate in network wire")
    assert devices(engine, "limited") == ["eth0", "lo"]
    bridge = site.network("olt-own", "10.77.0.0/24").device
    subprocess.run(["ip", "link", "set", "lan", "master", bridge], check=True)
    engine.docker("network", "connect", "wire", "one").refused("port of a bridge")
    subprocess.run(["ip", "link", "set", "lan", "nomaster"], check=True)
    site.socket.do(links.delete(outer))
    with pytest.raises(NotFound):
        links.link_by_name(site.socket, "lan")
    engine.docker("network", "connect", "wire", "one").refused("network device", "lan")
    assert devices(engine, "one") == ["eth0", "lo"]
    assert list(inspect(engine, "one")["NetworkSettings"]["Networks"]) == ["bridge"]


def test_the_whole_device_for_one(engine: Engine, lan: Place) -> None:
    create(engine, "-o", "macvlan_mode=passthru")
    one = greet(engine, "one")
    assert lan.reaches(one, 80)
    refused = engine.docker("run", "--rm", "--network", "wire", "host", "true")
    refused.refused("lan cannot have another macvlan")
    assert lan.reaches(one, 80)


def test_a_wire_that_is_cut_for_a_while(engine: Engine, lan: Place) -> None:
    create(engine)
    subprocess.run(["ip", "link", "set", "lan", "down"], check=True)
    one = greet(engine, "one")
    assert lan.cannot_reach(one, 80)
    subprocess.run(["ip", "link", "set", "lan", "up"], check=True)
    assert lan.reaches(one, 80)
