"""Thousands of containers come and go, and nothing is left: of any kind, anywhere."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orlop.client.client import Client
from orlop.engine.background import Background
from orlop.engine.blocking import in_thread
from orlop.engine.container import Container, ResolvedImage
from orlop.engine.database import Database
from orlop.engine.events import Events
from orlop.engine.network import Endpoint, NetworkRequest, Subnet
from orlop.engine.networks import Networks, rates_of
from orlop.intent.flags import parse_run
from orlop.kernel import links
from orlop.kernel.nftables import Nftables
from orlop.kernel.rtnetlink import Socket
from orlop.records import Record
from tests.integration.network.asking import address, answers, ask, run
from tests.integration.support.deadlines import eventually
from tests.integration.support.engine import Engine

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_nftables]

ROUNDS, AT_ONCE = 2000, 4
CONTAINERS, WARM = 150, 50
MOST_GROWTH = 8 << 20
"""How many bytes a process may grow over all rounds but the first ones."""
SOME = 40
"""Threads that end after a while, and what they may have open."""


class Used(Record):
    """What a process uses: bytes, Python's objects (of this process), descriptors, threads."""

    memory: int
    objects: int
    descriptors: int
    threads: int


def used(pid: int | str = "self") -> Used:
    gc.collect()
    memory = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    counts = (len(os.listdir(f"/proc/{pid}/{directory}")) for directory in ("fd", "task"))
    return Used(memory, len(gc.get_objects()), *counts)


def tables() -> dict[str, Any]:
    """The names and elements of all that is in the engine's tables of nftables, by kind."""
    with Nftables() as nftables:
        found = nftables.list_json("list ruleset")
    assert isinstance(found, str)
    kinds: dict[str, Any] = {}
    for entry in json.loads(found)["nftables"]:
        for kind, described in entry.items():
            if described.get("family") == "inet":
                kinds.setdefault(kind, []).append(described)
    return kinds


def published() -> list[Any]:
    return [one["elem"] for one in tables().get("map", ()) if one.get("elem")]


def own_links() -> list[str]:
    with Socket() as socket:
        return [link.name for link in links.all_links(socket) if link.name.startswith("o")]


def ports() -> list[str]:
    """The devices of containers."""
    with Socket() as socket:
        return [link.name for link in links.all_links(socket) if link.master]


class Coming:
    """Containers' parts in networks, without containers: real namespaces, devices, rules and rows.

    Attributes:
        networks: those of an engine.
    """

    def __init__(self, directory: Path) -> None:
        self._database = Database(str(directory / "db"))
        self._background = Background()
        self.networks = Networks(
            self._database, Events(), self._background, str, str(directory / "data")
        )

    async def open(self) -> None:
        await self.networks.open()
        for name, subnet in (("front", "10.61.0.0/20"), ("back", "10.62.0.0/20")):
            await self.networks.create(NetworkRequest(name, subnets=(Subnet(subnet),), ipv6=True))

    async def round(self, number: int) -> None:
        """A container starts, is found by name, and ends."""
        container = self.container(number)
        ends = self.networks.prepare(container)
        await in_thread(self._wire, container, ends)
        await self.networks.started(container)
        await self.networks.release(container.id)

    def container(self, number: int) -> Container:
        ports = f"-p {20000 + number}:80 -p {30000 + number}:53"
        words = f"--network front {ports}"
        if number % 10 == 0:
            words += " --network back"
        if number % 50 == 0:
            words += " --net-rate 10mbit"
        key = f"{number:064x}"[::-1]
        image = ResolvedImage("host", "")
        return Container(key, f"c{number}", 1, parse_run([*words.split(), "host"]), image)

    def _wire(self, container: Container, ends: tuple[Endpoint, ...]) -> None:
        with self.networks.wired(ends, rates_of(container.request.limits)):
            pass

    async def close(self) -> None:
        await self._background.close()
        await self.networks.close()
        self._database.close()


@pytest.fixture
def coming(workspace: Path) -> Iterator[Coming]:
    made = Coming(workspace)
    yield made
    assert own_links() == []
    assert tables() == {}


def test_two_thousand_parts_in_two_networks(coming: Coming) -> None:
    """Four at once, over a container that stays, so that bridges and rules stay, too."""

    async def all_rounds() -> None:
        await coming.open()
        try:
            await rounds()
        finally:
            await coming.close()

    async def rounds() -> None:
        staying = coming.container(ROUNDS)
        ends = coming.networks.prepare(staying)
        with coming.networks.wired(ends):
            await coming.networks.started(staying)
            try:
                await over(staying, ends)
            finally:
                await coming.networks.release(staying.id)

    async def over(staying: Container, ends: tuple[Endpoint, ...]) -> None:
        await several(range(ROUNDS // 4))
        before = await quiet()
        await several(range(ROUNDS // 4, ROUNDS))
        after = await quiet()
        assert after.memory - before.memory < MOST_GROWTH
        assert after.objects - before.objects < ROUNDS // 4
        assert after.descriptors <= before.descriptors + SOME
        assert after.threads <= SOME
        assert sum(map(len, published())) == 2 * 2  # ports, families
        assert set(coming.networks.endpoints(staying)) == set(ends)
        assert ports() == [end.device for end in ends]
        for network in ("front", "back"):
            inside = coming.networks.inside(coming.networks.get(network))
            assert [one.container for one in inside] == [staying.id]

    async def quiet() -> Used:
        """What is used once the last devices are looked after: this task, and two that stay."""
        while len(asyncio.all_tasks()) > 3:  # noqa: ASYNC110 - tasks come and go
            await asyncio.sleep(0.02)
        return used()

    async def several(numbers: range) -> None:
        waiting = iter(numbers)

        async def worker() -> None:
            for number in waiting:
                await coming.round(number)

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))

    asyncio.run(limited(all_rounds()))


async def limited(work: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(300):
        await work


def test_whole_containers(engine: Engine) -> None:
    """Two at once, by the API; an engine that has nothing to do is as it was after the first."""
    engine.docker("network", "create", "--ipv6", "--subnet", "10.61.0.0/20", "front").ok()
    run(engine, "--name", "stays", "--network", "front")
    client = Client(engine.url)

    def one(number: int) -> None:
        key = client.post("/containers/create", described(number))["Id"]
        client.post(f"/containers/{key}/start")
        assert client.post(f"/containers/{key}/wait")["StatusCode"] == 0
        client.delete(f"/containers/{key}")

    def several(numbers: range) -> Used:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, numbers))
        return eventually(lambda: settled(engine), "everything to be over")

    before = several(range(WARM))
    after = several(range(WARM, WARM + CONTAINERS))
    assert after.memory - before.memory < 2 * MOST_GROWTH  # each thread brings its own heap
    assert after.descriptors <= before.descriptors + SOME
    assert after.threads <= before.threads + SOME
    for name in ("stays", "first", "second", "third"):  # whatever descriptors they have got
        if name != "stays":
            run(engine, "--name", name, "--network", "front")
        for tcp in (False, True):
            assert answers(ask(engine, name, name, tcp=tcp)) == [address(engine, name, "front")]
    engine.docker("rm", "-f", "first", "second", "third").ok()
    assert published() == []
    inside = client.get("/networks/front")["Containers"].values()
    assert [one["Name"] for one in inside] == ["stays"]
    engine.docker("rm", "-f", "stays").ok()
    assert eventually(lambda: own_links() == [] and tables() == {}, "the bridge to be gone")


def described(number: int) -> dict[str, Any]:
    """A container with two networks, a port of the host, and an end."""
    bindings = {"80/tcp": [{"HostPort": str(20000 + number)}]}
    return {
        "Image": "host",
        "Cmd": ["true"],
        "HostConfig": {"NetworkMode": "front", "PortBindings": bindings},
        "NetworkingConfig": {"EndpointsConfig": {"front": {}, "bridge": {}}},
    }


def settled(engine: Engine) -> Used | None:
    """What the engine uses, once only the device of the container that stays is left."""
    return used(engine.pid) if len(ports()) == 1 else None
