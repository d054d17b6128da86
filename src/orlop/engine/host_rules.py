"""The rules of nftables in the host's network namespace, those of iptables-nft in the same words.

libnftables tells extensions of iptables in JSON by their names only, but prints most of them in its
own language. What it prints is loaded into a network namespace that nobody uses, and listed again.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from orlop.errors import OrlopError, Unavailable
from orlop.insight.network.firewall import rule_texts
from orlop.kernel import netns
from orlop.kernel.nftables import Nftables, Refused
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    Json = Any
    Handle = tuple[str, str, int]
    """Family, table and number of a rule."""

_UNTRANSLATED = "xt "
_MOST = 5000


class HostRules(Record):
    """All rules at one moment.

    Attributes:
        document: as libnftables-json(5) has it.
        texts: rules in nft's language, by family, table and handle.
    """

    document: Mapping[str, Json]
    texts: Mapping[Handle, str]


def read(nftables: Nftables) -> HostRules:
    """The rules as they are now.

    Raises:
        Unavailable: they cannot be read.
    """
    document = json.loads(_listed(nftables.list_json("list ruleset")))
    texts = rule_texts(_listed(nftables.list_text("list ruleset")))
    return HostRules(translated(document, texts), texts)


def read_document(nftables: Nftables) -> Mapping[str, Json]:
    """The same without texts, which are asked for only if there is something to translate.

    Raises:
        Unavailable: they cannot be read.
    """
    document: Mapping[str, Json] = json.loads(_listed(nftables.list_json("list ruleset")))
    if not any(map(_is_extended, _rules(document))):
        return document
    return translated(document, rule_texts(_listed(nftables.list_text("list ruleset"))))


def _listed(answer: str | Refused) -> str:
    if isinstance(answer, Refused):
        raise Unavailable(f"the host's packet filter cannot be read: {answer.reason}")
    return answer


def translated(document: Mapping[str, Json], texts: Mapping[Handle, str]) -> Mapping[str, Json]:
    """The document, with extensions of iptables replaced where nftables has words for them.

    Args:
        document: as libnftables tells a ruleset.
        texts: its rules in nft's language, by family, table and handle.
    """
    wanted = [rule for rule in _rules(document) if _is_extended(rule)]
    wanted = [rule for rule in wanted if _UNTRANSLATED not in texts.get(_handle(rule), "xt ")]
    if not wanted or len(wanted) > _MOST:
        return document
    commands = {_handle(rule): _command(rule, texts[_handle(rule)]) for rule in wanted}
    try:
        fd, expressions = netns.make(lambda: _loaded(_frame(document), commands))
    except OrlopError:  # then they stay unknown
        return document
    os.close(fd)
    return {"nftables": [_with(entry, expressions) for entry in document["nftables"]]}


def _rules(document: Mapping[str, Json]) -> list[Json]:
    return [entry["rule"] for entry in document.get("nftables", ()) if "rule" in entry]


def _handle(rule: Json) -> Handle:
    return rule["family"], rule["table"], rule["handle"]


def _is_extended(rule: Json) -> bool:
    return any(isinstance(one, dict) and "xt" in one for one in rule.get("expr", ()))


def _frame(document: Mapping[str, Json]) -> str:
    """The commands that make all tables and chains, without hooks."""
    lines = []
    for entry in document["nftables"]:
        if "table" in entry:
            lines.append(f"add table {entry['table']['family']} {entry['table']['name']}")
        if "chain" in entry:
            chain = entry["chain"]
            lines.append(f"add chain {chain['family']} {chain['table']} {chain['name']}")
    return "\n".join(lines)


def _command(rule: Json, text: str) -> str:
    return f"add rule {rule['family']} {rule['table']} {rule['chain']} {text}"


def _loaded(frame: str, commands: Mapping[Handle, str]) -> dict[Handle, Json]:
    """The expressions of the rules that could be loaded into the present namespace."""
    with Nftables() as nftables:
        if nftables.run(frame) is not None:
            return {}
        known = list(commands)
        if nftables.run("\n".join(commands.values())) is not None:
            known = [handle for handle in known if nftables.run(commands[handle]) is None]
        listed = nftables.list_json("list ruleset")
    if isinstance(listed, Refused):
        return {}
    return dict(_matched(known, commands, _rules(json.loads(listed))))


def _matched(
    known: list[Handle], commands: Mapping[Handle, str], listed: list[Json]
) -> list[tuple[Handle, Json]]:
    """Rules of each chain come in the order in which they were added."""
    by_chain: dict[tuple[str, ...], list[Json]] = {}
    for rule in listed:
        key: tuple[str, ...] = ("rule", rule["family"], rule["table"], rule["chain"])
        by_chain.setdefault(key, []).append(rule["expr"])
    found = []
    for handle in known:
        key = tuple(commands[handle].split(" ", 5)[1:5])
        expressions = by_chain.get(key)
        if expressions:
            found.append((handle, expressions.pop(0)))
    return found


def _with(entry: Json, expressions: Mapping[Handle, Json]) -> Json:
    if "rule" not in entry or _handle(entry["rule"]) not in expressions:
        return entry
    return {"rule": {**entry["rule"], "expr": expressions[_handle(entry["rule"])]}}
