"""Names, addresses and ports, and the networks that a container is in."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.intent import units
from orlop.intent.forms.namespaces import network_mode
from orlop.intent.forms.text import address, comma_separated, filled, is_address, one_of, pair
from orlop.intent.request import Network, Port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from orlop.intent.request import NetworkMode

HOST_GATEWAY = "host-gateway"
"""Stands for the address of the host in the container's network."""

_port_number = units.whole(1, 65535)
_protocol = one_of("tcp", "udp", "sctp")


def host_name(text: str) -> str:
    """A host or domain name that the kernel takes.

    Raises:
        InvalidArgument: it is longer than 64 bytes, or has a character that no name has.
    """
    good = text.isascii() and text.replace("-", "").replace(".", "").replace("_", "").isalnum()
    if not good or text[0] in "-." or len(text) > 64:
        raise InvalidArgument("is not a host name of at most 64 letters, digits, dots and dashes")
    return text


def extra_host(text: str) -> tuple[str, str]:
    """NAME:ADDRESS or NAME=ADDRESS, for /etc/hosts; the address may be in brackets.

    Raises:
        InvalidArgument: it is not of that form.
    """
    separator = "=" if "=" in text else ":"
    name, _, where = text.partition(separator)
    where = where.removeprefix("[").removesuffix("]")
    named = name and not any(char.isspace() for char in name)
    if not named or not (is_address(where) or where == HOST_GATEWAY):
        raise InvalidArgument("is not of the form NAME:ADDRESS, as db:10.0.0.7")
    return name, where


def link(text: str) -> tuple[str, str]:
    """CONTAINER[:ALIAS].

    Raises:
        InvalidArgument: it is not of that form.
    """
    name, _, alias = text.partition(":")
    if not name or ":" in alias:
        raise InvalidArgument("is not of the form CONTAINER[:ALIAS]")
    return name, alias or name


# --- networks -------------------------------------------------------------------------------------


def mac(text: str) -> str:
    """The hardware address of a network device.

    Raises:
        InvalidArgument: it is none.
    """
    parts = text.replace("-", ":").split(":")
    if len(parts) != 6 or not all(_is_hex(part) for part in parts):
        raise InvalidArgument("is not a hardware address as 02:42:ac:11:00:02")
    return ":".join(part.lower() for part in parts)


def _is_hex(part: str) -> bool:
    return len(part) == 2 and set(part.lower()) <= set("0123456789abcdef")


_NETWORK_KEYS: Mapping[str, tuple[str, Callable[[str], Any], bool]] = {
    "name": ("name", filled, False),
    "alias": ("aliases", filled, True),
    "ip": ("ipv4", address, False),
    "ip6": ("ipv6", address, False),
    "link-local-ip": ("link_local", address, True),
    "mac-address": ("mac", mac, False),
    "driver-opt": ("driver_options", pair, True),
    "gw-priority": ("gateway_priority", units.whole(-(1 << 31), (1 << 31) - 1), False),
}
_RESERVED = ("none", "host", "container", "path")


def network(text: str) -> NetworkMode:
    """none, host, container:NAME, path:PATH, a network's name, or KEY=VALUE,... with its options.

    Raises:
        InvalidArgument: it is none of these.
    """
    filled(text)
    if text.partition(":")[0] in _RESERVED:
        joined: NetworkMode = network_mode(text)
        return joined
    if "=" not in text:
        return Network(text)
    return _network_with_options(text)


def _network_with_options(text: str) -> Network:
    given: dict[str, Any] = {}
    for word in comma_separated(text):
        key, _, value = word.partition("=")
        if key not in _NETWORK_KEYS:
            known = ", ".join(_NETWORK_KEYS)
            raise InvalidArgument(f"has the unknown key {key!r}", hint=f"known are {known}")
        field, read, many = _NETWORK_KEYS[key]
        found = read(value)
        given[field] = (*given.get(field, ()), found) if many else found
    if "name" not in given:
        raise InvalidArgument("has no name", hint="as name=front,alias=web")
    return Network(**given)


def both_rates(text: str) -> tuple[tuple[str, int], ...]:
    """A rate for both directions, as fields of the request.

    Raises:
        InvalidArgument: it is none.
    """
    bits = units.rate(text)
    return (("limits.net_in_bits", bits), ("limits.net_out_bits", bits))


# --- ports ----------------------------------------------------------------------------------------


def published(text: str) -> tuple[Port, ...]:
    """[[IP:]HOST:]CONTAINER[/PROTOCOL], where HOST and CONTAINER may be ranges.

    Raises:
        InvalidArgument: it is not of that form.
    """
    ports, _, protocol = text.partition("/")
    ip, rest = _split_address(ports)
    host_text, _, container_text = rest.rpartition(":")
    first, last = _range(container_text)
    _protocol(protocol or "tcp")
    if not host_text:
        return tuple(Port(port, protocol or "tcp", ip) for port in range(first, last + 1))
    host_first, host_last = _range(host_text)
    if first == last and host_last > host_first:
        return (Port(first, protocol or "tcp", ip, host_first, host_last),)
    if host_last - host_first != last - first:
        raise InvalidArgument("has ranges of different lengths")
    return tuple(
        Port(first + step, protocol or "tcp", ip, host_first + step)
        for step in range(last - first + 1)
    )


def exposed(text: str) -> tuple[Port, ...]:
    """CONTAINER[/PROTOCOL], where CONTAINER may be a range.

    Raises:
        InvalidArgument: it is not of that form.
    """
    ports, _, protocol = text.partition("/")
    _protocol(protocol or "tcp")
    first, last = _range(ports)
    return tuple(Port(port, protocol or "tcp", published=False) for port in range(first, last + 1))


def _split_address(text: str) -> tuple[str, str]:
    if text.startswith("["):
        ip, _, rest = text[1:].partition("]")
        rest = rest.removeprefix(":")
    elif text.count(":") > 1:
        ip, _, rest = text.partition(":")
    else:
        return "", text
    if not is_address(ip):
        raise InvalidArgument(f"has {ip!r}, which is not an IP address")
    return ip, rest


def _range(text: str) -> tuple[int, int]:
    low, dash, high = text.partition("-")
    try:
        first, last = _port_number(low), _port_number(high if dash else low)
    except InvalidArgument:
        raise InvalidArgument(
            f"has {text!r}, which is not a port or a range of ports",
            hint="[[IP:]HOST:]CONTAINER[/PROTOCOL], as 8080:80 or 127.0.0.1:53:53/udp",
        ) from None
    if last < first:
        raise InvalidArgument(f"has the range {text!r}, which falls")
    return first, last
