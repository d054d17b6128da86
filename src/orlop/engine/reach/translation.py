"""Rules of iptables-nft in words of nftables.

libnftables tells extensions of iptables in JSON by their names only, but prints most of them in its
own language. What it prints is loaded into a network namespace that nobody uses, and listed again.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from orlop.errors import OrlopError
from orlop.kernel import netns
from orlop.kernel.nftables import Nftables, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    Json = Any
    Handle = tuple[str, str, int]

_UNTRANSLATED = "xt "
_MOST = 5000


def translated(
    document: Mapping[str, Json], texts: Mapping[tuple[str, str, int], str]
) -> Mapping[str, Json]:
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
