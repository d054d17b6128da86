"""A container gets the rate that it was promised, in both directions."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.errors import NotFound
from orlop.kernel import links
from orlop.network import rates
from orlop.network.rates import Rates, intermediate_name
from tests.integration.network.measuring import holds
from tests.integration.network.places import Place, Site

SECONDS = 2.0


pytestmark = [pytest.mark.requires_root, pytest.mark.requires_nftables]


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def measured(sender: Place, receiver: Place, device: str) -> float:
    """Bits per second that a device of the host sends while one place floods another.

    The kernel's counters and not what the receiver gets when: that is late on a busy machine.
    """
    server = receiver.do(lambda: socket.create_server((str(receiver.addresses[0]), 5001)))

    def receive() -> None:
        with server.accept()[0] as peer:
            while peer.recv(1 << 16):
                pass

    def send(end: float) -> None:
        with client:
            while time.monotonic() < end:
                client.sendall(bytes(1 << 14))

    receiving = threading.Thread(target=receive)
    receiving.start()
    client = sender.do(lambda: socket.create_connection((str(receiver.addresses[0]), 5001)))
    sending = threading.Thread(target=send, args=(time.monotonic() + SECONDS,))
    sending.start()
    time.sleep(0.5)  # the bucket is full at first, and TCP has to find its pace
    began, before = time.monotonic(), sent_bytes(device)
    time.sleep(SECONDS - 0.7)
    ended, after = time.monotonic(), sent_bytes(device)
    sending.join()
    receiving.join()
    server.close()
    return (after - before) * 8 / (ended - began)


def sent_bytes(device: str) -> int:
    rows = (line.split() for line in Path("/proc/net/dev").read_text().splitlines())
    return next(int(row[9]) for row in rows if row[0] == f"{device}:")


@pytest.mark.parametrize("megabits", [10, 100])
def test_both_directions(site: Site, megabits: int) -> None:
    net = site.network("olt-a", "10.50.0.0/24")
    one, two = site.container(net, 2), site.container(net, 3)
    limit = megabits * 1_000_000
    rates.apply(site.socket, "olt1", Rates(received=limit))
    holds(limit, lambda: measured(two, one, "olt1"))
    rates.apply(site.socket, "olt1", Rates(sent=limit))
    holds(limit, lambda: measured(one, two, "oit1"))
    rates.remove(site.socket, "olt1")


def test_changed_and_lifted(site: Site) -> None:
    net = site.network("olt-a", "10.50.0.0/24")
    one, two = site.container(net, 2), site.container(net, 3)
    rates.apply(site.socket, "olt1", Rates(received=10_000_000, sent=10_000_000))
    rates.apply(site.socket, "olt1", Rates(received=20_000_000, sent=20_000_000))
    assert rates.read(site.socket, ["olt1", "olt2", "olt3"]) == {
        "olt1": Rates(received=20_000_000, sent=20_000_000, burst_bytes=16384),
        "olt2": Rates(),
    }
    holds(20_000_000, lambda: measured(one, two, "oit1"))
    rates.apply(site.socket, "olt1", Rates())
    assert measured(one, two, "olt2") > 200_000_000
    with pytest.raises(NotFound):
        links.link_by_name(site.socket, intermediate_name("olt1"))
