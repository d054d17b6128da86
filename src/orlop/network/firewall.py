"""The one table of nftables that the engine has, as text: pure.

    prerouting, output   a packet to a published port gets the container's address (DNAT, by a map)
    postrouting          what leaves a bridge gets the host's address, if the network wants it
    forward              who reaches whom: networks are apart, internal ones are closed
    raw                  a container sends from its own addresses only

Nothing is done to traffic that is not to or from a bridge of ours, and what the rules let through
other tables may still refuse.

See: nft(8).
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orlop.network.addresses import Address, Subnet


class Fence(Record):
    """What the rules have to know of a network.

    Attributes:
        device: its bridge on the host.
        subnets: those of its containers.
        internal: nothing leaves or enters it.
        masquerade: what leaves it has the host's address.
    """

    device: str
    subnets: tuple[Subnet, ...]
    internal: bool = False
    masquerade: bool = True


class Published(Record):
    """A port of the host that leads to a container.

    Attributes:
        protocol: tcp, udp or sctp.
        host_ip: None for all addresses of the host.
        host_port: there.
        address: the container's.
        port: there.
    """

    protocol: str
    host_ip: Address | None
    host_port: int
    address: Address
    port: int


def table_name(engine: str) -> str:
    """The name of an engine's table, so that several do not fight; "" is the usual engine."""
    return f"orlop_{engine}" if engine else "orlop"


def ruleset(table: str, fences: Iterable[Fence], ports: Iterable[Published]) -> str:
    """The commands that make the table as it has to be, whatever was there before."""
    fences = tuple(fences)
    lines = [f"table inet {table}", f"delete table inet {table}", f"table inet {table} {{"]
    inside = (*_sets(fences), *_CHAINS.splitlines(), *_masquerade(fences))
    lines.extend(f"  {line}" for line in inside)
    lines.append("}")
    lines += add_ports(table, ports)
    return "\n".join(lines) + "\n"


def rule_count(commands: str) -> int:
    """How many rules the commands of `ruleset` make."""
    inside = (line for line in commands.splitlines() if line.startswith(_IN_CHAIN))
    return sum(not line.startswith(f"{_IN_CHAIN}type ") for line in inside)


_IN_CHAIN = "    "
_MAPS = {
    ("any", 4): ("ports4", "inet_proto . inet_service : ipv4_addr . inet_service"),
    ("any", 6): ("ports6", "inet_proto . inet_service : ipv6_addr . inet_service"),
    ("one", 4): ("ports4_at", "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service"),
    ("one", 6): ("ports6_at", "ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service"),
}


def _sets(fences: tuple[Fence, ...]) -> Iterator[str]:
    for name, kind in _MAPS.values():
        yield f"map {name} {{ type {kind}; }}"
    yield _named_set("bridges", "ifname", (f'"{fence.device}"' for fence in fences))
    # Frames from port to port come by here too where br_netfilter is at work.
    within = (f'"{fence.device}" . "{fence.device}"' for fence in fences)
    yield _named_set("within", "ifname . ifname", within)
    internal = (f'"{fence.device}"' for fence in fences if fence.internal)
    yield _named_set("internal", "ifname", internal)
    for version in (4, 6):
        inside = (
            f'"{fence.device}" . {subnet}'
            for fence in fences
            for subnet in fence.subnets
            if subnet.version == version
        )
        kind = f"ifname . ipv{version}_addr; flags interval"
        yield _named_set(f"own{version}", kind, inside)


def _named_set(name: str, kind: str, elements: Iterable[str]) -> str:
    listed = ", ".join(elements)
    return f"set {name} {{ type {kind};" + (f" elements = {{ {listed} }}" if listed else "") + " }"


_CHAINS = """\
chain to_ports {
  dnat ip to ip daddr . meta l4proto . th dport map @ports4_at comment "published ports"
  dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6_at comment "published ports"
  dnat ip to meta l4proto . th dport map @ports4 comment "published ports"
  dnat ip6 to meta l4proto . th dport map @ports6 comment "published ports"
}
chain prerouting {
  type nat hook prerouting priority dstnat; policy accept;
  fib daddr type local meta l4proto { tcp, udp, sctp } jump to_ports
}
chain output {
  type nat hook output priority -100; policy accept;
  fib daddr type local meta l4proto { tcp, udp, sctp } jump to_ports
}
chain raw {
  type filter hook prerouting priority raw; policy accept;
  iifname @bridges ip saddr != 0.0.0.0 iifname . ip saddr != @own4 drop comment "forged sources"
  iifname @bridges ip6 saddr != { fe80::/10, :: } iifname . ip6 saddr != @own6 drop \
    comment "forged sources"
  iifname != @bridges iifname != "lo" ip daddr 127.0.0.0/8 drop comment "127.0.0.1 from outside"
}
chain forward {
  type filter hook forward priority filter; policy accept;
  iifname != @bridges oifname != @bridges accept
  iifname . oifname @within accept comment "containers of one network"
  ct state established,related accept comment "answers"
  iifname @internal drop comment "internal networks"
  oifname @internal drop comment "internal networks"
  ct status dnat accept comment "published ports"
  oifname @bridges drop comment "only published ports"
}
chain postrouting {
  type nat hook postrouting priority srcnat; policy accept;
  oifname @bridges fib saddr type local masquerade
  oifname @bridges ct status dnat jump hairpin
  jump leaving
}
"""


def _masquerade(fences: tuple[Fence, ...]) -> Iterator[str]:
    """Rules of postrouting for each network: hairpins, and what leaves it."""
    yield "chain hairpin {"
    for fence in fences:
        for family, subnet in _families(fence):
            yield f'  oifname "{fence.device}" {family} saddr {subnet} masquerade'
    yield "}"
    yield "chain leaving {"
    for fence in fences:
        if fence.masquerade and not fence.internal:
            for family, subnet in _families(fence):
                yield f'  oifname != "{fence.device}" {family} saddr {subnet} masquerade'
    yield "}"


def _families(fence: Fence) -> Iterator[tuple[str, Subnet]]:
    for subnet in fence.subnets:
        yield ("ip" if subnet.version == 4 else "ip6"), subnet


# --- ports ------------------------------------------------------------------------------------


def add_ports(table: str, ports: Iterable[Published]) -> list[str]:
    """The commands that publish ports."""
    return _elements("add", table, ports, with_target=True)


def delete_ports(table: str, ports: Iterable[Published]) -> list[str]:
    """The commands that take them back; connections that were made go on."""
    return _elements("delete", table, ports, with_target=False)


def _elements(verb: str, table: str, ports: Iterable[Published], *, with_target: bool) -> list[str]:
    by_map: dict[str, list[str]] = {}
    for port in ports:
        version = 4 if isinstance(port.address, IPv4Address) else 6
        name, _ = _MAPS["any" if port.host_ip is None else "one", version]
        key = f"{port.protocol} . {port.host_port}"
        if port.host_ip is not None:
            key = f"{port.host_ip} . {key}"
        target = f" : {port.address} . {port.port}" if with_target else ""
        by_map.setdefault(name, []).append(key + target)
    return [
        f"{verb} element inet {table} {name} {{ {', '.join(elements)} }}"
        for name, elements in by_map.items()
    ]
