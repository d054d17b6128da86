"""Rates of containers as iperf3 measures them, by the commands' flags."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.network.asking import run
from tests.integration.network.measuring import holds
from tests.integration.support.deadlines import eventually
from tests.integration.support.engine import Engine

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_nftables,
    pytest.mark.requires_iperf3,
]

HEADERS = 14 + 20 + 32
"""Bytes of a packet that are no payload, and count: Ethernet, IPv4, TCP with a time stamp."""


@pytest.fixture
def pair(engine: Engine) -> Engine:
    """`server`, without limits, and `client`, which sends 20 and receives 10 Mbit/s."""
    engine.docker("network", "create", "--ipv6=false", "front").ok()
    serve = ("run", "-d", "--name", "server", "--network", "front", "host", "iperf3", "-s")
    engine.docker(*serve).ok()
    limits = ("--net-rate-out", "20mbit", "--net-rate-in", "10mbit")
    given = ("run", "-d", "--name", "client", "--network", "front", *limits, "host")
    engine.orlop(*given, "sleep", "1000").ok()
    run(engine, "--name", "other", "--network", "front")
    eventually(lambda: measured(engine, "-n", "1K", who="other") or None, "the server to listen")
    return engine


def measured(engine: Engine, *words: str, who: str = "client") -> float:
    """Bits per second, with headers, that arrive; 0 if nobody listens."""
    done = engine.docker("exec", who, "iperf3", "--json", "-c", "server", *words)
    found: dict[str, Any] = json.loads(done.out)
    if done.status != 0:
        return 0.0
    mss = int(found["start"]["tcp_mss_default"])
    return float(found["end"]["sum_received"]["bits_per_second"]) * (mss + HEADERS) / mss


def test_both_directions_and_changed(pair: Engine) -> None:
    seconds = ("--time", "2", "--omit", "1")
    holds(20e6, lambda: measured(pair, *seconds))
    holds(10e6, lambda: measured(pair, *seconds, "--reverse"))
    pair.orlop("update", "--net-rate", "40mbit", "client").ok()
    holds(40e6, lambda: measured(pair, *seconds))
    assert measured(pair, "--time", "1", who="other") > 100e6
