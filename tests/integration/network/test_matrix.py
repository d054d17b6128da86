"""Who reaches whom, all at once: the same after an engine that dies, and after other changes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.network.asking import address, place_of
from tests.integration.network.places import GREETER, Place, Site
from tests.integration.support.engine import Engine

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_nftables]

ICC_OFF = "com.docker.network.bridge.enable_icc=false"
NETWORKS = {
    "front": ("--subnet", "10.61.0.0/24", "--subnet", "fd61::/64"),
    "back": ("--subnet", "10.62.0.0/24", "--subnet", "fd62::/64"),
    "inner": ("--internal", "--subnet", "10.63.0.0/24", "--subnet", "fd63::/64"),
    "apart": ("-o", ICC_OFF, "--ipv6=false", "--subnet", "10.64.0.0/24"),
    "six": ("--ipv4=false", "--ipv6", "--subnet", "fd65::/64"),
}
CONTAINERS = {
    "box-a": ("front", "-p", "18080:80", "-p", "127.0.0.1:18081:80"),
    "box-b": ("front",),
    "box-c": ("back",),
    "box-d": ("inner",),
    "box-e": ("inner",),
    "box-f": ("apart",),
    "box-g": ("apart",),
    "box-h": ("six", "-p", "18086:80"),
    "box-i": ("six",),
}
EVERYBODY = frozenset((*CONTAINERS, "host", "lan"))
OUTGOING = EVERYBODY - {"box-d", "box-e"}
"""Those who are not in an internal network only."""

REACHED = {
    "box-a": {"box-a", "box-b", "host"},
    "box-b": {"box-a", "box-b", "host"},
    "box-c": {"box-c", "host"},
    "box-d": {"box-d", "box-e", "host"},
    "box-e": {"box-d", "box-e", "host"},
    "box-f": {"box-f", "host"},
    "box-g": {"box-g", "host"},
    "box-h": {"box-h", "box-i", "host"},
    "box-i": {"box-h", "box-i", "host"},
    "lan": OUTGOING,
    "10.200.0.1:18080": OUTGOING - {"box-h", "box-i"},
    "fd20::1:18080": OUTGOING - {"box-f", "box-g"},
    "fd20::1:18086": OUTGOING - {"box-f", "box-g"},
    "127.0.0.1:18080": {"host"},
    "127.0.0.1:18081": {"host"},
    "10.200.0.1:18081": set[str](),
}
"""Who reaches a container, the LAN or a port of the host."""


class Scene:
    """All places, and what each of them reaches."""

    def __init__(self, engine: Engine, site: Site, lan: Place, places: dict[str, Place]) -> None:
        self.engine = engine
        self.places = {**places, "host": site.host, "lan": lan}
        self._targets = {name: targets(place) for name, place in self.places.items()}

    def reached(self) -> dict[str, set[str]]:
        """By whom each target is reached, at all addresses of which the asker knows the family."""
        with ThreadPoolExecutor(128) as pool:
            asked = {
                (to, who): pool.submit(self._reaches, place, to)
                for to in REACHED
                for who, place in self.places.items()
            }
            found: dict[str, set[str]] = {to: set() for to in REACHED}
            for (to, who), future in asked.items():
                if future.result():
                    found[to].add(who)
        return found

    def _reaches(self, place: Place, to: str) -> bool:
        if to in self._targets:
            versions = {one.version for one in place.addresses} or {4, 6}
            addresses = [one for one in self.places[to].addresses if one.version in versions]
            return bool(addresses) and all(answers(place, str(one), 80) for one in addresses)
        host, _, port = to.rpartition(":")
        return answers(place, host, int(port))


def targets(place: Place) -> list[str]:
    return [str(one) for one in place.addresses]


def answers(place: Place, address: str, port: int) -> bool:
    """Whether somebody does, asked twice: the first packets wait for a neighbour to be found."""
    return any(not place.cannot_reach(address, port) for _ in range(2))


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture
def scene(engine: Engine, site: Site) -> Iterator[Scene]:
    """Networks of all kinds with containers that greet, and a LAN."""
    lan = site.lan()
    for name, words in NETWORKS.items():
        engine.docker("network", "create", *words, name).ok()
    with contextlib.ExitStack() as held:
        places = {}
        for name, words in CONTAINERS.items():
            network = words[0]
            given = ("run", "-d", "--name", name, "--network", *words)
            engine.docker(*given, "host", "python3", "-c", GREETER, name).ok()
            both = [address(engine, name, network, ipv6=ipv6) for ipv6 in (False, True)]
            places[name] = held.enter_context(place_of(engine, name, *filter(None, both)))
        held.enter_context(lan.serving(80, "lan"))
        for place in places.values():
            assert site.host.reaches(str(place.addresses[0]), 80)
        yield Scene(engine, site, lan, places)


def test_it_stays_the_same(scene: Scene) -> None:
    engine = scene.engine
    assert scene.reached() == REACHED

    def dies() -> None:
        engine.kill()
        assert scene.reached() == REACHED
        engine.start()

    def restarts() -> None:
        assert engine.stop() == 0
        assert scene.reached() == REACHED
        engine.start()

    def others_come_and_go() -> None:
        engine.docker("network", "create", "more").ok()
        engine.docker("run", "--rm", "--network", "more", "-p", "18090:80", "host", "true").ok()
        engine.orlop("port", "add", "box-b", "18091:80").ok()
        engine.orlop("port", "rm", "box-b", "18091:80").ok()
        engine.docker("network", "connect", "back", "box-b").ok()
        engine.docker("network", "disconnect", "back", "box-b").ok()
        engine.docker("network", "rm", "more").ok()

    changes: tuple[Callable[[], None], ...] = (dies, restarts, others_come_and_go)
    for change in changes:
        change()
        assert scene.reached() == REACHED, change.__name__
