"""Packets on their way through chains, with all outcomes that they can have."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from orlop.network.reach import packet as of
from orlop.network.reach.conditions import Conditions, Fork, Place, field_of
from orlop.network.reach.values import Flags, Value, number, parse_number, word
from orlop.network.reach.wanted import UnknownError
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orlop.network.reach.packet import Packet
    from orlop.network.reach.ruleset import Chain, Rule

    Json = Any

_MOST_STATES = 64
_DEEPEST = 16  # NFT_JUMP_STACK_SIZE
_UNKNOWN_ENDS = ("queue", "tproxy", "fwd", "synproxy")
"""What they make of a packet is up to programs, or to another way of passing it on."""
_LOOKS_ON = ("LOG", "NFLOG", "TRACE", "CLASSIFY", "AUDIT", "LED")
"""Targets of iptables that decide nothing."""


class Verdict(enum.Enum):
    """What becomes of a packet."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    REDIRECT = "redirect"
    UNKNOWN = "unknown"


class Decision(Record):
    """What a rule, or the policy of a chain, has decided.

    Attributes:
        verdict: that.
        chain: where.
        rule: which; None for the policy.
    """

    verdict: Verdict
    chain: Chain
    rule: Rule | None = None


class Doubt(Record):
    """A rule of which it is not known whether it fits, and which way the packet has gone."""

    rule: Rule
    fits: bool


class State(Record):
    """A packet on its way.

    Attributes:
        packet: what is known of it here.
        decisions: by which it has come so far.
        unsure: what is not known, and makes a difference.
    """

    packet: Packet
    decisions: tuple[Decision, ...] = ()
    unsure: tuple[Doubt, ...] = ()

    def after(self, decision: Decision) -> State:
        """The state after one more decision."""
        return self.replace(decisions=(*self.decisions, decision))


class TooManyWaysError(Exception):
    """So many rules cannot be told that their ways cannot be followed."""


class Passage(Record):
    """What states have become.

    Attributes:
        going: they go on where they were.
        ended: a verdict was spoken; it is the last of their decisions.
    """

    going: tuple[State, ...]
    ended: tuple[State, ...]


class _Effect(Record):
    """What an expression makes of a state.

    Attributes:
        on: goes on with the rule.
        past: goes on with the next rule.
        back: goes on behind the chain.
        ended: has a verdict.
    """

    on: tuple[State, ...] = ()
    past: tuple[State, ...] = ()
    back: tuple[State, ...] = ()
    ended: tuple[State, ...] = ()


class Walker:
    """Leads packets through the chains of one place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._conditions = Conditions(place)

    def base(self, chain: Chain, states: Iterable[State]) -> Passage:
        """What a chain with a hook makes of packets; those that it accepts go on.

        Raises:
            TooManyWaysError: too much is unknown.
        """
        found = self._chain(chain, tuple(states), 0)
        verdict = Verdict.DROP if chain.policy == "drop" else Verdict.ACCEPT
        policy = Decision(verdict, chain)
        ended = [one for one in found.ended if not _is_passed(one)]
        going = [one for one in found.ended if _is_passed(one)]
        for state in found.going:
            if verdict is Verdict.DROP:
                ended.append(state.after(policy))
            else:
                going.append(state)
        return Passage(_merged(going), tuple(ended))

    def _chain(self, chain: Chain, states: tuple[State, ...], depth: int) -> Passage:
        ended: list[State] = []
        back: list[State] = []
        for rule in chain.rules:
            following: list[State] = []
            for state in states:
                effect = self._rule(rule, chain, state, depth)
                following += effect.past
                back += effect.back
                ended += effect.ended
            states = _merged(following)
            if len(states) + len(back) + len(ended) > _MOST_STATES:
                raise TooManyWaysError
            if not states:
                break
        return Passage(_merged((*states, *back)), tuple(ended))

    def _rule(self, rule: Rule, chain: Chain, state: State, depth: int) -> _Effect:
        if not _decides(rule):
            return _Effect(past=(state,))
        on: tuple[State, ...] = (state,)
        total = _Effect()
        for expression in rule.expressions:
            effects = [self._expression(expression, rule, chain, one, depth) for one in on]
            on = tuple(one for effect in effects for one in effect.on)
            total = _added(total, effects)
        return total.replace(past=(*total.past, *on), on=())

    def _expression(
        self, expression: Json, rule: Rule, chain: Chain, state: State, depth: int
    ) -> _Effect:
        (kind, value), *_ = expression.items()
        match kind:
            case "match":
                table = (rule.family, rule.table)
                return _forked(self._conditions.fork(value, state.packet, table), rule, state)
            case "accept" | "drop" | "reject" | "return" | "jump" | "goto" | "continue":
                return self._verdict(expression, rule, chain, state, depth)
            case "vmap":
                return self._mapped(value, rule, chain, state, depth)
            case "dnat" | "redirect":
                return self._redirected(value, rule, chain, state)
            case "masquerade" | "snat":
                return _ended(Verdict.ACCEPT, rule, chain, _flagged(state, "snat"))
            case "mangle":
                return _Effect(on=(self._mangled(value, state),))
            case "notrack":
                untracked = state.packet.having(state=word("untracked"))
                return _Effect(on=(state.replace(packet=untracked),))
            case "xt" if value.get("type") == "target" and value.get("name") in _LOOKS_ON:
                return _Effect(on=(state,))
            case "xt" if value.get("type") == "target":
                return _ended(Verdict.UNKNOWN, rule, chain, state)
            case _ if kind in _UNKNOWN_ENDS:
                return _ended(Verdict.UNKNOWN, rule, chain, state)
        return _Effect(on=(_unsure(state, rule),), past=(_unsure(state, rule, fits=False),))

    def _verdict(
        self, expression: Json, rule: Rule, chain: Chain, state: State, depth: int
    ) -> _Effect:
        (kind, value), *_ = expression.items()
        match kind:
            case "accept":
                return _ended(Verdict.ACCEPT, rule, chain, state)
            case "drop":
                return _ended(Verdict.DROP, rule, chain, state)
            case "reject":
                return _ended(Verdict.REJECT, rule, chain, state)
            case "return":
                return _Effect(back=(state,))
            case "jump" | "goto":
                return self._jumped(kind, value["target"], rule, chain, state, depth)
        return _Effect(past=(state,))

    def _jumped(
        self, kind: str, name: str, rule: Rule, chain: Chain, state: State, depth: int
    ) -> _Effect:
        target = self._place.ruleset.chains.get((rule.family, rule.table, name))
        if target is None or depth >= _DEEPEST:
            return _ended(Verdict.UNKNOWN, rule, chain, state)
        found = self._chain(target, (state,), depth + 1)
        if kind == "goto":
            return _Effect(back=found.going, ended=found.ended)
        return _Effect(on=found.going, ended=found.ended)

    # --- maps ---------------------------------------------------------------------------------

    def _mapped(self, vmap: Json, rule: Rule, chain: Chain, state: State, depth: int) -> _Effect:
        def verdict(value: Json, found: State) -> _Effect:
            return self._verdict(value, rule, chain, found, depth)

        return self._looked_up(vmap, rule, state, verdict)

    def _looked_up(
        self, table: Json, rule: Rule, state: State, use: Callable[[Json, State], _Effect]
    ) -> _Effect:
        """What becomes of a state by what a map has for it; what it has nothing for goes past."""
        try:
            found, rest = self._conditions.look_up(
                table["key"], table["data"], state.packet, (rule.family, rule.table)
            )
        except UnknownError:
            unsure, none = _unsure(state, rule), _unsure(state, rule, fits=False)
            every = self._conditions.values(table["data"], (rule.family, rule.table))
            return _added(_Effect(past=(none,)), [use(value, unsure) for value in every])
        effects = [use(value, state.replace(packet=packet)) for packet, value in found]
        past = () if rest is None else (state.replace(packet=rest),)
        return _added(_Effect(past=past), effects)

    # --- changes ------------------------------------------------------------------------------

    def _redirected(self, described: Json, rule: Rule, chain: Chain, state: State) -> _Effect:
        described = described or {}
        family = described.get("family")
        if family and (family == "ip") != (state.packet.version == 4):
            return _Effect(past=(state,))
        address, port = described.get("addr"), described.get("port")
        if isinstance(address, dict) and "map" in address:

            def use(value: Json, found: State) -> _Effect:
                where = value["concat"] if isinstance(value, dict) else [value, port]
                return self._sent_on(where, rule, chain, found)

            return self._looked_up(address["map"], rule, state, use)
        return self._sent_on([address, port], rule, chain, state)

    def _sent_on(self, where: list[Json], rule: Rule, chain: Chain, state: State) -> _Effect:
        address, port = where
        packet = state.packet
        target: Value | None
        if address is None:  # to a port of this host
            local = self._place.local(packet.version).ranges
            target = number(local[0][0]) if local else None
        else:
            target = _single_address(address)
        if target is None or not (port is None or isinstance(port, int)):
            return _ended(Verdict.UNKNOWN, rule, chain, state)
        packet = packet.having(target=target)
        if port is not None:
            packet = packet.having(port=number(port))
        changed = _flagged(state.replace(packet=packet), "dnat")
        return _ended(Verdict.REDIRECT, rule, chain, changed)

    def _mangled(self, described: Json, state: State) -> State:
        try:
            field = field_of(described["key"])
        except UnknownError:
            return state
        value = self._assigned(described["value"], state.packet)
        packet = state.packet.forgetting(field.name)
        if value is not None:
            packet = packet.narrowed(field.name, value)
        return state.replace(packet=packet)

    def _assigned(self, value: Json, packet: Packet) -> Value | None:
        if isinstance(value, int):
            return number(value)
        try:
            return self._conditions.value(field_of(value), packet)
        except UnknownError:
            return None


def _single_address(address: Json) -> Value | None:
    found = parse_number(address) if isinstance(address, str) else None
    return None if found is None else number(found)


def _flagged(state: State, flag: str) -> State:
    known = state.packet.get(of.STATUS)
    flags = known.words if isinstance(known, Flags) else frozenset()
    return state.replace(packet=state.packet.having(status=Flags(flags | {flag})))


def _forked(fork: Fork, rule: Rule, state: State) -> _Effect:
    if not fork.is_known:
        return _Effect(on=(_unsure(state, rule),), past=(_unsure(state, rule, fits=False),))
    on = () if fork.yes is None else (state.replace(packet=fork.yes),)
    past = () if fork.no is None else (state.replace(packet=fork.no),)
    return _Effect(on=on, past=past)


def _unsure(state: State, rule: Rule, *, fits: bool = True) -> State:
    others = (doubt for doubt in state.unsure if doubt.rule != rule)
    return state.replace(unsure=(*others, Doubt(rule, fits)))


def _ended(verdict: Verdict, rule: Rule, chain: Chain, state: State) -> _Effect:
    return _Effect(ended=(state.after(Decision(verdict, chain, rule)),))


def _added(total: _Effect, more: Iterable[_Effect]) -> _Effect:
    for effect in more:
        total = _Effect(
            (*total.on, *effect.on),
            (*total.past, *effect.past),
            (*total.back, *effect.back),
            (*total.ended, *effect.ended),
        )
    return total


def _is_passed(state: State) -> bool:
    return state.decisions[-1].verdict in (Verdict.ACCEPT, Verdict.REDIRECT)


_DECIDING = frozenset(
    ("accept", "drop", "reject", "return", "jump", "goto", "vmap", "xt", *_UNKNOWN_ENDS)
).union(("dnat", "redirect", "snat", "masquerade", "mangle", "notrack"))


def _decides(rule: Rule) -> bool:
    """Whether it makes a difference for anybody."""
    return any(
        not _DECIDING.isdisjoint(one) and not ("xt" in one and one["xt"].get("type") == "match")
        for one in rule.expressions
    )


def _merged(states: Iterable[State]) -> tuple[State, ...]:
    """States with the same packet are one: what led to them makes no difference any more."""
    found: dict[frozenset[tuple[str, Value]], State] = {}
    for state in states:
        key = frozenset(state.packet.fields.items())
        other = found.get(key)
        if other is None:
            found[key] = state
        elif other.unsure:
            both = tuple(doubt for doubt in other.unsure if doubt in state.unsure)
            found[key] = other.replace(unsure=both)
    return tuple(found.values())
