"""The name server that other tests lean on: what it is told to say it says, over UDP and TCP."""

from __future__ import annotations

from collections.abc import Iterator

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from conformance.dns import Hostile, Responder


@pytest.fixture
def responder() -> Iterator[Responder]:
    with Responder() as started:
        yield started


def ask(responder: Responder, name: str, kind: str, *, over_tcp: bool = False) -> dns.message.Message:
    host, port = responder.address.split(":")
    query = dns.message.make_query(name, kind)
    if over_tcp:
        return dns.query.tcp(query, host, port=int(port), timeout=5)
    return dns.query.udp(query, host, port=int(port), timeout=0.3)


def answers(message: dns.message.Message) -> list[str]:
    return [record.to_text() for rrset in message.answer for record in rrset]


def test_records_are_told_over_both_and_long_ones_are_cut_over_udp(responder: Responder) -> None:
    responder.add("a.example", "TXT", "x" * 300, 'with "quotes"')
    responder.add("big.example", "TXT", *(str(number) * 200 for number in range(10)))

    # In no order: a set of records has none.
    both = {f'"{"x" * 255}" "{"x" * 45}"', '"with \\"quotes\\""'}
    assert set(answers(ask(responder, "A.example", "TXT"))) == both
    assert ask(responder, "big.example", "TXT").flags & dns.flags.TC
    assert len(answers(ask(responder, "big.example", "TXT", over_tcp=True))) == 10
    assert responder.asked["big.example", "TXT"] == 2
    assert responder.asked_over_tcp["big.example", "TXT"] == 1


def test_a_name_without_such_records_is_told_from_one_that_is_not_there(responder: Responder) -> None:
    responder.add("x.a.example", "A", "192.0.2.1")

    rcodes = [ask(responder, name, "TXT").rcode() for name in ("x.a.example", "a.example", "b.example")]

    assert rcodes == [dns.rcode.NOERROR, dns.rcode.NOERROR, dns.rcode.NXDOMAIN]


def test_aliases_and_stars_are_followed(responder: Responder) -> None:
    responder.add("alias.example", "CNAME", "deep.zone.example.")
    responder.add("*.zone.example", "A", "192.0.2.2")
    responder.add("lazy.example", "CNAME", "deep.zone.example.")
    responder.misbehave("lazy.example", Hostile.LAZY)

    assert answers(ask(responder, "alias.example", "A")) == ["deep.zone.example.", "192.0.2.2"]
    assert answers(ask(responder, "lazy.example", "A")) == ["deep.zone.example."]


def test_the_zone_changes_while_it_is_served(responder: Responder) -> None:
    responder.put("turns.example", "A", ("192.0.2.1",), ("192.0.2.2",))

    seen = [answers(ask(responder, "turns.example", "A")) for _ in range(3)]
    responder.remove("turns.example")

    assert seen == [["192.0.2.1"], ["192.0.2.2"], ["192.0.2.2"]]
    assert ask(responder, "turns.example", "A").rcode() == dns.rcode.NXDOMAIN


def test_it_misbehaves_as_told(responder: Responder) -> None:
    responder.authentic = True
    responder.add("*", "A", "192.0.2.1")
    for how in (Hostile.SERVFAIL, Hostile.REFUSED, Hostile.TRUNCATED, Hostile.UNSIGNED, Hostile.SILENT):
        responder.misbehave(f"{str(how.name).lower()}.example", how)

    assert ask(responder, "servfail.example", "A").rcode() == dns.rcode.SERVFAIL
    assert ask(responder, "refused.example", "A").rcode() == dns.rcode.REFUSED
    assert ask(responder, "truncated.example", "A").flags & dns.flags.TC
    assert answers(ask(responder, "truncated.example", "A", over_tcp=True)) == ["192.0.2.1"]
    assert ask(responder, "any.example", "A").flags & dns.flags.AD
    assert not ask(responder, "unsigned.example", "A").flags & dns.flags.AD
    with pytest.raises(dns.exception.Timeout):
        ask(responder, "silent.example", "A")
