"""orlop network connect: a container is in one more network."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.faces.cli.pairs import pairs_of
from orlop.options import LIST, NUMBER, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] NETWORK CONTAINER"
WORDS = (2, 2)
ANYWHERE = True
OPTIONS = (
    Option(("--alias",), LIST, "a further name of it there", "NAME"),
    Option(("--ip",), TEXT, "its address", "ADDRESS"),
    Option(("--ip6",), TEXT, "its IPv6 address", "ADDRESS"),
    Option(("--link",), LIST, "another container's name", "CONTAINER[:ALIAS]"),
    Option(("--link-local-ip",), LIST, "a further address", "ADDRESS"),
    Option(("--driver-opt",), LIST, "for the driver", "NAME=VALUE"),
    Option(("--gw-priority",), NUMBER, "the network with the highest gives the way out", "N"),
)
EXAMPLE = "orlop network connect --alias db backend postgres"


def run(values: Values, _: Screen) -> int:
    """Connects it."""
    network, container = values.words
    endpoint = {
        "Aliases": list(values.list("alias")),
        "Links": list(values.list("link")),
        "DriverOpts": pairs_of(values, "driver-opt"),
        "IPAMConfig": {
            "IPv4Address": values.text("ip"),
            "IPv6Address": values.text("ip6"),
            "LinkLocalIPs": list(values.list("link-local-ip")),
        },
        "GwPriority": values.number("gw-priority", 0),
    }
    body = {"Container": container, "EndpointConfig": endpoint}
    Client().post(f"/networks/{part(network)}/connect", body)
    return 0
