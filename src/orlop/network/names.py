"""Answers to DNS queries about containers. Pure: nothing is sent or looked up here.

See: RFC 1035, RFC 2308 (negative answers), RFC 6891 (EDNS).
"""

from __future__ import annotations

import secrets
from ipaddress import ip_address
from typing import TYPE_CHECKING

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

TTL_S = 5
"""How long others may keep an answer: containers come and go."""

STREAM_BYTES = 65535
"""The longest message there is, over TCP."""

_UDP_BYTES = 512  # without EDNS
_FAMILIES = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}


class View(Record):
    """What one container may know.

    Attributes:
        addresses: of the containers that it can reach, by their names in lower case.
        names: the other way: a name for each address.
        is_closed: it is in internal networks only, so nobody outside is asked.
    """

    addresses: Mapping[str, tuple[str, ...]]
    names: Mapping[str, str]
    is_closed: bool = False


def parse(query: bytes) -> dns.message.QueryMessage | None:
    """The query, None if it is no query that could be answered."""
    try:
        message = dns.message.from_wire(query)
    except (dns.exception.DNSException, ValueError):
        return None
    if not isinstance(message, dns.message.QueryMessage) or message.flags & dns.flags.QR:
        return None
    return message if len(message.question) == 1 else None


def answer(query: dns.message.QueryMessage, view: View) -> dns.message.Message | None:
    """What the container is told; None if somebody else has to be asked."""
    question = query.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    if question.rdclass != dns.rdataclass.IN:
        return _negative(query, dns.rcode.NXDOMAIN) if view.is_closed else None
    if question.rdtype == dns.rdatatype.PTR and (found := _reverse(question.name, view)):
        return _positive(query, [f"{found}."])
    addresses = view.addresses.get(name)
    if addresses is not None:
        family = _FAMILIES.get(question.rdtype)
        return _positive(query, [one for one in _rotated(addresses) if _version(one) == family])
    return _negative(query, dns.rcode.NXDOMAIN) if view.is_closed else None


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def _rotated(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Another one comes first each time, so that several containers share the work."""
    first = secrets.randbelow(len(addresses)) if len(addresses) > 1 else 0
    return addresses[first:] + addresses[:first]


def _reverse(name: dns.name.Name, view: View) -> str:
    try:
        address = dns.reversename.to_address(name)
    except (dns.exception.DNSException, ValueError):
        return ""
    return view.names.get(str(ip_address(address)), "")


def _positive(query: dns.message.QueryMessage, data: list[str]) -> dns.message.Message:
    """An answer with these records; without any it says that there are none of this type."""
    response = _response(query)
    question = query.question[0]
    if data:
        kind = dns.rdataclass.IN, question.rdtype
        response.answer.append(dns.rrset.from_text(question.name, TTL_S, *kind, *data))
    return response


def _negative(query: dns.message.QueryMessage, code: dns.rcode.Rcode) -> dns.message.Message:
    response = _response(query)
    response.set_rcode(code)
    return response


def _response(query: dns.message.QueryMessage) -> dns.message.Message:
    response = dns.message.make_response(query, recursion_available=True)
    response.flags |= dns.flags.AA
    return response


def failure(query: dns.message.QueryMessage) -> dns.message.Message:
    """Nobody could be asked, or nobody answered."""
    response = dns.message.make_response(query, recursion_available=True)
    response.set_rcode(dns.rcode.SERVFAIL)
    return response


def to_datagram(response: dns.message.Message, query: dns.message.QueryMessage) -> bytes:
    """The response as a datagram; one that is too long for the asker is cut, and says so."""
    return response.to_wire(max_size=datagram_bytes(query), prefer_truncation=True)


def datagram_bytes(query: dns.message.QueryMessage) -> int:
    """How long a datagram may be for the asker."""
    return max(query.payload, _UDP_BYTES) if query.edns >= 0 else _UDP_BYTES


def to_stream(response: dns.message.Message) -> bytes:
    """The response for TCP, where what the asker says of datagrams does not count."""
    return response.to_wire(max_size=STREAM_BYTES, prefer_truncation=True)


# --- what others have answered ------------------------------------------------------------------


class Key(Record):
    """What an answer depends on."""

    name: str
    kind: int
    cls: int
    options: int
    edns: int


def key_of(query: dns.message.QueryMessage) -> Key:
    """The key of a query in a cache."""
    question = query.question[0]
    options = int(query.ednsflags) << 16 | int(query.flags & (dns.flags.CD | dns.flags.RD))
    name = question.name.to_text().lower()
    return Key(name, question.rdtype, question.rdclass, options, query.edns)


def lifetime_s(response: dns.message.Message) -> int:
    """How long the response may be kept, 0 for not at all.

    See: RFC 2308 section 5: a negative answer as long as the SOA record in it says.
    """
    if response.flags & dns.flags.TC or response.rcode() not in (
        dns.rcode.NOERROR,
        dns.rcode.NXDOMAIN,
    ):
        return 0
    if response.answer:
        return min(int(rrset.ttl) for rrset in response.answer)
    for rrset in response.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return min(int(rrset.ttl), int(rrset[0].minimum))
    return 0


def aged(
    response: dns.message.Message, query: dns.message.QueryMessage, seconds: int, most: int
) -> bytes:
    """A kept response for another asker, after so many seconds, cut to so many bytes."""
    copy = dns.message.from_wire(response.to_wire())
    copy.id = query.id
    copy.question = query.question
    for section in (copy.answer, copy.authority, copy.additional):
        for rrset in section:
            rrset.ttl = max(rrset.ttl - seconds, 0)
    return copy.to_wire(max_size=most, prefer_truncation=True)
