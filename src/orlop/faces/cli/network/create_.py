"""orlop network create: a network for containers."""

from __future__ import annotations

from orlop.client import Client
from orlop.errors import InvalidArgument
from orlop.faces.cli.notes import warn
from orlop.faces.cli.pairs import labels_of, pairs_of
from orlop.options import FLAG, LIST, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

    Network = IPv4Network | IPv6Network

USAGE = "[OPTIONS] NAME"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (
    Option(("--driver", "-d"), TEXT, "what makes it (bridge)", "NAME"),
    Option(("--opt", "-o"), LIST, "for the driver", "NAME=VALUE"),
    Option(("--subnet",), LIST, "its addresses, as 10.1.0.0/24", "NETWORK"),
    Option(("--ip-range",), LIST, "those of containers", "NETWORK"),
    Option(("--gateway",), LIST, "the host's address in it", "ADDRESS"),
    Option(("--aux-address",), LIST, "an address that others have", "NAME=ADDRESS"),
    Option(("--ipam-driver",), TEXT, "what gives out addresses (default)", "NAME"),
    Option(("--ipam-opt",), LIST, "for that driver", "NAME=VALUE"),
    Option(("--internal",), FLAG, "without a way outside"),
    Option(("--attachable",), FLAG, "containers may be connected by hand"),
    Option(("--ingress",), FLAG, "for a swarm's ports"),
    Option(("--ipv6",), FLAG, "with IPv6 (default: if this machine has it)"),
    Option(("--ipv4",), FLAG, "with IPv4 (default true)"),
    Option(("--label",), LIST, "a label", "NAME[=VALUE]"),
    Option(("--scope",), TEXT, "local, or swarm", "SCOPE"),
    Option(("--config-only",), FLAG, "only keep the settings"),
    Option(("--config-from",), TEXT, "the network whose settings it has", "NETWORK"),
)
EXAMPLE = "orlop network create --subnet 10.1.0.0/24 backend"


def run(values: Values, screen: Screen) -> int:
    """Makes it, and prints its id."""
    answer = Client().post("/networks/create", request_of(values))
    warn(*filter(None, [answer.get("Warning")]))
    screen.line(answer["Id"])
    return 0


def request_of(values: Values) -> dict[str, Any]:
    """The body of Docker's NetworkCreate.

    Raises:
        InvalidArgument: an option is malformed, or an address is in none of the subnets.
    """
    request: dict[str, Any] = {
        "Name": values.words[0],
        "CheckDuplicate": True,
        "Driver": values.text("driver", "bridge"),
        "Options": pairs_of(values, "opt"),
        "IPAM": {
            "Driver": values.text("ipam-driver", "default"),
            "Options": pairs_of(values, "ipam-opt"),
            "Config": addresses_of(values),
        },
        "Internal": values.flag("internal"),
        "Attachable": values.flag("attachable"),
        "Ingress": values.flag("ingress"),
        "Labels": labels_of(values),
        "Scope": values.text("scope"),
        "ConfigOnly": values.flag("config-only"),
    }
    for family in ("ipv4", "ipv6"):
        if values.given(family):
            request[f"EnableIP{family[2:]}"] = values.flag(family)
    if values.text("config-from"):
        request["ConfigFrom"] = {"Network": values.text("config-from")}
    return request


def addresses_of(values: Values) -> list[dict[str, Any]]:
    """The subnets, each with the range, gateway and other addresses that lie in it.

    Raises:
        InvalidArgument: one is malformed, or lies in no subnet.
    """
    subnets = values.list("subnet")
    configs: dict[str, dict[str, Any]] = {subnet: {"Subnet": subnet} for subnet in subnets}
    for subnet in subnets:
        _network("subnet", subnet)
    for key, member in (("ip-range", "IPRange"), ("gateway", "Gateway")):
        for text in values.list(key):
            _config_for(configs, key, text)[member] = text
    for name, address in pairs_of(values, "aux-address").items():
        config = _config_for(configs, "aux-address", address)
        config.setdefault("AuxiliaryAddresses", {})[name] = address
    return list(configs.values())


def _config_for(configs: dict[str, dict[str, Any]], key: str, text: str) -> dict[str, Any]:
    inner = _network(key, text)
    for subnet, config in configs.items():
        outer = _network("subnet", subnet)
        first, last = inner[0], inner[-1]
        if first.version == outer.version and first in outer and last in outer:
            return config
    raise InvalidArgument(f"--{key} {text} lies in no --subnet")


def _network(key: str, text: str) -> Network:
    from ipaddress import ip_network

    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise InvalidArgument(f"--{key} {text!r} is no address") from None
