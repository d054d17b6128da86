"""`python -m bench.wiring ROUNDS`: what the engine does for a container's network, in JSON.

It makes devices and rules, so it is to be run in a network namespace of its own.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from orlop.engine.network import Address, Endpoint, NetworkObject, Subnet
from orlop.engine.networks.wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MAKE = "a namespace, which is made before"
WIRE = "devices, addresses, routes"
DETACH = "ports and rates taken back"
DELETE = "the device, in the background"
_WARM_UP = 5
_SUBNETS = (Subnet("10.99.0.0/16", "10.99.0.1"), Subnet("fd00:99::/64", "fd00:99::1"))
_NETWORK = NetworkObject("a" * 64, "bridge", "bridge", 0, subnets=_SUBNETS, device="olb0")


def _endpoint(number: int) -> Endpoint:
    """What a container of the default network gets."""
    addresses = (
        Address(f"10.99.{number >> 8}.{number & 255}", 16, "10.99.0.1"),
        Address(f"fd00:99::{number:x}", 64, "fd00:99::1"),
    )
    return Endpoint(
        _NETWORK,
        f"{number:064x}",
        inner="eth0",
        device=f"ol{number}",
        addresses=addresses,
        is_gateway=True,
    )


def measure(rounds: int) -> dict[str, list[float]]:
    """What each part takes, in milliseconds: the first ones, which make the bridge, left out."""
    wiring = Wiring("bench", honours_host=False)
    taken: dict[str, list[float]] = {MAKE: [], WIRE: [], DETACH: [], DELETE: []}

    def timed(what: str, work: Callable[[], T]) -> T:
        begin = time.perf_counter()
        done = work()
        taken[what].append((time.perf_counter() - begin) * 1000)
        return done

    for number in range(2, rounds + _WARM_UP + 2):
        end = _endpoint(number)
        timed(MAKE, wiring.prepare_namespaces)
        with wiring.take_namespace() as inner:
            timed(WIRE, partial(wiring.wire, inner, (end,)))
            link = timed(DETACH, partial(wiring.detach, end))
            timed(DELETE, partial(wiring.delete, link))
    wiring.close((_NETWORK,))
    return {what: row[_WARM_UP:] for what, row in taken.items()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]))))
