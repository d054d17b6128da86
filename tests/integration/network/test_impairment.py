"""A network that is late or loses some, where the kernel has netem (so not where it has not)."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator

import pytest

from orlop.network import rates
from orlop.network.rates import UNLIMITED, Rates
from tests.integration.network.places import Place, Site

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_nftables,
    pytest.mark.requires_busybox,
    pytest.mark.requires_netem,
]

DELAY_MS = 200
COUNT = 500
SO_RCVBUFFORCE = 33


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def round_trips(place: Place, to: str, count: int = 3) -> list[float]:
    """How many ms each of some echoes took that came back."""
    command = ["busybox", "ping", "-c", str(count), "-W", "2", to]
    done = place.do(lambda: subprocess.run(command, check=False, capture_output=True, text=True))
    return [float(found) for found in re.findall(r"time=([\d.]+) ms", done.stdout)]


def arrived(sender: Place, receiver: Place) -> int:
    """How many of `COUNT` datagrams are received."""

    def listen() -> socket.socket:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        server.bind((str(receiver.addresses[0]), 5000))
        server.settimeout(3)
        return server

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for _ in range(COUNT):
                client.sendto(b"x", (str(receiver.addresses[0]), 5000))

    count = 0
    with receiver.do(listen) as server:
        sender.do(send)
        try:
            while count < COUNT:
                server.recv(10)
                count += 1
        except TimeoutError:
            pass
    return count


def test_late_and_lossy(site: Site) -> None:
    """What one container receives; what it sends, and others, are as they were."""
    net = site.network("olt-a", "10.50.0.0/24")
    one, two = site.container(net, 2), site.container(net, 3)
    assert min(round_trips(two, "10.50.0.2")) < DELAY_MS
    rates.apply(site.socket, "olt1", Rates(delay_ns=DELAY_MS * 10**6))
    assert min(round_trips(two, "10.50.0.2")) >= DELAY_MS
    assert min(round_trips(site.host, "10.50.0.3")) < DELAY_MS
    rates.apply(site.socket, "olt1", Rates(loss_ppm=10**6))
    assert arrived(two, one) == 0
    rates.apply(site.socket, "olt1", Rates(loss_ppm=300_000))
    assert COUNT * 0.6 < arrived(two, one) < COUNT * 0.8  # five standard deviations
    assert arrived(one, two) == COUNT
    both = Rates(received=10_000_000, delay_ns=DELAY_MS * 10**6)
    rates.apply(site.socket, "olt1", both)
    assert rates.differences(both, rates.read(site.socket, ["olt1"])["olt1"]) == ()
    assert min(round_trips(two, "10.50.0.2")) >= DELAY_MS
    shown = subprocess.run(
        ["tc", "qdisc", "show", "dev", "olt1"], check=True, capture_output=True, text=True
    ).stdout
    assert re.search(r"qdisc netem 3: .* delay 200ms\n", shown), shown
    assert re.search(r"qdisc tbf 2: .* rate 10Mbit ", shown), shown
    rates.apply(site.socket, "olt1", Rates(received=10_000_000))
    assert min(round_trips(two, "10.50.0.2")) < DELAY_MS
    rates.apply(site.socket, "olt1", UNLIMITED)
    assert min(round_trips(two, "10.50.0.2")) < DELAY_MS
    assert arrived(two, one) == COUNT
