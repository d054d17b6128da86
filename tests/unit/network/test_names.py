"""What containers are told when they ask for names."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset
import pytest

from orlop.network import names
from orlop.network.names import View
from orlop.network.resolvers import name_servers

VIEW = View(
    {"web": ("10.0.0.2", "fd00::2"), "db": ("10.0.0.3", "10.0.0.4"), "old": ("10.0.0.9",)},
    {"10.0.0.2": "web.front", "fd00::2": "web.front"},
)
CLOSED = VIEW.replace(is_closed=True)


def ask(name: str, kind: str = "A", view: View = VIEW) -> dns.message.Message | None:
    wire = dns.message.make_query(name, kind).to_wire()
    query = names.parse(wire)
    assert query is not None
    return names.answer(query, view)


def texts(response: dns.message.Message | None) -> list[str]:
    assert response is not None
    return [record.to_text() for rrset in response.answer for record in rrset]


def test_addresses() -> None:
    assert texts(ask("web")) == ["10.0.0.2"]
    assert texts(ask("WEB.")) == ["10.0.0.2"]
    assert texts(ask("web", "AAAA")) == ["fd00::2"]


def test_several_addresses_take_turns() -> None:
    firsts = {texts(ask("db"))[0] for _ in range(50)}
    assert firsts == {"10.0.0.3", "10.0.0.4"}
    assert sorted(texts(ask("db"))) == ["10.0.0.3", "10.0.0.4"]


@pytest.mark.parametrize("kind", ["AAAA", "MX", "TXT"])
def test_no_such_record_of_a_name_that_is_there(kind: str) -> None:
    """It is no error (RFC 2308 section 2.2), and nobody else is asked."""
    response = ask("old", kind)
    assert response is not None
    assert (response.rcode(), response.answer) == (dns.rcode.NOERROR, [])


def test_reverse() -> None:
    name = dns.reversename.from_address("10.0.0.2").to_text()
    assert texts(ask(name, "PTR")) == ["web.front."]
    assert ask(dns.reversename.from_address("10.0.0.77").to_text(), "PTR") is None


def test_everything_else_is_for_others() -> None:
    assert ask("example.com") is None
    assert ask("web.example.com") is None


@pytest.mark.parametrize("name", ["example.com", "nobody"])
def test_internal_networks_ask_nobody(name: str) -> None:
    response = ask(name, view=CLOSED)
    assert response is not None
    assert response.rcode() == dns.rcode.NXDOMAIN
    assert texts(ask("web", view=CLOSED)) == ["10.0.0.2"]


@pytest.mark.parametrize("wire", [b"", b"x", b"\0" * 12, b"\xff" * 40])
def test_nonsense(wire: bytes) -> None:
    assert names.parse(wire) is None


def test_answers_are_no_queries() -> None:
    response = dns.message.make_response(dns.message.make_query("a", "A"))
    assert names.parse(response.to_wire()) is None


def test_long_answers_are_cut() -> None:
    many = View({"many": tuple(f"10.0.{high}.{low}" for high in range(4) for low in range(50))}, {})
    plain = dns.message.make_query("many", "A")
    large = dns.message.make_query("many", "A", use_edns=0, payload=4096)
    for query, most, cut in ((plain, 512, True), (large, 4096, False)):
        parsed = names.parse(query.to_wire())
        assert parsed is not None
        response = names.answer(parsed, many)
        assert response is not None
        wire = names.to_datagram(response, parsed)
        assert len(wire) <= most
        assert bool(dns.message.from_wire(wire).flags & dns.flags.TC) is cut


class TestKeeping:
    def response(self, *answer: str, soa: str = "") -> dns.message.Message:
        response = dns.message.make_response(dns.message.make_query("a.example", "A"))
        kind = dns.rdataclass.IN, dns.rdatatype.A
        if answer:
            response.answer.append(dns.rrset.from_text("a.example.", 300, *kind, *answer))
        if soa:
            response.authority.append(
                dns.rrset.from_text(
                    "example.", 600, dns.rdataclass.IN, dns.rdatatype.SOA, f"a. b. 1 2 3 4 {soa}"
                )
            )
        return response

    def test_lifetime(self) -> None:
        assert names.lifetime_s(self.response("1.2.3.4")) == 300
        assert names.lifetime_s(self.response(soa="60")) == 60
        assert names.lifetime_s(self.response()) == 0

    def test_failures_are_not_kept(self) -> None:
        response = self.response("1.2.3.4")
        response.set_rcode(dns.rcode.SERVFAIL)
        assert names.lifetime_s(response) == 0

    def test_age(self) -> None:
        query = names.parse(dns.message.make_query("A.example", "A").to_wire())
        assert query is not None
        kept = dns.message.from_wire(names.aged(self.response("1.2.3.4"), query, 100, 512))
        assert kept.id == query.id
        assert kept.answer[0].ttl == 200

    def test_length(self) -> None:
        """What one asker got by TCP is too long for a datagram of another."""
        query = names.parse(dns.message.make_query("a.example", "A").to_wire())
        assert query is not None
        long = self.response(*(f"192.0.2.{number}" for number in range(100)))
        cut = dns.message.from_wire(names.aged(long, query, 0, 512))
        assert cut.flags & dns.flags.TC
        assert not dns.message.from_wire(names.aged(long, query, 0, 65535)).flags & dns.flags.TC

    def test_what_a_key_depends_on(self) -> None:
        queries = [
            dns.message.make_query("a.example", "A"),
            dns.message.make_query("A.EXAMPLE", "A"),
            dns.message.make_query("a.example", "AAAA"),
            dns.message.make_query("a.example", "A", want_dnssec=True),
            dns.message.make_query("a.example", "A", use_edns=0),
        ]
        parsed = [names.parse(query.to_wire()) for query in queries]
        keys = [names.key_of(query) for query in parsed if query is not None]
        assert keys[0] == keys[1]
        assert len(set(keys)) == 4


def test_name_servers() -> None:
    text = "# x\nnameserver 1.1.1.1\nsearch a\nnameserver nonsense\n nameserver fd00::1 # y\n"
    assert name_servers(text) == ("1.1.1.1", "fd00::1")
