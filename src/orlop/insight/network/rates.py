"""What the host holds the network devices of a process to, at the other ends of these."""

from __future__ import annotations

from orlop.insight.network.links import HOST
from orlop.kernel.rtnetlink import Socket
from orlop.network import rates
from orlop.network.rates import Rates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from orlop.insight.network import Network


def asked_rates(host_config: Mapping[str, Any]) -> Rates:
    """What an engine says that a container's networks are to be held to.

    Args:
        host_config: of its answer to inspect.
    """
    names = ("NetRateIn", "NetRateOut", "NetBurst", "NetDelay", "NetLoss")
    return Rates(*(max(int(host_config.get(name) or 0), 0) for name in names))


def read_rates(network: Network | None) -> dict[str, Rates]:
    """The rates, by the names of the devices in that network; of those with an end on the host.

    Raises:
        SyscallError: the kernel refuses.
    """
    interfaces = () if network is None or network.shared else network.interfaces
    ends = {
        found.link.name: found.name
        for found in interfaces
        if found.link is not None and found.link.where == HOST
    }
    if not ends:
        return {}
    with Socket() as socket:
        return {ends[name]: found for name, found in rates.read(socket, ends).items()}
