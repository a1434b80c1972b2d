"""RFC 5272, 3.2 and 6: what a PKIData may hold, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography.x509.oid import ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance import cmc
from conformance.cmc import SEQUENCE, Ask, Control, Controls, element
from protocols.cmc import requests
from protocols.cmc.errors import PossessionNotDelegated, RequestsNotServed, UnknownControls, UnreadableRequest
from protocols.cmc.parts import NO_ECHO, Certification, Confirmation, Echo, Notice, Query, Revocation
from protocols.cmc.requests import FullRequest
from protocols.cmc.structures import PKI_DATA
from protocols.cms.errors import UnknownAlgorithm
from tests.builders.cms import certificate_of
from tests.builders.csr import ec_key
from tests.builders.est import Csr

CSR = Csr().der()
CERTIFICATE = certificate_of(ec_key(), serial=4711)
SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def read(ask: Ask | bytes) -> FullRequest:
    data = requests.opened(PKI_DATA, ask if isinstance(ask, bytes) else ask.der())
    requests.echo(data)
    return requests.read(data)


def echoed(ask: Ask) -> Echo:
    return requests.echo(requests.opened(PKI_DATA, ask.der()))


def control(kind: str, *values: core.Asn1Value, number: int = 1) -> Ask:
    ask = Ask().certificate(CSR)
    ask.controls.append(Control({"number": number + 1, "kind": kind, "values": list(values)}))
    return ask


def test_a_certification_request_comes_out_as_it_went_in() -> None:
    found = read(Ask().certificate(CSR))

    assert found.parts == (Certification(1, CSR),)
    assert found.certifications == found.parts
    assert not found.only_revokes
    assert echoed(Ask().certificate(CSR)) == NO_ECHO
    assert (found.account, found.proofs, found.link_random) == (None, (), None)


def test_all_that_may_be_asked_comes_out() -> None:
    ask = Ask().certificate(CSR).proof("meter", "CODE").transaction(2**400, b"nonce").query(b"token")
    ask.control(4, core.OctetString(b"data")).revocation(CERTIFICATE, 4, passphrase="CODE", since=SINCE)

    found = read(ask)

    assert found.account == "meter"
    assert [(proof.digest, proof.mac) for proof in found.proofs] == [("sha256", "sha256")]
    assert found.request_sequence == element(SEQUENCE, *ask.requests)
    assert echoed(ask) == Echo(2**400, b"nonce", b"data")
    _, query, revocation = found.parts
    assert query == Query(6, b"token")
    assert isinstance(revocation, Revocation)
    assert revocation.issuer_der == CERTIFICATE.issuer.public_bytes()
    assert (revocation.serial, revocation.reason, revocation.invalid_since) == (4711, 4, int(SINCE.timestamp()))
    assert revocation.secret is not None
    assert revocation.secret.reveal() == "CODE"
    assert "CODE" not in repr(found)


def test_a_request_that_only_revokes_is_known_as_one() -> None:
    found = read(Ask().revocation(CERTIFICATE, 1))

    assert found.only_revokes
    assert found.revocations[0].secret is None
    assert found.revocations[0].invalid_since is None


def test_another_content_is_none() -> None:
    with pytest.raises(UnreadableRequest, match="PKIData"):
        requests.opened(ObjectIdentifier(cmc.PKI_RESPONSE), Ask().certificate(CSR).der())


def many(count: int) -> Ask:
    ask = Ask()
    for _ in range(count):
        ask.certificate(CSR)
    return ask


def reason_of_two_octets() -> Ask:
    asked = cmc.RevokeRequest({"issuer": asn1_x509.Name.build({"common_name": "x"}), "serial": 1, "reason": "1"}).dump()
    wrong = asked.replace(b"\x0a\x01\x01", b"\x0a\x02\x01\x01")
    return control(f"{cmc.CONTROLS}.17", core.Asn1Value.load(bytes((SEQUENCE, wrong[1] + 1)) + wrong[2:]))


UNREADABLE: dict[str, Callable[[], Ask]] = {
    "nothing is asked": Ask,
    "too much is asked": lambda: many(11),
    "0 means the whole request": lambda: control(f"{cmc.CONTROLS}.6", core.OctetString(b"n"), number=-1),
    "a number has 32 bits": lambda: control(f"{cmc.CONTROLS}.6", core.OctetString(b"n"), number=2**32),
    "two parts of one number": lambda: control(f"{cmc.CONTROLS}.6", core.OctetString(b"n"), number=0),
    "two nonces": lambda: Ask().certificate(CSR).transaction(1, b"n").control(6, core.OctetString(b"m")),
    "a control without a value": lambda: control(f"{cmc.CONTROLS}.6"),
    "a control with two": lambda: control(f"{cmc.CONTROLS}.6", core.OctetString(b"n"), core.OctetString(b"m")),
    "a control of another type": lambda: control(f"{cmc.CONTROLS}.6", core.Integer(1)),
    "an empty nonce": lambda: control(f"{cmc.CONTROLS}.6", core.OctetString(b"")),
    "a long nonce": lambda: control(f"{cmc.CONTROLS}.6", core.OctetString(bytes(65))),
    "a long transaction": lambda: control(f"{cmc.CONTROLS}.5", core.Integer(2**512)),
    "an empty account": lambda: control(f"{cmc.CONTROLS}.2", core.UTF8String("")),
    "an account with a zero": lambda: control(f"{cmc.CONTROLS}.2", core.UTF8String("a\0b")),
    "a long account": lambda: control(f"{cmc.CONTROLS}.2", core.UTF8String("a" * 257)),
    "a reason that is no enumeration": lambda: control(
        f"{cmc.CONTROLS}.17", core.Asn1Value.load(element(SEQUENCE, element(SEQUENCE), *[core.Integer(1).dump()] * 2))
    ),
    "a reason of two octets": reason_of_two_octets,
    "a passphrase that is no text": lambda: control(
        f"{cmc.CONTROLS}.17",
        core.Asn1Value.load(
            element(SEQUENCE, element(SEQUENCE), core.Integer(1).dump(), b"\x0a\x01\x01", b"\x04\x02\xc3\x28")
        ),
    ),
}


@pytest.mark.parametrize("ask", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_meant_is_refused(ask: Callable[[], Ask]) -> None:
    with pytest.raises(UnreadableRequest):
        read(ask())


def whole(ask: Ask, *, cms: bytes = b"", others: bytes = b"") -> bytes:
    """A PKIData with messages in it."""
    lists = (Controls(ask.controls).dump(), element(SEQUENCE, *ask.requests))
    return element(SEQUENCE, *lists, element(SEQUENCE, cms), element(SEQUENCE, others))


def inside(number: int, *more: bytes) -> bytes:
    return element(SEQUENCE, core.Integer(number).dump(), *more)


def test_messages_inside_that_no_control_names_are_not_looked_at() -> None:
    cms = inside(7, element(SEQUENCE, core.ObjectIdentifier("1.2.3").dump()))
    others = inside(8, core.ObjectIdentifier("1.2.3").dump(), core.Integer(1).dump())

    found = read(whole(Ask().certificate(CSR), cms=cms, others=others))

    assert found == read(Ask().certificate(CSR))


@pytest.mark.parametrize("number", [0, 1, 2**32])
def test_messages_inside_have_numbers_of_their_own(number: int) -> None:
    with pytest.raises(UnreadableRequest, match="another number"):
        read(whole(Ask().certificate(CSR), cms=inside(number, element(SEQUENCE))))


def test_other_kinds_of_requests_are_named_by_their_numbers() -> None:
    ask = Ask().certificate(CSR)
    ask.requests.append(element(0xA2, *(core.Integer(9).dump(), core.ObjectIdentifier("1.2.3").dump(), b"\x05\x00")))

    with pytest.raises(RequestsNotServed) as refused:
        read(ask)

    assert refused.value.body_parts == (9,)


def test_controls_that_are_not_served_are_all_named() -> None:
    ask = Ask().certificate(CSR).control(28, core.OctetString(b"x")).control(6, core.OctetString(b"n"))
    ask.control(99, core.OctetString(b"x"))

    with pytest.raises(UnknownControls, match=r"1\.3\.6\.1\.5\.5\.7\.7\.28, 1\.3\.6\.1\.5\.5\.7\.7\.99") as refused:
        read(ask)

    assert refused.value.body_parts == (2, 4)


def test_that_an_ra_has_seen_the_proof_is_believed_of_none() -> None:
    with pytest.raises(PossessionNotDelegated) as refused:
        read(Ask().certificate(CSR).control(11, core.Null()))

    assert refused.value.body_parts == (2,)


def test_what_answers_are_told_is_read() -> None:
    issuer, serial = element(SEQUENCE), core.Integer(4711).dump()
    ask = Ask().control(24, core.Asn1Value.load(element(SEQUENCE, issuer, serial))).control(25, core.Null())

    found = read(ask.control(1, core.Null()).control(18, core.OctetString(b"x")).control(7, core.OctetString(b"n")))

    assert found.parts == (Confirmation(1, issuer, 4711), Notice(2), Notice(3))


@pytest.mark.parametrize(
    ("digest", "mac"),
    [
        ("1.2.840.113549.2.5", "1.2.840.113549.2.9"),
        ("2.16.840.1.101.3.4.2.2", "1.2.840.113549.2.9"),
        ("2.16.840.1.101.3.4.2.1", "1.3.6.1.5.5.8.1.1"),
        ("2.16.840.1.101.3.4.2.1", "1.2.840.113549.2.9 with parameters"),
    ],
)
def test_a_proof_by_other_algorithms_is_refused(digest: str, mac: str) -> None:
    oid, _, more = mac.partition(" ")
    parameters = {"parameters": core.Integer(1)} if more else {}
    proof = cmc.IdentityProof({"hash": {"algorithm": digest}, "mac": {"algorithm": oid, **parameters}, "witness": b"w"})

    with pytest.raises(UnknownAlgorithm):
        read(Ask().certificate(CSR).control(34, proof))


@settings(max_examples=300)
@given(st.data())
def test_whatever_comes_is_read_or_refused(data: st.DataObject) -> None:
    ask = Ask().certificate(CSR).proof("meter", "CODE").transaction(9, b"nonce").query(b"token")
    octets = bytearray(ask.revocation(CERTIFICATE, 4, passphrase="CODE", since=SINCE).der())
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))

    with suppress(UnreadableRequest, UnknownControls, RequestsNotServed, PossessionNotDelegated, UnknownAlgorithm):
        read(bytes(octets))


def test_controls_are_read_from_der_only() -> None:
    assert Controls.load(Controls([]).dump()).native == []
    with pytest.raises(UnreadableRequest):
        requests.opened(PKI_DATA, b"\x30\x80\x00\x00")
