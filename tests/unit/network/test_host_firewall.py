"""The host's rules for what comes in, as they are copied for published ports."""

from __future__ import annotations

from typing import Any

from orlop.network.host_firewall import Mirror, Source, mirror, original_of, port_commands

INPUT = {"type": "filter", "hook": "input", "prio": 0, "policy": "drop"}
TCP_22: list[Any] = [
    {
        "match": {
            "op": "==",
            "left": {"payload": {"protocol": "tcp", "field": "dport"}},
            "right": 22,
        }
    },
    {"accept": None},
]


def ruleset(*rules: list[Any], chains: tuple[dict[str, Any], ...] = (), **base: Any) -> Any:
    own = {"family": "inet", "table": "fw", "name": "in", **INPUT, **base}
    objects: list[dict[str, Any]] = [{"metainfo": {}}, {"chain": own}]
    objects += chains
    objects += [
        {"rule": {"family": "inet", "table": "fw", "chain": "in", "expr": rule}} for rule in rules
    ]
    return {"nftables": objects}


def copied(found: Any) -> Mirror:
    return mirror(found, "ours", ["orlop0"], [("tcp", 80)], ["other"])


def rules_of(found: Mirror, chain: str = "h0_in") -> list[Any]:
    rules = [one["add"]["rule"] for one in found.commands if "rule" in one.get("add", {})]
    return [rule["expr"] for rule in rules if rule["chain"] == chain]


def test_the_original_port_counts() -> None:
    first, last = rules_of(copied(ruleset(TCP_22)))
    assert first[1]["match"]["left"] == {"ct": {"key": "proto-dst", "dir": "original"}}
    assert first[0]["match"] == {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}
    assert last == [{"drop": None}]


def test_a_policy_that_accepts_adds_nothing() -> None:
    assert len(rules_of(copied(ruleset(TCP_22, policy="accept")))) == 1


def test_rules_that_decide_nothing_are_left_out() -> None:
    counted = ruleset([{"counter": {"packets": 1, "bytes": 2}}], [{"log": None}])
    assert rules_of(copied(counted)) == [[{"drop": None}]]


def test_what_cannot_be_copied() -> None:
    """A rule that accepts is not there then; one that refuses is told of."""
    accepts, refuses = ([{"xt": None}, {verdict: None}] for verdict in ("accept", "drop"))
    found = copied(ruleset(accepts, refuses))
    assert rules_of(found) == [[{"drop": None}]]
    assert found.skipped == ("inet fw in",)


def test_jumps_and_sets() -> None:
    chain = {"chain": {"family": "inet", "table": "fw", "name": "web"}}
    named = {"set": {"family": "inet", "table": "fw", "name": "s", "type": "inet_service"}}
    by_set = [{"match": {**TCP_22[0]["match"], "right": "@s"}}, {"jump": {"target": "web"}}]
    found = copied(ruleset(by_set, chains=(chain, named)))
    jump = rules_of(found)[0]
    assert jump[1]["match"]["right"] == "@h0_s"
    assert jump[2] == {"jump": {"target": "h0_web"}}
    names = [one["add"]["set"]["name"] for one in found.commands if "set" in one.get("add", {})]
    assert "h0_s" in names


def test_other_chains_are_none_of_it() -> None:
    bases: tuple[dict[str, Any], ...] = ({"hook": "forward"}, {"type": "nat"}, {"table": "other"})
    for base in bases:
        assert copied(ruleset(TCP_22, **base)).chains == 0


def test_refusals_become_silence() -> None:
    """An ICMP error would come from the container's address."""
    rejecting = [*TCP_22[:1], {"reject": {"type": "tcp reset"}}]
    assert rules_of(copied(ruleset(rejecting)))[0][-1] == {"drop": None}


def test_port_commands() -> None:
    ports = [("tcp", 80), ("tcp", 81), ("udp", 53)]
    assert list(port_commands("add", "ours", ports)) == [
        "add element inet ours open_tcp { 80, 81 }",
        "add element inet ours open_udp { 53 }",
    ]


DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
ORIGINAL = {"ct": {"key": "proto-dst", "dir": "original"}}


def ports_of(found: Mirror) -> list[tuple[Any, str]]:
    """The original ports of rules, and their verdicts."""
    return [
        (part["match"]["right"], next(iter(rule[-1])))
        for rule in rules_of(found)
        for part in rule
        if part.get("match", {}).get("left") == ORIGINAL
    ]


def test_ports_in_maps_are_rules_each() -> None:
    elements = [[22, {"accept": None}], [{"range": [80, 90]}, {"drop": None}]]
    wanted = [(22, "accept"), ({"range": [80, 90]}, "drop")]
    found = copied(ruleset([{"vmap": {"key": DPORT, "data": {"set": elements}}}]))
    assert ports_of(found) == wanted
    named = {"map": {"family": "inet", "table": "fw", "name": "m", "elem": elements}}
    by_name = ruleset([{"vmap": {"key": DPORT, "data": "@m"}}], chains=(named,))
    assert ports_of(copied(by_name)) == wanted


def test_ports_with_something_else_are_rules_each() -> None:
    source = {"payload": {"protocol": "ip", "field": "saddr"}}
    elements = [{"concat": ["10.0.0.1", 80]}, {"concat": ["10.0.0.2", 81]}]
    match = {"op": "==", "left": {"concat": [source, DPORT]}, "right": {"set": elements}}
    assert ports_of(copied(ruleset([{"match": match}, {"accept": None}]))) == [
        (80, "accept"),
        (81, "accept"),
    ]
    other = {"match": {**match, "op": "!="}}
    assert copied(ruleset([other, {"drop": None}])).skipped == ("inet fw in",)


def test_copies_say_of_what() -> None:
    rules = ruleset(TCP_22)
    rules["nftables"][-1]["rule"]["handle"] = 7
    found = copied(rules)
    comments = [
        one["add"]["rule"].get("comment", "")
        for one in found.commands
        if "rule" in one.get("add", {})
    ]
    sources = [source for comment in comments if (source := original_of(comment))]
    assert sources == [Source(("inet", "fw", "in"), 7), Source(("inet", "fw", "in"), 0)]
    assert original_of("copy of something else") is None
