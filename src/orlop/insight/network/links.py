"""Interfaces, addresses and routes of a network namespace, as ip(8) tells them."""

from __future__ import annotations

from orlop.insight.network.tools import ask
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

HERE, HOST, ELSEWHERE = "here", "host", "elsewhere"


class Link(Record):
    """What an interface is tied to: the other end of a veth pair, or the device that a VLAN is on.

    Attributes:
        name: "" if it is not known.
        index: its index in its namespace.
        where: HERE (the same namespace), HOST (this process's), or ELSEWHERE.
        network: the number by which the interface's namespace knows the other one, None if HERE.
    """

    name: str
    index: int
    where: str
    network: int | None = None


class Interface(Record):
    """One network device.

    Attributes:
        name: as in its namespace: text from a container.
        index: its number there; 0 if it is not known.
        kind: "loopback", "veth", "bridge", "vlan", ..., "ether" for hardware.
        state: "up", "down", or why it is not quite up ("lowerlayerdown", "dormant").
        mac: "" if it has none.
        mtu: in bytes.
        addresses: with prefix length, as "10.0.0.2/24".
        master: the bridge or bond that it is in, "" if none.
        link: what it is tied to.
    """

    name: str
    index: int = 0
    kind: str = ""
    state: str = ""
    mac: str = ""
    mtu: int = 0
    addresses: tuple[str, ...] = ()
    master: str = ""
    link: Link | None = None


class Route(Record):
    """One entry of a routing table; the table "local", which follows from the addresses, has none.

    Attributes:
        family: "inet" or "inet6".
        destination: "default", or with prefix length.
        gateway: "" for what is on the link.
        device: "" where there is none (a "blackhole").
        source: the preferred source address, "" if none.
        kind: "unicast", "blackhole", "unreachable", ...
        table: "main", or another name or number.
        metric: lower ones are preferred.
    """

    family: str
    destination: str
    gateway: str = ""
    device: str = ""
    source: str = ""
    kind: str = "unicast"
    table: str = "main"
    metric: int = 0

    @property
    def text(self) -> str:
        """In the words of ip(8), as "default via 10.0.0.1 dev eth0"."""
        words = [self.kind] if self.kind != "unicast" else []
        words.append(self.destination)
        for word, value in (("via", self.gateway), ("dev", self.device), ("src", self.source)):
            words += [word, value] if value else []
        words += ["table", self.table] if self.table != "main" else []
        return " ".join(words)


def interfaces() -> tuple[Interface, ...]:
    """Those of the present network namespace, by index.

    Raises:
        Unsupported, Unavailable: ip(8) is missing, or has failed.
    """
    return parse_interfaces(ask("ip", "-json", "-details", "address", "show"))


def routes() -> tuple[Route, ...]:
    """Those of the present network namespace, IPv4 first.

    Raises:
        As `interfaces`.
    """
    found: list[Route] = []
    for family, flag in (("inet", "-4"), ("inet6", "-6")):
        found += parse_routes(family, ask("ip", "-json", flag, "route", "show", "table", "all"))
    return tuple(found)


def parse_interfaces(document: Sequence[Mapping[str, Any]]) -> tuple[Interface, ...]:
    """The interfaces in what `ip -json -details address` prints."""
    rows = [row for row in document if row]  # an interface that a filter leaves out is {}
    indices = {str(row["ifname"]): int(row["ifindex"]) for row in rows}
    return tuple(_interface(row, indices) for row in rows)


def _interface(row: Mapping[str, Any], indices: Mapping[str, int]) -> Interface:
    kind = row.get("linkinfo", {}).get("info_kind") or row.get("link_type", "")
    addresses = (
        f"{found['local']}/{found['prefixlen']}"
        for found in row.get("addr_info", ())
        if "local" in found
    )
    return Interface(
        name=str(row["ifname"]),
        index=int(row["ifindex"]),
        kind=str(kind),
        state=_state(row),
        mac=str(row.get("address", "")) if row.get("link_type") == "ether" else "",
        mtu=int(row.get("mtu", 0)),
        addresses=tuple(addresses),
        master=str(row.get("master", "")),
        link=_link(row, indices),
    )


def _state(row: Mapping[str, Any]) -> str:
    """As people say it: up is what was set up and works, whether or not its driver tells."""
    if "UP" not in row.get("flags", ()):
        return "down"
    state = str(row.get("operstate", "UNKNOWN")).lower()
    return "up" if state == "unknown" else state


def _link(row: Mapping[str, Any], indices: Mapping[str, int]) -> Link | None:
    if row.get("link"):
        return Link(str(row["link"]), indices.get(str(row["link"]), 0), HERE)
    if row.get("link_index"):
        network = row.get("link_netnsid")
        return Link("", int(row["link_index"]), ELSEWHERE if network is not None else HERE, network)
    return None


def parse_routes(family: str, document: Sequence[Mapping[str, Any]]) -> Iterator[Route]:
    """The routes in what `ip -json route show table all` prints, of one address family."""
    for row in document:
        if row.get("table") == "local":
            continue
        ways = row.get("nexthops") or [row]
        for way in ways:
            yield Route(
                family,
                destination=str(row.get("dst", "")),
                gateway=str(way.get("gateway") or way.get("via", {}).get("host", "")),
                device=str(way.get("dev", "")),
                source=str(row.get("prefsrc", "")),
                kind=str(row.get("type", "unicast")),
                table=str(row.get("table", "main")),
                metric=int(row.get("metric", 0)),
            )
