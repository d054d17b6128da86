"""A proof for programs: the document that docs/json.md describes."""

from __future__ import annotations

from orlop.faces.cli import proof_probe
from orlop.insight.proof.capabilities import SETS, capability_names
from orlop.insight.proof.rows import AS_ASKED, MISMATCH, NOT_ASKED, UNREADABLE
from orlop.insight.proof.syscalls import all_answers, disassembled
from orlop.insight.weaknesses import SEVERITY_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.proof_probe import Probed
    from orlop.insight.limits import Limit
    from orlop.insight.network import Chain, Interface, Listener
    from orlop.insight.proof import Proof
    from orlop.insight.proof.facts import Facts, Member
    from orlop.insight.proof.rows import Row

    Document = dict[str, object]

_VERDICTS = {
    AS_ASKED: "as-asked",
    MISMATCH: "mismatch",
    NOT_ASKED: "not-asked",
    UNREADABLE: "unreadable",
}


def document(proof: Proof, probed: Probed | None = None) -> Document:
    """One target."""
    target = proof.target
    return {
        "name": target.name,
        "engine": target.engine,
        "id": target.id,
        "pid": target.process.pid,
        "asked": target.asked is not None,
        "askedFrom": target.asked_from,
        "holds": proof.holds and (probed is None or probed.holds),
        "sections": [
            {"name": section.name, "rows": [_row(row) for row in section.rows]}
            for section in proof.sections
        ],
        "namespaces": _namespaces(proof.facts),
        "processes": [_member(member) for member in proof.facts.members],
        "limits": _limits(proof.facts),
        "capabilities": _capabilities(proof.facts),
        "seccomp": _seccomp(proof.facts),
        "network": _network(proof.facts),
        "weaknesses": [
            {
                "rule": found.rule,
                "severity": SEVERITY_NAMES[found.severity],
                "subject": found.subject or None,
                "sentence": found.sentence,
                "closes": found.closes,
            }
            for found in proof.weaknesses
        ],
        "probe": None if probed is None else proof_probe.document(probed),
    }


def _row(row: Row) -> Document:
    return {
        "what": row.what,
        "observed": row.observed,
        "asked": row.asked or None,
        "verdict": _VERDICTS[row.verdict],
        "note": row.note or None,
    }


def _namespaces(facts: Facts) -> list[Document]:
    return [
        {
            "kind": found.kind,
            "inode": found.inode,
            "host": found.host,
            "isolated": facts.isolated(found.kind),
            "sharedWith": list(found.shared_with),
        }
        for found in facts.isolation
    ]


def _member(member: Member) -> Document:
    status = member.status
    return {
        "pid": status.pid,
        "parent": status.ppid,
        "namespacePids": list(status.namespace_pids),
        "uid": status.uids[1],
        "gid": status.gids[1],
        "uidInside": member.user,
        "gidInside": member.group,
        "name": status.name,
        "command": list(member.command),
    }


def _limits(facts: Facts) -> list[Document]:
    return [] if facts.cgroups is None else [_limit(limit) for limit in facts.cgroups.limits]


def _limit(limit: Limit) -> Document:
    reading = limit.tightest
    return {
        "kind": reading.kind,
        "unit": reading.unit or None,
        "limit": reading.limit,
        "usage": reading.usage,
        "peak": reading.peak,
        "hits": reading.hits,
        "cgroup": limit.directory or None,
        "above": limit.above,
    }


def _capabilities(facts: Facts) -> Document | None:
    if facts.status is None:
        return None
    held = facts.status.capabilities
    return {kind: list(capability_names(getattr(held, kind))) for kind in SETS}


def _seccomp(facts: Facts) -> Document | None:
    reading = facts.seccomp
    if reading is None:
        return None
    return {
        "mode": reading.mode,
        "problem": None if reading.problem is None else str(reading.problem),
        "filters": [list(lines) for lines in disassembled(facts)],
        "architectures": [
            {
                "name": found.architecture,
                "calls": {call.name: call.text for call in found.answers},
                "newer": found.newer.text,
            }
            for found in all_answers(facts)
        ],
    }


def _network(facts: Facts) -> Document | None:
    network = facts.network
    if network is None:
        return None
    return {
        "shared": network.shared,
        "interfaces": [_interface(found) for found in network.interfaces],
        "routes": [route.text for route in network.routes],
        "listeners": [_listener(found) for found in network.listeners],
        "chains": [_chain(found) for found in network.chains],
        "hostInterfaces": [_interface(found) for found in network.outside.interfaces],
        "hostChains": [_chain(found) for found in network.outside.chains],
    }


def _interface(found: Interface) -> Document:
    return {
        "name": found.name,
        "index": found.index or None,
        "kind": found.kind or None,
        "state": found.state or None,
        "mac": found.mac or None,
        "mtu": found.mtu or None,
        "addresses": list(found.addresses),
        "master": found.master or None,
        "otherEnd": (found.link.name or None) if found.link is not None else None,
    }


def _listener(found: Listener) -> Document:
    socket = found.socket
    return {
        "protocol": socket.protocol,
        "address": socket.address,
        "port": socket.port,
        "pids": [holder.pid for holder in found.holders],
    }


def _chain(found: Chain) -> Document:
    return {
        "backend": found.backend,
        "family": found.family,
        "table": found.table,
        "name": found.name,
        "hook": found.hook or None,
        "policy": found.policy or None,
        "rules": list(found.rules),
    }
