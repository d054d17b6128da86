"""Packets on their way through chains."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.network.reach.chains import Passage, State, Verdict
from orlop.network.reach.hooks import Hooks
from orlop.network.reach.values import Flags, word
from tests.unit.network.reach.rulesets import (
    ACCEPT,
    DPORT,
    DROP,
    IIF,
    LIMIT,
    RETURN,
    SADDR,
    chain,
    jump,
    local,
    match,
    packet,
    place,
)


def passed(*parts: list[dict[str, Any]], hook: str = "forward", **of: Any) -> Passage:
    return Hooks(place(*parts)).at(hook, (State(packet(**of)),))


def verdicts(passage: Passage) -> list[str]:
    return [state.decisions[-1].verdict.value for state in passage.ended]


HOLD = [
    match(DPORT, 80),
    match(DPORT, {"range": [70, 90]}),
    match(DPORT, {"set": [22, {"range": [80, 81]}]}),
    match(DPORT, "0x50 [invalid type]"),
    match(DPORT, 79, ">"),
    match({"payload": {"protocol": "th", "field": "dport"}}, 80),
    match({"payload": {"protocol": "ip", "field": "protocol"}}, "tcp"),
    match({"meta": {"key": "l4proto"}}, {"set": ["udp", "tcp"]}),
    match({"meta": {"key": "protocol"}}, "ip"),
    match(SADDR, {"prefix": {"addr": "10.0.0.0", "len": 8}}),
    match(SADDR, "10.1.0.1", "!="),
    match(IIF, "eth*"),
    match(IIF, "lo", "!="),
    match({"meta": {"key": "iif"}}, "eth0"),
    match({"ct": {"key": "state"}}, ["new", "related"], "in"),
    match({"ct": {"key": "direction"}}, "original"),
    match({"ct": {"key": "proto-dst", "dir": "original"}}, 80),
    match({"fib": {"result": "type", "flags": ["daddr"]}}, "local"),
    match({"fib": {"result": "type", "flags": ["saddr"]}}, "unicast"),
    match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, False, "!="),
    match({"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["syn", "ack"]]}, "syn"),
    match({"&": [{"meta": {"key": "mark"}}, 255]}, 0),
    match({"concat": [IIF, DPORT]}, {"set": [{"concat": ["eth0", {"range": [1, 80]}]}]}),
]


@pytest.mark.parametrize("condition", HOLD)
def test_conditions_that_hold(condition: dict[str, Any]) -> None:
    found = passed(chain("in", "forward", [condition, DROP]))
    assert (verdicts(found), found.going) == (["drop"], ())
    assert not found.ended[0].unsure


FAIL = [
    match(DPORT, 81),
    match({"payload": {"protocol": "udp", "field": "dport"}}, 80),
    match({"payload": {"protocol": "udp", "field": "dport"}}, 81, "!="),  # it has no such port
    match({"payload": {"protocol": "ip6", "field": "saddr"}}, "::1", "!="),
    match({"meta": {"key": "skuid"}}, 0, "!="),  # nobody's packet
    match({"ct": {"key": "status"}}, "dnat", "in"),
    match({"payload": {"protocol": "icmp", "field": "type"}}, "echo-request"),
]


@pytest.mark.parametrize("condition", FAIL)
def test_conditions_that_do_not_hold(condition: dict[str, Any]) -> None:
    found = passed(chain("in", "forward", [condition, DROP]))
    assert found.ended == ()
    assert len(found.going) == 1


UNKNOWN = [
    match({"meta": {"key": "cpu"}}, 0),
    match({"payload": {"protocol": "ether", "field": "saddr"}}, "aa:bb:cc:dd:ee:ff"),
    match(DPORT, "http"),  # names of services are not looked up
    match(SADDR, "@missing"),
    {"xt": {"type": "match", "name": "recent"}},
    LIMIT,
    {"something": {"new": True}},
]


@pytest.mark.parametrize("condition", UNKNOWN)
def test_what_cannot_be_told_goes_both_ways(condition: dict[str, Any]) -> None:
    found = passed(chain("in", "forward", [condition, DROP]))
    assert verdicts(found) == ["drop"]
    for state in (*found.ended, *found.going):
        assert [doubt.rule.chain for doubt in state.unsure] == ["in"]


def test_what_makes_no_difference_is_not_unsure() -> None:
    logged = [LIMIT, {"xt": {"type": "target", "name": "LOG"}}]
    found = passed(
        chain("in", "forward", [LIMIT, {"log": None}], logged, [LIMIT, jump("empty")]),
        chain("empty", ""),
    )
    assert [state.unsure for state in found.going] == [()]


def test_sources_are_divided() -> None:
    half = {"prefix": {"addr": "10.200.0.0", "len": 25}}
    found = passed(chain("in", "forward", [match(SADDR, half), DROP]))
    assert found.ended[0].packet.source == local("10.200.0.0/25")
    assert found.going[0].packet.source == local("10.200.0.128/25")


def test_jumps_returns_and_policies() -> None:
    parts = (
        chain("in", "forward", [jump("sub")], [match(DPORT, 80), ACCEPT], policy="drop"),
        chain("sub", "", [match(DPORT, 80), RETURN], [DROP]),
    )
    assert passed(*parts).ended == ()
    assert verdicts(passed(*parts, port=81)) == ["drop"]
    leaving = chain("in", "forward", [{"goto": {"target": "none"}}], [ACCEPT], policy="drop")
    went = passed(leaving, chain("none", ""))
    assert went.ended[0].decisions[-1].rule is None


def test_an_accepted_packet_meets_the_next_chain() -> None:
    first = chain("first", "forward", [ACCEPT], prio=-1)
    assert verdicts(passed(chain("last", "forward", [DROP]), first)) == ["drop"]


def test_maps_of_verdicts() -> None:
    elements = [[22, DROP], [{"range": [80, 90]}, jump("sub")]]
    parts = (
        chain("in", "forward", [{"vmap": {"key": DPORT, "data": {"set": elements}}}], [DROP]),
        chain("sub", "", [ACCEPT]),
    )
    assert passed(*parts).ended == ()
    assert verdicts(passed(*parts, port=22)) == ["drop"]
    named = {"family": "inet", "table": "fw", "name": "m", "elem": [[80, DROP]]}
    by_name = chain("in", "forward", [{"vmap": {"key": DPORT, "data": "@m"}}])
    assert verdicts(passed([{"map": named}], by_name)) == ["drop"]


def test_ports_are_looked_up_in_maps() -> None:
    elements = [[{"concat": ["tcp", 80]}, {"concat": ["10.61.0.2", 8000]}]]
    described = {"family": "inet", "table": "fw", "name": "m", "elem": elements}
    key = {"concat": [{"meta": {"key": "l4proto"}}, DPORT]}
    address = {"map": {"key": key, "data": "@m"}}
    rule = [{"dnat": {"family": "ip", "addr": address}}]
    nat = chain("nat", "prerouting", rule, type="nat", prio=-100)
    (state,) = passed([{"map": described}], nat, hook="prerouting").going
    assert (state.packet.port, state.packet.is_redirected) == (8000, True)
    assert state.decisions[-1].verdict is Verdict.REDIRECT
    (other,) = passed([{"map": described}], nat, hook="prerouting", port=81).going
    assert not other.packet.is_redirected


def test_conntrack_comes_in_between() -> None:
    invalid = match({"ct": {"key": "state"}}, "invalid")
    raw = chain("raw", "prerouting", [invalid, match(DPORT, 80), DROP], prio=-300)
    assert verdicts(passed(raw, hook="prerouting")) == ["drop"]
    later = chain("raw", "prerouting", [invalid, DROP], prio=-150)
    assert passed(later, hook="prerouting").ended == ()


def test_marks_are_kept() -> None:
    mark = {"meta": {"key": "mark"}}
    setting = chain("pre", "forward", [{"mangle": {"key": mark, "value": 7}}], prio=-150)
    assert verdicts(passed(setting, chain("in", "forward", [match(mark, 7), DROP]))) == ["drop"]
    unknown = chain(
        "pre", "forward", [{"mangle": {"key": mark, "value": {"numgen": {}}}}], prio=-150
    )
    found = passed(unknown, chain("in", "forward", [match(mark, 7), DROP]))
    assert found.ended[0].unsure


def test_tables_that_sleep_and_other_families() -> None:
    asleep = [{"table": {"family": "inet", "name": "fw", "flags": ["dormant"]}}]
    assert passed(asleep, chain("in", "forward", [DROP])).ended == ()
    assert passed(chain("in", "forward", [DROP], family="ip6")).ended == ()
    assert verdicts(passed(chain("in", "forward", [DROP], family="ip"))) == ["drop"]


def test_a_device_whose_name_is_not_told() -> None:
    hooks = Hooks(place(chain("in", "ingress", [DROP], family="netdev")))
    found = hooks.at_device("ingress", "eth0", (State(packet()),))
    assert found.ended[0].unsure
    assert found.going[0].unsure
    named = chain("in", "ingress", [DROP], family="netdev", dev="eth1")
    assert Hooks(place(named)).at_device("ingress", "eth0", (State(packet()),)).ended == ()


def test_flags_of_connections() -> None:
    changed = packet().having(status=Flags(frozenset(("dnat",))), state=word("established"))
    rule = [match({"ct": {"key": "status"}}, "dnat", "in"), DROP]
    found = Hooks(place(chain("in", "forward", rule))).at("forward", (State(changed),))
    assert verdicts(found) == ["drop"]
