"""Who reaches a container, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orlop.engine.reach.model import Outcome, Reached, ReachedPort, RuleText, Way


def document(found: Reached) -> dict[str, Any]:
    """The answer to reach; docs/json.md has its members."""
    return {
        "Id": found.id,
        "Name": found.name,
        "Network": found.network,
        "Table": found.table,
        "Ports": [_port(port) for port in found.ports],
        "Notes": list(found.notes),
    }


def _port(port: ReachedPort) -> dict[str, Any]:
    return {
        "Port": port.port,
        "Protocol": port.protocol,
        "Published": [
            {"HostIp": binding.host_ip, "HostPort": binding.host_port} for binding in port.bindings
        ],
        "Listens": None if port.listens is None else list(port.listens),
        "Ways": [_way(way) for way in port.ways],
        "Hint": port.hint,
    }


def _way(way: Way) -> dict[str, Any]:
    return {
        "From": way.origin.value,
        "Name": way.name,
        "Address": way.address,
        "Port": way.port,
        "Reaches": way.reaches,
        "Outcomes": [_outcome(outcome) for outcome in way.outcomes],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "Reaches": outcome.reaches,
        "Sources": list(outcome.sources),
        "Rule": None if outcome.rule is None else _rule(outcome.rule),
        "DependsOn": [_rule(rule) for rule in outcome.depends],
        "Reason": outcome.reason,
        "Hint": outcome.hint,
    }


def _rule(rule: RuleText) -> dict[str, Any]:
    return {
        "Family": rule.family,
        "Table": rule.table,
        "Chain": rule.chain,
        "Handle": rule.handle,
        "Verdict": rule.verdict,
        "Comment": rule.comment,
        "Text": rule.text,
        "Copy": rule.copy,
    }
