"""Whether a connection comes to be: a packet to a container, and the answer back.

The way of a packet by Netfilter's hooks:

    from a device    ingress, prerouting, then input (this host) or forward and postrouting
    from this host   output, then postrouting
    in one bridge    the bridge's own hooks, and with br_netfilter the others as well
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from orlop.network.reach import packet as of
from orlop.network.reach.chains import Decision, Passage, State, TooManyWaysError, Verdict
from orlop.network.reach.hooks import Hooks
from orlop.network.reach.packet import Packet, answer_to, new_packet
from orlop.network.reach.values import NOTHING, Absent, Flags, Numbers, of_networks, word
from orlop.records import Record

if TYPE_CHECKING:
    from orlop.network.addresses import Subnet
    from orlop.network.reach.conditions import Place
    from orlop.network.reach.ruleset import Rule


class Facts(Record):
    """What the host has besides rules.

    Attributes:
        place: its rules and addresses.
        forwards4, forwards6: it passes packets on.
        silent4: devices from which it does not pass on packets of IPv4 nevertheless.
        localnets: devices by which 127.0.0.0/8 may be reached (route_localnet).
        loopbacks6: devices by which answers to ::1 are let in.
        filters_bridges4, filters_bridges6: what is in a bridge is shown to the rules
            (br_netfilter).
    """

    place: Place
    forwards4: bool = True
    forwards6: bool = True
    silent4: frozenset[str] = frozenset()
    localnets: frozenset[str] = frozenset()
    loopbacks6: frozenset[str] = frozenset()
    filters_bridges4: bool = False
    filters_bridges6: bool = False

    def forwards(self, version: int) -> bool:
        """Whether packets of a version are passed on."""
        return self.forwards4 if version == 4 else self.forwards6

    def filters_bridges(self, version: int) -> bool:
        """Whether what is in a bridge meets the rules for packets of a version."""
        return self.filters_bridges4 if version == 4 else self.filters_bridges6


class Origin(Record):
    """Where connections come from.

    Attributes:
        device: by which they come in; "" if they are this host's own.
        sources: their addresses.
    """

    device: str
    sources: Numbers


class Goal(Record):
    """A port of a container, and how it is asked for.

    Attributes:
        version: 4 or 6.
        protocol: tcp, udp or sctp.
        asked: the address and the port that a client uses.
        address, port: the container's own.
        bridge: the device of its network.
        device: its own device on the host.
        gateway: the host's address at the bridge, which it has for what is masqueraded.
        is_isolated: it does not reach, and is not reached by, others at its bridge.
        knows: networks to which the container has a route.
    """

    version: int
    protocol: str
    asked: tuple[int, int]
    address: int
    port: int
    bridge: str
    device: str
    gateway: int = 0
    is_isolated: bool = False
    knows: tuple[Subnet, ...] = ()


class Reaches(enum.Enum):
    """Whether a connection comes to be."""

    YES = "yes"
    NO = "no"
    DEPENDS = "depends"


class Answer(Record):
    """What becomes of connections from some sources.

    Attributes:
        reaches: whether they come to be.
        sources: from where.
        decisions: of rules and policies, in order.
        depends: rules of which it cannot be told whether they fit.
        reason: what else decides, "" if rules do; for people.
        hint: what to do about it, "" if nothing comes to mind.
    """

    reaches: Reaches
    sources: Numbers
    decisions: tuple[Decision, ...] = ()
    depends: tuple[Rule, ...] = ()
    reason: str = ""
    hint: str = ""


class Judge:
    """Says what becomes of connections, by the facts of one moment."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._hooks = Hooks(facts.place)

    def answers(self, origin: Origin, goal: Goal) -> tuple[Answer, ...]:
        """All that can become of connections from somewhere to a port of a container."""
        try:
            return tuple(_Journey(self._facts, self._hooks, origin, goal).made())
        except TooManyWaysError:
            why = "more rules cannot be told than can be followed"
            return (Answer(Reaches.DEPENDS, origin.sources, reason=why),)


class _Journey:
    """One connection, there and back."""

    def __init__(self, facts: Facts, hooks: Hooks, origin: Origin, goal: Goal) -> None:
        self._facts = facts
        self._origin = origin
        self._goal = goal
        self._hooks = hooks
        self._found: list[Answer] = []

    def made(self) -> list[Answer]:
        goal, origin = self._goal, self._origin
        first = new_packet(goal.version, goal.protocol, origin.sources, *goal.asked)
        first = first.having(iif=word(origin.device) if origin.device else Absent(), oif=Absent())
        arrived = self._there((State(first),))
        for state in arrived:
            for back in self._back(state):
                sources = back.packet.fields[of.TARGET]
                assert isinstance(sources, Numbers)  # noqa: S101 - it is made of the sources
                self._found.append(Answer(Reaches.YES, sources, state.decisions, _doubted(back)))
        return self._found

    # --- there --------------------------------------------------------------------------------

    def _there(self, states: tuple[State, ...]) -> tuple[State, ...]:
        """Those that arrive at the container; of the others is told why they do not."""
        if self._is_in_one_bridge():
            return self._bridged(states)
        if not self._origin.device:
            out = "lo" if self._is_local(self._goal.asked[0]) else self._goal.bridge
            states = _with(states, oif=out, owner=True)
            states = _with(self._by("output", states), owner=False)
            if not self._goal.bridge:
                return self._by("input", _with(self._by("postrouting", states), iif="lo"))
            return self._out(self._for_container(states))
        states = self._passed(self._hooks.at_device("ingress", self._origin.device, states))
        states = self._for_container(self._by("prerouting", states))
        if not self._goal.bridge:
            return self._by("input", states)
        return self._out(self._forwarded(states))

    def _is_in_one_bridge(self) -> bool:
        same = self._origin.device == self._goal.bridge != ""
        return same and self._goal.asked == (self._goal.address, self._goal.port)

    def _is_local(self, address: int) -> bool:
        return bool((self._facts.place.local(self._goal.version) & _one(address)).ranges)

    def _for_container(self, states: tuple[State, ...]) -> tuple[State, ...]:
        """Those that are for the container's port, now that rules have decided upon that."""
        found: list[State] = []
        for state in states:
            goal, packet = self._goal, state.packet
            if (packet.target, packet.port) == (goal.address, goal.port):
                found.append(state)
            elif self._is_local(packet.target):
                self._end(state, "no rule leads from there to the container")
            else:
                self._end(state, "a rule leads to another place")
        return tuple(found)

    def _forwarded(self, states: tuple[State, ...]) -> tuple[State, ...]:
        name = self._closed_setting()
        if name:
            for state in states:
                self._end(state, f"the host does not pass packets on: {name} is 0", f"{name}=1")
            return ()
        return self._by("forward", _with(states, oif=self._goal.bridge))

    def _closed_setting(self) -> str:
        """The setting because of which packets are not passed on, "" if they are."""
        version, device = self._goal.version, self._origin.device
        if not self._facts.forwards(version):
            return "net.ipv4.ip_forward" if version == 4 else "net.ipv6.conf.all.forwarding"
        if version == 4 and device in self._facts.silent4:
            return f"net.ipv4.conf.{device}.forwarding"
        return ""

    def _out(self, states: tuple[State, ...]) -> tuple[State, ...]:
        """Out by the bridge."""
        states = self._loopback(_with(states, oif=self._goal.bridge))
        states = self._by("postrouting", states)
        for hook in ("output", "postrouting"):
            states = self._frames(hook, states, self._goal.device)
        states = self._passed(self._hooks.at_device("egress", self._goal.device, states))
        return self._answerable(states)

    def _loopback(self, states: tuple[State, ...]) -> tuple[State, ...]:
        """What the host sends to itself has to be let out, and the answer in."""
        bridge = self._goal.bridge
        version4 = self._goal.version == 4
        if self._origin.device or not _is_loopback(self._goal.asked[0], version4=version4):
            return states
        let = self._facts.localnets if version4 else self._facts.loopbacks6
        if bridge in let:
            return states
        reason = f"net.ipv4.conf.{bridge}.route_localnet is 0"
        hint = f"net.ipv4.conf.{bridge}.route_localnet=1"
        if not version4:
            reason = "answers to ::1 get lost: net.bridge.bridge-nf-call-ip6tables is 1"
            hint = "net.bridge.bridge-nf-call-ip6tables=0"
            if not self._facts.filters_bridges(6):
                reason, hint = f"{bridge} has no route by which answers to ::1 come in", ""
        for state in states:
            self._end(state, reason, hint)
        return ()

    def _answerable(self, states: tuple[State, ...]) -> tuple[State, ...]:
        """Those to which the container has a route."""
        if not self._goal.knows:
            return states
        near = of_networks(*self._goal.knows)
        found = []
        for state in states:
            source = state.packet.source
            known = source & near
            if _is_masqueraded(state) or not (source - near).ranges:
                found.append(state)
                continue
            far = state.replace(packet=state.packet.having(source=source - near))
            self._end(far, "the container has no route back: its network is internal")
            if known.ranges:
                found.append(state.replace(packet=state.packet.having(source=known)))
        return tuple(found)

    def _bridged(self, states: tuple[State, ...]) -> tuple[State, ...]:
        if self._goal.is_isolated:
            for state in states:
                self._end(state, "containers of this network are isolated from each other")
            return ()
        return self._in_bridge(states)

    def _in_bridge(self, states: tuple[State, ...]) -> tuple[State, ...]:
        """From one port of the bridge to another."""
        bridge = self._goal.bridge
        filters = self._facts.filters_bridges(self._goal.version)
        for hook in ("prerouting", "forward", "postrouting"):
            states = self._frames(hook, states)
            if filters:
                oif = None if hook == "prerouting" else bridge
                states = self._by(hook, _with(states, iif=bridge, oif=oif))
        return states

    # --- back ---------------------------------------------------------------------------------

    def _back(self, state: State) -> tuple[State, ...]:
        """The answers to a packet that has arrived, as far as they come back."""
        goal = self._goal
        asked = state.packet.having(source=state.packet.source)
        answer = answer_to(state.packet, asked)
        answer = answer.having(iif=word(goal.bridge), oif=Absent())
        states: tuple[State, ...] = (State(answer, state.decisions, state.unsure),)
        if self._is_in_one_bridge():
            return self._in_bridge(states)
        if not goal.bridge:
            return self._from_host(states)
        states = self._passed(self._hooks.at_device("ingress", goal.device, states))
        for hook in ("prerouting", "input"):
            states = self._frames(hook, states)
        states = self._by_translated("prerouting", states, state)
        if not self._origin.device:
            return self._by("input", states)
        states = self._by("forward", _with(states, oif=self._origin.device))
        states = self._by("postrouting", states)
        return self._passed(self._hooks.at_device("egress", self._origin.device, states))

    def _from_host(self, states: tuple[State, ...]) -> tuple[State, ...]:
        """Answers of a container that has the host's network."""
        out = self._origin.device or "lo"
        states = _with(states, oif=out, owner=True)
        states = self._by("postrouting", self._by("output", states))
        if not self._origin.device:
            return self._by("input", _with(states, iif="lo", owner=False))
        return self._passed(self._hooks.at_device("egress", out, states))

    def _by_translated(
        self, hook: str, states: tuple[State, ...], sent: State
    ) -> tuple[State, ...]:
        """Past the rules of a hook where conntrack gives answers their destination back."""
        if not _is_masqueraded(sent):
            return self._by(hook, states)
        sources = sent.packet.fields[of.SOURCE]
        gateway = _one(self._goal.gateway)

        def translated(packet: Packet) -> Packet:
            return packet.having(target=sources)

        hidden = (one.replace(packet=one.packet.having(target=gateway)) for one in states)
        passage = self._hooks.at(hook, tuple(hidden), translated)
        ended = (one.replace(packet=translated(one.packet)) for one in passage.ended)
        return self._passed(passage.replace(ended=tuple(ended)))

    # --- on the way ---------------------------------------------------------------------------

    def _frames(self, hook: str, states: tuple[State, ...], device: str = "") -> tuple[State, ...]:
        """Past the rules of a hook of bridges, for which the devices are the bridge's ports."""
        passage = self._hooks.in_bridge(hook, _ported(states, device))
        if not states:
            return ()
        fields = states[0].packet.fields
        going = self._passed(passage)
        kept = {name: fields[name] for name in (of.IN, of.OUT) if name in fields}
        return tuple(
            one.replace(packet=one.packet.replace(fields={**one.packet.fields, **kept}))
            for one in going
        )

    def _by(self, hook: str, states: tuple[State, ...]) -> tuple[State, ...]:
        return self._passed(self._hooks.at(hook, states)) if states else ()

    def _passed(self, passage: Passage) -> tuple[State, ...]:
        """Those that go on; of the others is told what has ended them."""
        for state in passage.ended:
            is_unknown = state.decisions[-1].verdict is Verdict.UNKNOWN
            reaches = Reaches.DEPENDS if is_unknown else Reaches.NO
            unsure = _doubted(state)
            rule = state.decisions[-1].rule
            if is_unknown and rule is not None:
                unsure = (*unsure, rule)
            self._found.append(
                Answer(reaches, self._clients(state.packet), state.decisions, unsure)
            )
        return passage.going

    def _clients(self, packet: Packet) -> Numbers:
        """Those whose connection a packet belongs to."""
        if packet.get(of.DIRECTION) == word("reply"):
            found = packet.fields[of.TARGET]
            return found if isinstance(found, Numbers) else NOTHING
        return packet.source

    def _end(self, state: State, reason: str, hint: str = "") -> None:
        sources = self._clients(state.packet)
        answer = Answer(Reaches.NO, sources, state.decisions, _doubted(state), reason, hint)
        self._found.append(answer)


def _doubted(state: State) -> tuple[Rule, ...]:
    return tuple(doubt.rule for doubt in state.unsure)


def _one(address: int) -> Numbers:
    return Numbers(((address, address),))


def _is_loopback(address: int, *, version4: bool) -> bool:
    return address >> 24 == 127 if version4 else address == 1


def _is_masqueraded(state: State) -> bool:
    status = state.packet.get(of.STATUS)
    return isinstance(status, Flags) and "snat" in status.words


def _with(
    states: tuple[State, ...],
    *,
    iif: str | None = None,
    oif: str | None = None,
    owner: bool | None = None,
) -> tuple[State, ...]:
    """The packets with other devices, and with or without a program of this host behind them."""
    found = []
    for state in states:
        packet = state.packet
        if iif is not None:
            packet = packet.having(iif=word(iif))
        if oif is not None:
            packet = packet.having(oif=word(oif))
        if owner is not None:
            packet = packet.forgetting(of.OWNER) if owner else packet.having(owner=Absent())
        found.append(state.replace(packet=packet))
    return tuple(found)


def _ported(states: tuple[State, ...], port: str) -> tuple[State, ...]:
    """Frames in a bridge: their devices are its ports, as far as these are known."""
    found = []
    for state in states:
        packet = state.packet.forgetting(of.IN)
        packet = packet.having(oif=word(port)) if port else packet.forgetting(of.OUT)
        found.append(state.replace(packet=packet))
    return tuple(found)
