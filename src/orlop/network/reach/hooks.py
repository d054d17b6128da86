"""The chains that a packet meets at one hook, in their order, with conntrack in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.network.reach import packet as of
from orlop.network.reach.chains import Doubt, Passage, State, Walker
from orlop.network.reach.packet import with_conntrack, without_conntrack
from orlop.network.reach.values import word

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.network.reach.conditions import Place
    from orlop.network.reach.packet import Packet
    from orlop.network.reach.ruleset import Chain

_CONNTRACK, _DSTNAT = -200, -100  # NF_IP_PRI_
_TRACKED_AT = ("prerouting", "output")
_BRIDGE, _DEVICE = ("bridge",), ("netdev", "inet")


class Hooks:
    """Hooks of one place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._walker = Walker(place)

    def at(
        self,
        hook: str,
        states: tuple[State, ...],
        translated: Callable[[Packet], Packet] | None = None,
    ) -> Passage:
        """What becomes of packets of IP at a hook.

        Args:
            hook: which.
            states: the packets, all of one version.
            translated: what conntrack makes of them there, where others count on its work.

        Raises:
            TooManyWaysError: too much is unknown.
        """
        version = states[0].packet.version if states else 4
        chains = self._place.ruleset.at(hook, ("ip" if version == 4 else "ip6", "inet"))
        early = [one for one in chains if one.priority < _DSTNAT]
        first = self._through(early, states, hook)
        going = first.going
        if translated is not None:
            going = tuple(one.replace(packet=translated(one.packet)) for one in going)
        late = [one for one in chains if one.priority >= _DSTNAT]
        second = self._through(late, going, hook)
        return Passage(second.going, (*first.ended, *second.ended))

    def in_bridge(self, hook: str, states: tuple[State, ...]) -> Passage:
        """What becomes of frames at a hook of bridges."""
        return self._through(self._place.ruleset.at(hook, _BRIDGE), states, hook)

    def at_device(self, hook: str, device: str, states: tuple[State, ...]) -> Passage:
        """What becomes of packets at a device's own hook (ingress, egress)."""
        ended: list[State] = []
        for chain in self._place.ruleset.at(hook, _DEVICE):
            if not chain.rules or (chain.devices and device not in chain.devices):
                continue
            passage = self._walker.base(chain, states)
            if not chain.devices:  # older libraries do not tell whose chain it is
                passage = _perhaps(passage, states, chain)
            states = passage.going
            ended += passage.ended
        return Passage(states, tuple(ended))

    def _through(
        self, chains: list[Chain] | tuple[Chain, ...], states: tuple[State, ...], hook: str
    ) -> Passage:
        ended: list[State] = []
        for chain in chains:
            if not states:
                break
            passage = self._one(chain, states, hook)
            states = passage.going
            ended += passage.ended
        return Passage(states, tuple(ended))

    def _one(self, chain: Chain, states: tuple[State, ...], hook: str) -> Passage:
        if chain.kind == "nat":
            asked = tuple(one for one in states if _is_translated(one, hook))
            others = tuple(one for one in states if one not in asked)
            passage = self._walker.base(chain, asked)
            return passage.replace(going=(*passage.going, *others))
        if chain.priority < _CONNTRACK and hook in _TRACKED_AT and chain.family != "bridge":
            return self._before_conntrack(chain, states)
        return self._walker.base(chain, states)

    def _before_conntrack(self, chain: Chain, states: tuple[State, ...]) -> Passage:
        going: list[State] = []
        ended: list[State] = []
        for state in states:
            unknown = state.replace(packet=without_conntrack(state.packet))
            passage = self._walker.base(chain, (unknown,))
            ended += passage.ended
            going += (
                one.replace(packet=with_conntrack(one.packet, state.packet))
                for one in passage.going
            )
        return Passage(tuple(going), tuple(ended))


def _is_translated(state: State, hook: str) -> bool:
    """Whether chains that translate addresses see it: once for each connection and direction."""
    is_new = state.packet.get(of.STATE) == word("new")
    return is_new and not (hook in _TRACKED_AT and state.packet.is_redirected)


def _perhaps(passage: Passage, states: tuple[State, ...], chain: Chain) -> Passage:
    """The passage of a chain of which it is not known whether it concerns these packets."""
    if not passage.ended:
        return passage
    rule = chain.rules[0]
    yes, no = Doubt(rule, fits=True), Doubt(rule, fits=False)
    doubted = tuple(one.replace(unsure=(*one.unsure, yes)) for one in passage.ended)
    past = tuple(one.replace(unsure=(*one.unsure, no)) for one in states)
    return Passage(past, doubted)
