"""The rules of a network namespace, as `nft -j list ruleset` tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    Json = Any

Key = tuple[str, str, str]
"""Family, table, and the name of a chain or a set."""

_NO_EFFECT = frozenset(
    ("counter", "log", "comment", "set", "map", "flow", "dup", "last", "secmark", "continue")
).union(("ct helper", "ct timeout", "ct expectation"))


class Rule(Record):
    """One rule.

    Attributes:
        family, table, chain: where it is.
        handle: its number in the table.
        expressions: as JSON, without those that decide nothing.
        comment: of whoever has made it.
        text: in nft's language, "" if that is not known.
        position: its number in the chain, from 0.
    """

    family: str
    table: str
    chain: str
    handle: int
    expressions: tuple[Json, ...]
    comment: str = ""
    text: str = ""
    position: int = 0


class Chain(Record):
    """One chain; what has a hook gets packets from there, others are jumped to.

    Attributes:
        family, table, name: which.
        kind: "filter", "nat" or "route", "" without a hook.
        hook: "prerouting", "input", "forward", "output", "postrouting", "ingress" or "egress".
        priority: chains of lower ones come first.
        policy: what becomes of packets that no rule decides about.
        devices: of ingress and egress; empty if it is not told.
        rules: in order.
    """

    family: str
    table: str
    name: str
    kind: str = ""
    hook: str = ""
    priority: int = 0
    policy: str = "accept"
    devices: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


class Ruleset(Record):
    """All tables.

    Attributes:
        chains: of all of them.
        sets: the objects of sets and maps, as JSON.
    """

    chains: Mapping[Key, Chain]
    sets: Mapping[Key, Json]

    def at(self, hook: str, families: tuple[str, ...]) -> tuple[Chain, ...]:
        """The chains that get packets at a hook, in their order."""
        found = (one for one in self.chains.values() if one.hook == hook)
        return tuple(
            sorted((one for one in found if one.family in families), key=lambda it: it.priority)
        )


def parse(document: Mapping[str, Json], texts: Mapping[tuple[str, str, int], str]) -> Ruleset:
    """The rules in a document.

    Args:
        document: as libnftables makes it.
        texts: rules in nft's language, by family, table and handle.
    """
    objects = [entry for entry in document.get("nftables", ()) if isinstance(entry, dict)]
    asleep = {
        (entry["table"]["family"], entry["table"]["name"])
        for entry in objects
        if "table" in entry and "dormant" in _listed(entry["table"].get("flags"))
    }
    rules: dict[Key, list[Rule]] = {}
    for entry in objects:
        if "rule" in entry:
            rule = _rule(entry["rule"], texts)
            of_chain = rules.setdefault((rule.family, rule.table, rule.chain), [])
            of_chain.append(rule.replace(position=len(of_chain)))
    chains, sets = {}, {}
    for entry in objects:
        for kind in ("set", "map"):
            if kind in entry:
                sets[_key(entry[kind])] = entry[kind]
        if "chain" in entry:
            key = _key(entry["chain"])
            is_asleep = key[:2] in asleep
            chains[key] = _chain(entry["chain"], tuple(rules.get(key, ())), is_asleep=is_asleep)
    return Ruleset(chains, sets)


def _key(described: Json) -> Key:
    return described["family"], described["table"], described["name"]


def _chain(described: Json, rules: tuple[Rule, ...], *, is_asleep: bool) -> Chain:
    return Chain(
        *_key(described),
        described.get("type", ""),
        "" if is_asleep else described.get("hook", ""),
        int(described.get("prio", 0)),
        described.get("policy", "accept"),
        _listed(described.get("dev")),
        rules,
    )


def _rule(described: Json, texts: Mapping[tuple[str, str, int], str]) -> Rule:
    family, table, handle = described["family"], described["table"], described["handle"]
    expressions = tuple(one for one in described.get("expr", ()) if not _is_idle(one))
    return Rule(
        family,
        table,
        described["chain"],
        handle,
        expressions,
        described.get("comment", ""),
        texts.get((family, table, handle), ""),
    )


def _is_idle(expression: Json) -> bool:
    return not isinstance(expression, dict) or _NO_EFFECT.issuperset(expression)


def _listed(value: Json) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
