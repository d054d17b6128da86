"""Several outcomes in one word, and the rule that says most about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.network.host_firewall import COPY_OF
from orlop.network.reach.chains import Decision, Verdict
from orlop.network.reach.journey import Answer, Reaches
from orlop.network.reach.values import Numbers, numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PARTLY = "partly"
"""Some sources do, and others do not; which is known."""


def simplified(found: Sequence[Answer], own: str) -> tuple[Answer, ...]:
    """The answers, those that say the same as one; what makes no difference is left out.

    Args:
        found: all that can become of connections.
        own: the name of the engine's table.
    """
    if len({answer.reaches for answer in found}) == 1 and found[0].reaches != Reaches.DEPENDS:
        found = _each_source_once(found)
    doubted = [one for one in found if one.depends]
    plain = [one for one in found if not one.depends]
    together = (_together(group) for group in _groups(plain, own))
    return (*together, *_doubts(doubted))


def _each_source_once(found: Sequence[Answer]) -> list[Answer]:
    """What is so in any case does not depend on anything: of several reasons one will do."""
    once: dict[Numbers, Answer] = {}
    for answer in found:
        once.setdefault(answer.sources, answer.replace(depends=()))
    return list(once.values())


def _groups(found: Iterable[Answer], own: str) -> Iterable[list[Answer]]:
    groups: dict[tuple[object, ...], list[Answer]] = {}
    for answer in found:
        decision = deciding(answer, own)
        at = None if decision is None else (*_chain_key(decision), _handle(decision))
        groups.setdefault((answer.reaches, answer.reason, at), []).append(answer)
    return groups.values()


def _chain_key(decision: Decision) -> tuple[str, str, str]:
    chain = decision.chain
    return chain.family, chain.table, chain.name


def _handle(decision: Decision) -> int:
    return 0 if decision.rule is None else decision.rule.handle


def _together(group: Sequence[Answer]) -> Answer:
    return group[0].replace(sources=_sources(group))


def _sources(group: Iterable[Answer]) -> Numbers:
    return numbers(one for answer in group for one in answer.sources.ranges)


def _doubts(doubted: Sequence[Answer]) -> tuple[Answer, ...]:
    """What cannot be told, as one answer with all the rules that it depends on."""
    if not doubted:
        return ()
    rules = dict.fromkeys(
        (rule.family, rule.table, rule.handle) for one in doubted for rule in one.depends
    )
    by_key = {(r.family, r.table, r.handle): r for one in doubted for r in one.depends}
    depends = tuple(by_key[key] for key in rules)
    return (Answer(Reaches.DEPENDS, _sources(doubted), doubted[0].decisions, depends),)


def in_a_word(found: Sequence[Answer]) -> str:
    """Yes, no, partly or depends."""
    kinds = {answer.reaches for answer in found}
    if not kinds:
        return Reaches.NO.value
    if Reaches.DEPENDS in kinds:
        return Reaches.DEPENDS.value
    if len(kinds) == 1:
        return kinds.pop().value
    yes, no = (
        _sources(one for one in found if one.reaches is kind) for kind in (Reaches.YES, Reaches.NO)
    )
    return Reaches.DEPENDS.value if (yes & no).ranges else PARTLY


def deciding(answer: Answer, own: str) -> Decision | None:
    """The decision that says most: what has refused, or else what has let through.

    That is a rule of the host's before one of the engine's own, and the change of the destination
    before the mere passing. None if there is no rule at all.
    """
    decisions = answer.decisions
    if answer.reaches is Reaches.NO:
        return decisions[-1] if decisions and not answer.reason else None
    by_rules = [one for one in decisions if one.rule is not None]
    accepting = [one for one in by_rules if one.verdict is Verdict.ACCEPT]
    redirecting = [one for one in by_rules if one.verdict is Verdict.REDIRECT]
    accepting = [one for one in accepting if one.chain.kind != "nat"]
    foreign = [one for one in accepting if not is_own(one, own)]
    for choice in (foreign[-1:], redirecting[-1:], accepting[:1]):
        if choice:
            return choice[0]
    return None


def is_own(decision: Decision, own: str) -> bool:
    """Whether a decision is the engine's own, and not a copy of the host's."""
    rule, table = decision.rule, decision.chain.table
    is_copy = rule is not None and rule.comment.startswith(COPY_OF)
    return table in (own, f"{own}_host") and not is_copy
