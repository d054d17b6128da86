"""orlop port: the published ports of a container, and changing them while it runs."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.errors import InvalidArgument, NotFound
from orlop.faces.cli.output.ports import address
from orlop.faces.cli.output.text import natural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

    Bindings = Mapping[str, Sequence[Mapping[str, Any]] | None]

USAGE = "CONTAINER [PORT[/PROTOCOL]]  |  add|rm CONTAINER [IP:]HOST:PORT..."
WORDS = (1, 1000)
OPTIONS = ()
EXAMPLE = """\
orlop port web
orlop port web 80
orlop port add web 8443:443
orlop port rm web 8443:443"""
_CHANGES = {"add": "add", "rm": "remove"}

_MOST = 65535
_PROTOCOLS = ("tcp", "udp", "sctp")


def run(values: Values, screen: Screen) -> int:
    """Shows where the container's ports can be reached on this machine, or changes that."""
    name, *wanted = values.words
    if name in _CHANGES and len(wanted) > 1:
        return _change(_CHANGES[name], *wanted)
    if len(wanted) > 1:
        raise InvalidArgument("one port at a time", hint="or add, or rm, before the container")
    port = port_and_protocol(wanted[0]) if wanted else ""
    found = Client().get(f"/containers/{part(name)}/json")
    ports: Bindings = (found.get("NetworkSettings") or {}).get("Ports") or {}
    if port:
        for line in _addresses(ports, port):
            screen.line(line)
        if not ports.get(port):
            raise NotFound("public port", port, hint=f"of {name}; see orlop port {name}")
        return 0
    lines = [f"{inner} -> {line}" for inner in ports for line in _addresses(ports, inner)]
    for line in sorted(lines, key=natural):
        screen.line(line)
    return 0


def _change(action: str, container: str, *ports: str) -> int:
    Client().post(f"/containers/{part(container)}/ports/{action}", {"Ports": list(ports)})
    return 0


def port_and_protocol(text: str) -> str:
    """A port of a container as the API writes it, "80/tcp".

    Raises:
        InvalidArgument: it is none.
    """
    number, slash, protocol = text.partition("/")
    if not number.isdecimal() or not 0 < int(number) <= _MOST:
        raise InvalidArgument(f"{text!r} is not a port", hint="as 80 or 53/udp")
    if slash and protocol not in _PROTOCOLS:
        raise InvalidArgument(f"{protocol!r} is not a protocol", hint="tcp, udp or sctp")
    return f"{number}/{protocol or 'tcp'}"


def _addresses(ports: Bindings, inner: str) -> list[str]:
    return [
        address(binding.get("HostIp") or "", binding.get("HostPort") or "")
        for binding in ports.get(inner) or ()
    ]
