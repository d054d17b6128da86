"""Rulesets and packets for tests."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

from orlop.network.reach.conditions import Place
from orlop.network.reach.journey import Facts, Goal, Origin
from orlop.network.reach.packet import Packet, new_packet
from orlop.network.reach.ruleset import Ruleset, parse
from orlop.network.reach.values import Numbers, number, of_networks, word

Expression = dict[str, Any]

ACCEPT, DROP, RETURN = ({verdict: None} for verdict in ("accept", "drop", "return"))
DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
SADDR = {"payload": {"protocol": "ip", "field": "saddr"}}
IIF = {"meta": {"key": "iifname"}}
LAN = "10.200.0.0/24"
LIMIT: Expression = {"limit": {"rate": 3, "per": "second"}}


def match(left: Any, right: Any, op: str = "==") -> Expression:
    return {"match": {"op": op, "left": left, "right": right}}


def jump(name: str) -> Expression:
    return {"jump": {"target": name}}


def chain(
    name: str, hook: str, *rules: list[Expression], family: str = "inet", **more: Any
) -> list[dict[str, Any]]:
    """A chain with its rules; without a hook, one that others jump to."""
    described: dict[str, Any] = {"family": family, "table": "fw", "name": name}
    if hook:
        described |= {"type": "filter", "hook": hook, "prio": 0, "policy": "accept"}
    place = {"family": family, "table": "fw", "chain": name}
    handle = 10 * sum(map(ord, name))
    return [
        {"chain": described | more},
        *(
            {"rule": {**place, "handle": handle + number_, "expr": rule}}
            for number_, rule in enumerate(rules)
        ),
    ]


def ruleset(*parts: list[dict[str, Any]]) -> Ruleset:
    return parse({"nftables": [one for part in parts for one in part]}, {})


def local(*addresses: str) -> Numbers:
    return of_networks(*(ip_network(one) for one in addresses))


def place(*parts: list[dict[str, Any]]) -> Place:
    return Place(
        ruleset(*parts),
        local("127.0.0.0/8", "10.199.0.1", "10.61.0.1"),
        local("::1", "fd00::1"),
    )


def facts(*parts: list[dict[str, Any]], **more: Any) -> Facts:
    return Facts(place(*parts), localnets=frozenset(("br",)), **more)


def packet(source: str = LAN, port: int = 80, protocol: str = "tcp") -> Packet:
    found = new_packet(4, protocol, local(source), int(ip_address("10.199.0.1")), port)
    return found.having(iif=word("eth0"), oif=word("br"))


PUBLISHED = chain(
    "ports",
    "prerouting",
    [match(DPORT, 8080), {"dnat": {"family": "ip", "addr": "10.61.0.2", "port": 80}}],
    type="nat",
    prio=-100,
)
PUBLISHED_HERE = chain(
    "own",
    "output",
    [match(DPORT, 8080), {"dnat": {"family": "ip", "addr": "10.61.0.2", "port": 80}}],
    type="nat",
    prio=-100,
)


def goal(address: str = "10.199.0.1", port: int = 8080, **more: Any) -> Goal:
    asked = (int(ip_address(address)), port)
    inner = int(ip_address("10.61.0.2"))
    return Goal(4, "tcp", asked, inner, 80, "br", "veth1", **more)


def neighbours() -> Origin:
    return Origin("eth0", local(LAN) - number(int(ip_address("10.199.0.1"))))
