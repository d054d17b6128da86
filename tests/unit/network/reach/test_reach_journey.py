"""Whole connections, there and back, and what is said of them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

from orlop.network.reach.journey import Answer, Facts, Goal, Judge, Origin, Reaches
from orlop.network.reach.summary import deciding, in_a_word, simplified
from orlop.network.reach.values import number
from tests.unit.network.reach.rulesets import (
    ACCEPT,
    DROP,
    LIMIT,
    PUBLISHED,
    PUBLISHED_HERE,
    SADDR,
    chain,
    facts,
    goal,
    local,
    match,
    neighbours,
)

ESTABLISHED = [match({"ct": {"key": "state"}}, ["established"], "in"), ACCEPT]


def told(
    of: Facts, asked: Goal | None = None, origin: Origin | None = None
) -> tuple[str, tuple[Answer, ...]]:
    found = Judge(of).answers(origin or neighbours(), asked or goal())
    simple = simplified(found, "orlop")
    return in_a_word(simple), simple


def here(address: str = "10.199.0.1") -> Origin:
    return Origin("", number(int(ip_address(address))))


def test_a_published_port() -> None:
    word, (answer,) = told(facts(PUBLISHED))
    assert word == "yes"
    decision = deciding(answer, "orlop")
    assert decision is not None
    assert decision.chain.name == "ports"
    word, (answer,) = told(facts())
    assert (word, answer.reason) == ("no", "no rule leads from there to the container")


def test_the_policy_of_forward() -> None:
    closed = chain("fwd", "forward", policy="drop")
    word, (answer,) = told(facts(PUBLISHED, closed))
    assert word == "no"
    assert answer.decisions[-1].rule is None
    word, _ = told(facts(PUBLISHED, chain("fwd", "forward", ESTABLISHED, policy="drop")))
    assert word == "no"


def test_answers_have_to_come_back() -> None:
    from_container = [match(SADDR, "10.61.0.2"), DROP]
    word, (answer,) = told(facts(PUBLISHED, chain("fwd", "forward", from_container)))
    assert (word, answer.decisions[-1].chain.name) == ("no", "fwd")
    own = (PUBLISHED_HERE, chain("in", "input", policy="drop"))
    assert told(facts(*own), origin=here())[0] == "no"
    own = (PUBLISHED_HERE, chain("in", "input", ESTABLISHED, policy="drop"))
    assert told(facts(*own), origin=here())[0] == "yes"


def test_by_source() -> None:
    half = {"prefix": {"addr": "10.200.0.128", "len": 25}}
    word, answers = told(facts(PUBLISHED, chain("fwd", "forward", [match(SADDR, half), DROP])))
    assert word == "partly"
    refused = next(one for one in answers if one.reaches is Reaches.NO)
    assert refused.sources == local("10.200.0.128/25")


def test_what_depends() -> None:
    word, answers = told(facts(PUBLISHED, chain("fwd", "forward", [LIMIT, DROP])))
    assert word == "depends"
    assert [rule.chain for rule in answers[0].depends] == ["fwd"]
    word, (answer,) = told(facts(PUBLISHED, chain("fwd", "forward", [LIMIT, DROP], [DROP])))
    assert (word, answer.depends) == ("no", ())  # either way


def test_packets_for_programs() -> None:
    queue = chain("fwd", "forward", [{"queue": {"num": 3}}])
    assert told(facts(PUBLISHED, queue))[0] == "depends"


def test_too_much_that_is_unknown() -> None:
    rules = [
        [LIMIT, {"mangle": {"key": {"meta": {"key": "mark"}}, "value": n}}] for n in range(500)
    ]
    word, (answer,) = told(facts(PUBLISHED, chain("fwd", "forward", *rules)))
    assert word == "depends"
    assert "more rules" in answer.reason


def test_settings_of_the_host() -> None:
    word, (answer,) = told(facts(PUBLISHED, forwards4=False))
    assert (word, answer.hint) == ("no", "net.ipv4.ip_forward=1")
    asked, origin = goal("127.0.0.1"), here("127.0.0.1")
    assert told(facts(PUBLISHED_HERE), asked, origin)[0] == "yes"
    without = facts(PUBLISHED_HERE).replace(localnets=frozenset())
    assert "route_localnet" in told(without, asked, origin)[1][0].reason


def test_loopback_of_ipv6() -> None:
    inner = int(ip_address("fd61::2"))
    dnat: dict[str, Any] = {"dnat": {"family": "ip6", "addr": "fd61::2", "port": 80}}
    published = chain("own", "output", [dnat], type="nat", prio=-100)
    asked = Goal(6, "tcp", (1, 8080), inner, 80, "br", "veth1")
    assert told(facts(published), asked, Origin("", number(1)))[0] == "no"
    let = facts(published, loopbacks6=frozenset(("br",)))
    assert told(let, asked, Origin("", number(1)))[0] == "yes"


def test_in_one_bridge() -> None:
    direct, origin = goal("10.61.0.2", 80), Origin("br", local("10.61.0.3"))
    forward = chain("fwd", "forward", policy="drop")
    assert told(facts(forward), direct, origin)[0] == "yes"
    assert told(facts(forward, filters_bridges4=True), direct, origin)[0] == "no"
    frames = chain("fwd", "forward", policy="drop", family="bridge")
    assert told(facts(frames), direct, origin)[0] == "no"
    isolated = told(facts(), direct.replace(is_isolated=True), origin)
    assert "isolated" in isolated[1][0].reason


def test_a_container_without_a_route_back() -> None:
    internal = goal(knows=(ip_network("10.61.0.0/24"),))
    word, (answer,) = told(facts(PUBLISHED), internal)
    assert word == "no"
    assert "no route back" in answer.reason


def test_on_the_hosts_network() -> None:
    own = goal().replace(bridge="", device="", address=goal().asked[0], port=8080)
    assert told(facts(), own)[0] == "yes"
    closed = chain("in", "input", policy="drop")
    assert told(facts(closed), own)[0] == "no"
    assert told(facts(closed), own, here())[0] == "no"


def test_the_ports_of_bridges_are_not_known() -> None:
    """Rules that name a container's own device may or may not fit."""
    rule = [match({"meta": {"key": "iifname"}}, "veth7"), DROP]
    frames = chain("fwd", "forward", rule, family="bridge")
    origin = Origin("br", local("10.61.0.3"))
    assert told(facts(frames), goal("10.61.0.2", 80), origin)[0] == "depends"
