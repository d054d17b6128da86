"""A packet, as far as it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.network.reach.values import (
    Absent,
    Flags,
    Numbers,
    Value,
    number,
    of_networks,
    word,
)
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.network.addresses import Subnet

IN, OUT = "meta iifname", "meta oifname"
SOURCE, TARGET = "saddr", "daddr"
SOURCE_PORT, TARGET_PORT = "th sport", "th dport"
PROTOCOL, FAMILY = "meta l4proto", "meta nfproto"
STATE, STATUS, DIRECTION = "ct state", "ct status", "ct direction"
MARK, CT_MARK, OWNER = "meta mark", "ct mark", "meta skuid"
ORIGINAL_TARGET, ORIGINAL_PORT = "ct original daddr", "ct original proto-dst"
_CT = "ct "
_PORTS = Numbers(((49152, 60999),))
"""What a client has that does not choose: of Linux's range and that of RFC 6335 what they share."""


class Packet(Record):
    """What is known: a field that is not there may have any value.

    Attributes:
        version: 4 or 6.
        fields: by their names in nft(8); addresses are `saddr` and `daddr` in both versions.
    """

    version: int
    fields: Mapping[str, Value]

    def get(self, field: str) -> Value | None:
        """What is known of a field, None if nothing is."""
        return self.fields.get(field)

    def having(self, **values: Value) -> Packet:
        """The same with other values, by the names of this module's constants in lower case."""
        changed = {_NAMES[name]: value for name, value in values.items()}
        return self.replace(fields={**self.fields, **changed})

    def narrowed(self, field: str, value: Value) -> Packet:
        """The same with something else known of a field."""
        return self.replace(fields={**self.fields, field: value})

    def forgetting(self, field: str) -> Packet:
        """The same with nothing known of a field."""
        return self.replace(fields={k: v for k, v in self.fields.items() if k != field})

    @property
    def source(self) -> Numbers:
        """Where it can be from."""
        return _numbers(self.fields[SOURCE])

    @property
    def target(self) -> int:
        """The address that it is for."""
        return _numbers(self.fields[TARGET]).single or 0

    @property
    def port(self) -> int:
        """The port that it is for."""
        return _numbers(self.fields[TARGET_PORT]).single or 0

    @property
    def is_redirected(self) -> bool:
        """Whether a rule has changed where it is for."""
        return "dnat" in _flags(self.fields.get(STATUS))


_NAMES = {
    "iif": IN,
    "oif": OUT,
    "source": SOURCE,
    "target": TARGET,
    "source_port": SOURCE_PORT,
    "port": TARGET_PORT,
    "state": STATE,
    "status": STATUS,
    "direction": DIRECTION,
    "owner": OWNER,
}


def _numbers(value: Value) -> Numbers:
    assert isinstance(value, Numbers)  # noqa: S101 - the field never has anything else
    return value


def _flags(value: Value | None) -> frozenset[str]:
    return value.words if isinstance(value, Flags) else frozenset()


def new_packet(version: int, protocol: str, source: Numbers, target: int, port: int) -> Packet:
    """The first packet of a connection, of a client that has chosen no special port or mark."""
    return Packet(
        version,
        {
            FAMILY: word("ipv4" if version == 4 else "ipv6"),
            PROTOCOL: word(protocol),
            SOURCE: source,
            TARGET: number(target),
            SOURCE_PORT: _PORTS - number(port),
            TARGET_PORT: number(port),
            STATE: word("new"),
            STATUS: Flags(frozenset()),
            DIRECTION: word("original"),
            ORIGINAL_TARGET: number(target),
            ORIGINAL_PORT: number(port),
            MARK: number(0),
            CT_MARK: number(0),
            OWNER: Absent(),
            "meta pkttype": word("host"),
            "tcp flags": Flags(frozenset(("syn",))) if protocol == "tcp" else Absent(),
            "ip version": number(version),
        },
    )


def answer_to(packet: Packet, asked: Packet) -> Packet:
    """What comes back to a packet that has arrived.

    Args:
        packet: as it has arrived.
        asked: as it was sent, which is whom the answer is for.
    """
    fields = dict(packet.fields)
    fields |= {
        SOURCE: packet.fields[TARGET],
        SOURCE_PORT: packet.fields[TARGET_PORT],
        TARGET: asked.fields[SOURCE],
        TARGET_PORT: asked.fields[SOURCE_PORT],
        STATE: word("established"),
        DIRECTION: word("reply"),
        MARK: number(0),
        OWNER: Absent(),
        "tcp flags": Flags(frozenset(("syn", "ack"))),
    }
    if PROTOCOL in fields and fields[PROTOCOL] != word("tcp"):
        fields["tcp flags"] = Absent()
    return packet.replace(fields=fields)


def without_conntrack(packet: Packet) -> Packet:
    """The packet as it is before conntrack has seen it."""
    fields = {k: (Absent() if k.startswith(_CT) else v) for k, v in packet.fields.items()}
    return packet.replace(fields={**fields, STATE: word("invalid")})


def with_conntrack(packet: Packet, before: Packet) -> Packet:
    """The packet as conntrack knows it, after chains that came before conntrack."""
    known = {k: v for k, v in before.fields.items() if k.startswith(_CT)}
    if packet.fields.get(STATE) == word("untracked"):
        known = {k: v for k, v in packet.fields.items() if k.startswith(_CT)}
    return packet.replace(fields={**packet.fields, **known})


def everybody(version: int, *without: Subnet) -> Numbers:
    """All addresses but those of some networks."""
    return Numbers(((0, (1 << (32 if version == 4 else 128)) - 1),)) - of_networks(*without)
