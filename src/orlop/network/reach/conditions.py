"""For which packets the conditions of a rule hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orlop.network.reach import packet as of
from orlop.network.reach.values import (
    Absent,
    Flags,
    Numbers,
    Value,
    Wanted,
    Words,
    divide,
    number,
    parse_number,
    word,
)
from orlop.network.reach.wanted import UnknownError, combinations, compared, together, wanted
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orlop.network.reach.packet import Packet
    from orlop.network.reach.ruleset import Ruleset

    Json = Any


class Place(Record):
    """Where rules are applied.

    Attributes:
        ruleset: all rules there.
        local4, local6: the addresses that are there itself, loopback ones too.
    """

    ruleset: Ruleset
    local4: Numbers
    local6: Numbers

    def local(self, version: int) -> Numbers:
        """The addresses of one version."""
        return self.local4 if version == 4 else self.local6


class Fork(Record):
    """What a condition makes of a packet.

    Attributes:
        yes: those for which it holds; None if there are none.
        no: the others.
        is_known: False if it cannot be told which is which: then both may be all of them.
    """

    yes: Packet | None
    no: Packet | None
    is_known: bool = True


class Field(Record):
    """A field that a condition is about.

    Attributes:
        name: as in `orlop.network.reach.packet`.
        only: what a packet has to be to have it: a field and the words for that.
    """

    name: str
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Map(Record):
    """A map of nftables.

    Attributes:
        entries: keys, as the right side of a condition, and values.
        plain: the same by constants; None if a key is a range, or other than that.
    """

    entries: tuple[tuple[Json, Json], ...]
    plain: Mapping[tuple[int | str, ...], Json] | None


_NO_VALUE = object()
_IPV4, _IPV6 = (of.FAMILY, ("ipv4",)), (of.FAMILY, ("ipv6",))
_TRANSPORTS = ("tcp", "udp", "sctp", "dccp", "udplite")
_METAS = {"iif": of.IN, "oif": of.OUT, "iifname": of.IN, "oifname": of.OUT}
_PAYLOADS = {
    ("ip", "saddr"): Field(of.SOURCE, (_IPV4,)),
    ("ip", "daddr"): Field(of.TARGET, (_IPV4,)),
    ("ip6", "saddr"): Field(of.SOURCE, (_IPV6,)),
    ("ip6", "daddr"): Field(of.TARGET, (_IPV6,)),
    ("ip", "protocol"): Field(of.PROTOCOL, (_IPV4,)),
    ("ip6", "nexthdr"): Field(of.PROTOCOL, (_IPV6,)),
    ("ip", "version"): Field("ip version", (_IPV4,)),
    ("ip6", "version"): Field("ip version", (_IPV6,)),
}
_CT_ORIGINAL = {
    "daddr": Field(of.ORIGINAL_TARGET),
    "ip daddr": Field(of.ORIGINAL_TARGET, (_IPV4,)),
    "ip6 daddr": Field(of.ORIGINAL_TARGET, (_IPV6,)),
    "proto-dst": Field(of.ORIGINAL_PORT),
}
_ETHERTYPES = {"ipv4": "ip", "ipv6": "ip6"}
_ETHERTYPE = "meta protocol"
_FIB = "fib "


def field_of(left: Json) -> Field:
    """The field on the left side of a condition.

    Raises:
        UnknownError: it is none that is known here.
    """
    match left:
        case {"meta": {"key": str(key)}}:
            return Field(_METAS.get(key, f"meta {key}"))
        case {"payload": {"protocol": str(protocol), "field": str(field)}}:
            return _payload(protocol, field)
        case {"ct": {"key": str(key), "dir": "original"}} if key in _CT_ORIGINAL:
            return _CT_ORIGINAL[key]
        case {"ct": {"key": str(key), **rest}} if not rest:
            return Field(f"ct {key}")
        case {"fib": {"result": str(result), "flags": list(flags)}}:
            return Field(f"{_FIB}{'.'.join(sorted(flags))} {result}")
    raise UnknownError


def _payload(protocol: str, field: str) -> Field:
    if (protocol, field) in _PAYLOADS:
        return _PAYLOADS[protocol, field]
    if protocol == "ether" and field == "type":
        return Field(_ETHERTYPE)
    if protocol == "th" and field in ("sport", "dport"):
        return Field(f"th {field}", ((of.PROTOCOL, _TRANSPORTS),))
    if protocol in _TRANSPORTS:
        name = f"th {field}" if field in ("sport", "dport") else f"{protocol} {field}"
        return Field(name, ((of.PROTOCOL, (protocol,)),))
    if protocol in ("icmp", "icmpv6", "igmp", "esp", "ah"):
        only = "ipv6-icmp" if protocol == "icmpv6" else protocol
        return Field(f"{protocol} {field}", ((of.PROTOCOL, (protocol, only)),))
    raise UnknownError


class Conditions:
    """Conditions of the rules of one place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._combined: dict[tuple[str, str, str], list[tuple[Wanted, ...]]] = {}
        self._maps: dict[tuple[str, str, str], Map] = {}

    def fork(self, match: Json, packet: Packet, table: tuple[str, str]) -> Fork:
        """What a `match` makes of a packet; of one that is not understood nothing is known.

        Args:
            match: with left side, right side and operator.
            packet: what is known of it.
            table: family and name, whose sets the names mean.
        """
        try:
            return self._fork(match, packet, table)
        except UnknownError:
            return Fork(packet, packet, is_known=False)

    def _fork(self, match: Json, packet: Packet, table: tuple[str, str]) -> Fork:
        left, right, op = match["left"], match["right"], match["op"]
        if isinstance(left, dict) and "&" in left:
            return self._masked(left["&"], right, op, packet)
        fields = [field_of(part) for part in _parts(left)]
        if not all(map(packet_has, fields, [packet] * len(fields))):
            return Fork(None, packet)  # of whatever operator: the rule does not fit at all
        if op in ("<", "<=", ">", ">="):
            constant = right if isinstance(right, int) else None
            if constant is None:
                raise UnknownError
            options: list[tuple[Wanted, ...]] = [(Wanted(compared(op, constant)),)]
        else:
            options = self.options(right, table)
        found = self.divided(fields, options, packet, exact=op == "==")
        return Fork(found.no, found.yes, found.is_known) if op == "!=" else found

    def options(self, right: Json, table: tuple[str, str]) -> list[tuple[Wanted, ...]]:
        """What the right side wants, of each field; sets are looked through once.

        Raises:
            UnknownError: it is not understood.
        """
        if isinstance(right, str) and right.startswith("@"):
            key = (*table, right[1:])
            if key not in self._combined:
                found = combinations(right, lambda name: self._elements(name, table))
                self._combined[key] = _together(found)
            return self._combined[key]
        return combinations(right, lambda name: self._elements(name, table))

    def _elements(self, name: str, table: tuple[str, str]) -> Json | None:
        found = self._place.ruleset.sets.get((*table, name))
        if found is None:
            return None
        elements = found.get("elem", [])
        return [one[0] for one in elements] if "map" in found else elements

    def look_up(
        self, key: Json, data: Json, packet: Packet, table: tuple[str, str]
    ) -> tuple[list[tuple[Packet, Json]], Packet | None]:
        """What a map has for a packet: the parts of it with their values, and what is left.

        Raises:
            UnknownError: that cannot be told.
        """
        fields = [field_of(part) for part in _parts(key)]
        if not all(packet_has(field, packet) for field in fields):
            return [], packet
        of_map = self._map(data, table)
        single = _single([self.value(field, packet) for field in fields])
        if single is not None and of_map.plain is not None:
            value = of_map.plain.get(single, _NO_VALUE)
            return ([], packet) if value is _NO_VALUE else ([(packet, value)], None)
        found: list[tuple[Packet, Json]] = []
        rest: Packet | None = packet
        for wants, value in of_map.entries:
            if rest is None:
                break
            fork = self.divided(fields, self.options(wants, table), rest)
            if fork.yes is not None:
                found.append((fork.yes, value))
            rest = fork.no
        return found, rest

    def values(self, data: Json, table: tuple[str, str]) -> list[Json]:
        """All values that a map has, each once."""
        found: list[Json] = []
        for _, value in self._map(data, table).entries:
            if value not in found:
                found.append(value)
        return found

    def _map(self, data: Json, table: tuple[str, str]) -> Map:
        if not isinstance(data, str):
            return _map_of(data.get("set", []) if isinstance(data, dict) else [])
        key = (*table, data.removeprefix("@"))
        if key not in self._maps:
            found = self._place.ruleset.sets.get(key, {})
            self._maps[key] = _map_of(found.get("elem", []))
        return self._maps[key]

    def divided(
        self,
        fields: Sequence[Field],
        options: Sequence[tuple[Wanted, ...]],
        packet: Packet,
        *,
        exact: bool = False,
    ) -> Fork:
        """The packets whose fields are what one of the options wants.

        Raises:
            UnknownError: nothing is known of a field.
        """
        values = [self.value(field, packet) for field in fields]
        if len(fields) == 1:
            return _divided_one(fields[0], values[0], [one[0] for one in options], packet, exact)
        fitting = [one for one in options if _may_fit(values, one)]
        if not fitting:
            return Fork(None, packet)
        undecided = {
            place
            for one in fitting
            for place, (value, want) in enumerate(zip(values, one, strict=True))
            if divide(value, want).no is not None
        }
        if not undecided:
            return Fork(packet, None)
        if len(undecided) > 1:
            raise UnknownError
        place = undecided.pop()
        column = [one[place] for one in fitting]
        return _divided_one(fields[place], values[place], column, packet, exact)

    def value(self, field: Field, packet: Packet) -> Value:
        """What is known of a field.

        Raises:
            UnknownError: nothing is.
        """
        if field.name.startswith(_FIB):
            return self._routed(field.name.removeprefix(_FIB), packet)
        if field.name == _ETHERTYPE:
            return _ethertype(packet)
        found = packet.get(field.name)
        if found is None:
            raise UnknownError
        return found

    def _routed(self, question: str, packet: Packet) -> Value:
        """What the routing tables say; packets come from where their sources are."""
        if question in ("iif.saddr oif", "iif.saddr oifname"):
            return word("there")
        field = {"daddr type": of.TARGET, "saddr type": of.SOURCE}.get(question)
        known = packet.get(field) if field else None
        if not isinstance(known, Numbers):
            raise UnknownError
        local = self._place.local(packet.version)
        if not (known & local).ranges:
            return word("unicast")
        if not (known - local).ranges:
            return word("local")
        raise UnknownError

    def _masked(self, parts: Json, right: Json, op: str, packet: Packet) -> Fork:
        """A condition on some bits of a field."""
        field = field_of(parts[0])
        if not packet_has(field, packet):
            return Fork(None, packet)
        value, mask = self.value(field, packet), parts[1]
        match value:
            case Flags(words):
                masked: Value = Flags(words & frozenset(_listed(mask)))
            case Numbers() if value.single is not None and isinstance(mask, int):
                masked = number(value.single & mask)
            case _:
                raise UnknownError
        found = divided_value(masked, [wanted(right, lambda _: None)], exact=op == "==")
        holds = found[0] is not None
        if op == "!=":
            holds = not holds
        return Fork(packet, None) if holds else Fork(None, packet)


def packet_has(field: Field, packet: Packet) -> bool:
    """Whether a packet has the field, so that a rule about it can fit."""
    for name, words in field.only:
        value = packet.get(name)
        if not isinstance(value, Words) or not value.words.issubset(words):
            return False
    return not isinstance(packet.get(field.name), Absent)


def _map_of(elements: Json) -> Map:
    entries = tuple((one[0], one[1]) for one in elements)
    plain: dict[tuple[int | str, ...], Json] = {}
    for key, value in entries:
        inner = key["elem"]["val"] if isinstance(key, dict) and "elem" in key else key
        parts = inner["concat"] if isinstance(inner, dict) and "concat" in inner else [inner]
        if not all(isinstance(part, int | str) and "*" not in str(part) for part in parts):
            return Map(entries, None)
        plain[tuple(map(_constant, parts))] = value
    return Map(entries, plain)


def _constant(value: int | str) -> int | str:
    if isinstance(value, int):
        return value
    address = parse_number(value)
    return value if address is None else address


def _single(values: Sequence[Value]) -> tuple[int | str, ...] | None:
    """The values of fields, if each can be one only."""
    found: list[int | str] = []
    for value in values:
        match value:
            case Numbers() if value.single is not None:
                found.append(value.single)
            case Words(words) if len(words) == 1:
                found += words
            case _:
                return None
    return tuple(found)


def _together(options: list[tuple[Wanted, ...]]) -> list[tuple[Wanted, ...]]:
    """Options of one field as one."""
    if len(options) < 2 or len(options[0]) > 1:
        return options
    return [(together(option for (option,) in options),)]


def _parts(left: Json) -> list[Json]:
    return left["concat"] if isinstance(left, dict) and "concat" in left else [left]


def _may_fit(values: Sequence[Value], option: Sequence[Wanted]) -> bool:
    if len(values) != len(option):
        raise UnknownError
    both = tuple(zip(values, option, strict=True))
    if any(isinstance(value, Numbers) and not want.is_numeric for value, want in both):
        raise UnknownError
    return all(divide(value, want).yes is not None for value, want in both)


def divided_value(
    value: Value, options: Sequence[Wanted], *, exact: bool
) -> tuple[Value | None, Value | None]:
    """Of a value what is wanted by any option, and what by none.

    Raises:
        UnknownError: it is a number, and something else is wanted.
    """
    want = together(options)
    if isinstance(value, Numbers) and not want.is_numeric:
        raise UnknownError
    if exact and isinstance(value, Flags):
        return (value, None) if value.words == frozenset(want.words) else (None, value)
    found = divide(value, want)
    return found.yes, found.no


def _divided_one(
    field: Field, value: Value, options: Sequence[Wanted], packet: Packet, exact: bool
) -> Fork:
    yes, no = divided_value(value, options, exact=exact)
    return Fork(_with(packet, field, yes), _with(packet, field, no))


def _with(packet: Packet, field: Field, value: Value | None) -> Packet | None:
    if value is None:
        return None
    if packet.get(field.name) is None:  # it is derived from others
        return packet
    return packet.narrowed(field.name, value)


def _ethertype(packet: Packet) -> Value:
    family = packet.get(of.FAMILY)
    if not isinstance(family, Words):
        raise UnknownError
    return Words(frozenset(_ETHERTYPES[one] for one in family.words))


def _listed(mask: Json) -> list[str]:
    match mask:
        case str():
            return [mask]
        case list():
            return [str(one) for one in mask]
        case {"|": list(parts)}:
            return [word for part in parts for word in _listed(part)]
    raise UnknownError
