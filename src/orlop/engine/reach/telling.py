"""Outcomes as people and programs are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.engine.reach.model import Outcome, RuleText
from orlop.network.reach.chains import Decision, Verdict
from orlop.network.reach.summary import deciding
from orlop.network.reach.values import NOTHING, Numbers, networks_of, numbers

if TYPE_CHECKING:
    from orlop.network.reach.journey import Answer
    from orlop.network.reach.ruleset import Rule

_LONGEST = 200
_MOST_NETWORKS = 16


def told_of(
    answer: Answer, everybody: Numbers, version: int, own: str, nobody: Numbers = NOTHING
) -> Outcome:
    """An outcome in words.

    Args:
        answer: of the judge.
        everybody: all sources of which was asked.
        version: 4 or 6.
        own: the name of the engine's table.
        nobody: addresses that are not among everybody and never will be, which may be counted in
            if that makes the networks fewer.
    """
    decision = deciding(answer, own)
    return Outcome(
        answer.reaches.value,
        () if answer.sources == everybody else _networks(answer.sources, version, nobody),
        None if decision is None else _told(decision),
        tuple(_rule(one, Verdict.UNKNOWN) for one in answer.depends),
        answer.reason,
        answer.hint,
    )


def _networks(sources: Numbers, version: int, nobody: Numbers) -> tuple[str, ...]:
    more = numbers((*sources.ranges, *nobody.ranges)) - (nobody - _around(sources))
    choices = [networks_of(one, version) for one in (sources, more)]
    found = [str(one) for one in min(choices, key=len)]
    if len(found) > _MOST_NETWORKS:
        return (*found[:_MOST_NETWORKS], "...")
    return tuple(one.removesuffix("/32").removesuffix("/128") for one in found)


def _around(sources: Numbers) -> Numbers:
    """All from the first to the last of them."""
    if not sources.ranges:
        return NOTHING
    return numbers([(sources.ranges[0][0] - 1, sources.ranges[-1][1] + 1)])


def _told(decision: Decision) -> RuleText:
    if decision.rule is not None:
        return _rule(decision.rule, decision.verdict)
    chain = decision.chain
    text = f"policy {chain.policy}"
    verdict = decision.verdict.value
    return RuleText(chain.family, chain.table, chain.name, 0, verdict, "", text)


def _rule(rule: Rule, verdict: Verdict) -> RuleText:
    text = rule.text if len(rule.text) <= _LONGEST else f"{rule.text[:_LONGEST]}..."
    return RuleText(
        rule.family, rule.table, rule.chain, rule.handle, verdict.value, rule.comment, text
    )
