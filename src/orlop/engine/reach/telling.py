"""Outcomes as people and programs are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.engine.reach.model import Outcome, RuleText
from orlop.network.host_firewall import original_of
from orlop.network.reach.chains import Verdict
from orlop.network.reach.summary import deciding
from orlop.network.reach.values import NOTHING, Numbers, networks_of, numbers

if TYPE_CHECKING:
    from orlop.network.reach.chains import Decision
    from orlop.network.reach.conditions import Place
    from orlop.network.reach.journey import Answer
    from orlop.network.reach.ruleset import Rule

_LONGEST = 200
_MOST_NETWORKS = 16


class Teller:
    """Puts outcomes into words.

    Args:
        place: where the rules are.
        own: the name of the engine's table.
    """

    def __init__(self, place: Place, own: str) -> None:
        self._place = place
        self._own = own

    def told(self, answer: Answer, everybody: Numbers, version: int) -> Outcome:
        """An outcome in words.

        Args:
            answer: of the judge.
            everybody: all sources of which was asked.
            version: 4 or 6.
        """
        decision = deciding(answer, self._own)
        is_all = answer.sources == everybody
        return Outcome(
            answer.reaches.value,
            () if is_all else _networks(answer.sources, version, self._place.local(version)),
            None if decision is None else self._decision(decision),
            tuple(self._rule(one, Verdict.UNKNOWN) for one in answer.depends),
            answer.reason,
            answer.hint,
        )

    def _decision(self, decision: Decision) -> RuleText:
        if decision.rule is not None:
            return self._rule(decision.rule, decision.verdict)
        chain = decision.chain
        return _policy((chain.family, chain.table, chain.name), decision.verdict)

    def _rule(self, rule: Rule, verdict: Verdict) -> RuleText:
        """A rule; in place of a copy that the engine has made, what it is a copy of."""
        where = f"{rule.family} {rule.table} {rule.chain} handle {rule.handle}"
        source = original_of(rule.comment)
        if source is None:
            return _text(rule, verdict)
        chain = self._place.ruleset.chains.get(source.chain)
        if chain is None:  # somebody has changed it just now
            return _text(rule, verdict)
        if not source.handle:
            return _policy(source.chain, verdict).replace(copy=where)
        for one in chain.rules:
            if one.handle == source.handle:
                return _text(one, verdict).replace(copy=where)
        return _text(rule, verdict)


def _text(rule: Rule, verdict: Verdict) -> RuleText:
    text = rule.text if len(rule.text) <= _LONGEST else f"{rule.text[:_LONGEST]}..."
    return RuleText(
        rule.family, rule.table, rule.chain, rule.handle, verdict.value, rule.comment, text
    )


def _policy(chain: tuple[str, str, str], verdict: Verdict) -> RuleText:
    return RuleText(*chain, 0, verdict.value, "", f"policy {verdict.value}")


def _networks(sources: Numbers, version: int, nobody: Numbers) -> tuple[str, ...]:
    """The fewest networks; addresses of nobody may be among them."""
    more = numbers((*sources.ranges, *nobody.ranges)) - (nobody - _around(sources))
    choices = [networks_of(one, version) for one in (sources, more)]
    found = [str(one) for one in min(choices, key=len)]
    if len(found) > _MOST_NETWORKS:
        return (*found[:_MOST_NETWORKS], "...")
    return tuple(one.removesuffix("/32").removesuffix("/128") for one in found)


def _around(sources: Numbers) -> Numbers:
    """All from the first to the last of them, and one more at both ends."""
    if not sources.ranges:
        return NOTHING
    return numbers([(sources.ranges[0][0] - 1, sources.ranges[-1][1] + 1)])
