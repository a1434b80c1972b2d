"""RFC 5272, 3.2 and 6: what is answered to requests that nobody serves whole, and what every answer holds."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from asn1crypto import cms as cms_asn1
from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from ca_core import names
from ca_core.policy.profile import BUILT_IN, ApprovalRule, RevocationRule
from ca_core.policy.request import names_of
from ca_core.registration.account import Grant
from ca_core.revocation.reason import Reason
from conformance.cmc import FAILED, NO_SUPPORT, PENDING, SEQUENCE, SUCCESS, Ask, Template, element, message
from protocols.cmc.failures import FailInfo
from tests.builders.cmc import CmcHouse, Held, answer, by_certificate, by_code, cmc_house, code_of
from tests.builders.csr import raw_csr
from tests.builders.est import DAY, Csr, new_key
from tests.builders.reviewed import reviewed

CHANGE = ObjectIdentifier("1.3.6.1.5.5.7.7.36")
ENVELOPED, AUTHENTICATED = "1.2.840.113549.1.7.3", "1.2.840.113549.1.9.16.1.2"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CmcHouse]:
    async with cmc_house(tmp_path) as opened:
        yield opened


def cert_id(certificate: x509.Certificate) -> core.Asn1Value:
    named = {"issuer": asn1_x509.Name.load(certificate.issuer.public_bytes()), "serial_number": 0}
    return cms_asn1.IssuerAndSerialNumber(named | {"serial_number": certificate.serial_number})


def san(name: x509.GeneralName) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([name])


def wrongly_signed() -> bytes:
    good = Csr().der()
    return good[:-1] + bytes((good[-1] ^ 1,))


async def test_a_control_that_nobody_knows_fails_all_of_it(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    ask = Ask().certificate(Csr().der()).revocation(held.certificate, Reason.SUPERSEDED)
    for unknown in (99, 28):
        ask.control(unknown, core.OctetString(b"x"))

    reply = await house.send(by_certificate(held, ask.transaction(7, b"nonce")))

    told = answer(reply).told
    assert reply.status == 400
    assert {part: (one.status, one.fail) for part, one in told.items()} == dict.fromkeys(
        (3, 4), (FAILED, FailInfo.BAD_REQUEST)
    )
    assert len(await house.core.certificates()) == 1


async def test_a_kind_of_request_that_nobody_knows_is_not_supported_and_no_other_is_processed(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    ask = Ask().certificate(Csr().der())
    ask.requests.append(element(0xA2, core.Integer(2).dump(), core.ObjectIdentifier("1.2.3").dump(), b"\x05\x00"))

    told = answer(await house.send(by_certificate(held, ask))).told

    assert {part: (one.status, one.fail) for part, one in told.items()} == {
        2: (NO_SUPPORT, None),
        0: (FAILED, FailInfo.BAD_REQUEST),
    }
    assert len(await house.core.certificates()) == 1


async def test_messages_inside_that_no_control_names_change_nothing(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    ask = Ask().certificate(Csr(key=key).der()).proof(sheet.account, code_of(sheet))
    whole = ask.der()
    inner = element(SEQUENCE, core.Integer(99).dump(), element(SEQUENCE, core.ObjectIdentifier("1.2.3").dump()))
    content = core.Sequence.load(whole).contents.removesuffix(element(SEQUENCE) * 2)
    with_inner = element(SEQUENCE, content, element(SEQUENCE, inner), element(SEQUENCE))

    assert answer(await house.send(message(with_inner, key))).only.status == SUCCESS


@pytest.mark.parametrize(
    ("kind", "fail"), [(ENVELOPED, FailInfo.BAD_MESSAGE_CHECK), (AUTHENTICATED, FailInfo.AUTH_DATA_FAIL)]
)
async def test_what_is_wrapped_otherwise_than_by_a_signature_gets_a_signed_answer(
    house: CmcHouse, kind: str, fail: FailInfo
) -> None:
    wrapped = element(SEQUENCE, core.ObjectIdentifier(kind).dump(), element(0xA0, element(SEQUENCE)))

    reply = await house.send(wrapped)

    told = answer(reply).told
    assert reply.status == 400
    assert {part: (one.status, one.fail) for part, one in told.items()} == {0: (FAILED, fail)}


async def test_an_ra_that_has_seen_the_proof_is_not_believed(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    ask = Ask().certificate(wrongly_signed()).control(11, core.Null())

    told = answer(await house.send(by_certificate(held, ask))).told

    assert {part: (one.status, one.fail) for part, one in told.items()} == {2: (FAILED, FailInfo.POP_FAILED)}


async def test_where_one_possession_is_unproved_no_certificate_is_issued(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    await house.move(61 * DAY)
    good = Csr(subject=held.certificate.subject).der()
    ask = Ask().certificate(good).certificate(wrongly_signed()).revocation(held.certificate, Reason.SUPERSEDED)

    told = answer(await house.send(by_certificate(held, ask))).told

    assert [(told[part].status, told[part].fail) for part in (1, 2, 3)] == [
        (FAILED, FailInfo.BAD_REQUEST),
        (FAILED, FailInfo.POP_FAILED),
        (SUCCESS, None),
    ]
    assert len(await house.core.certificates()) == 1


async def test_a_nonce_is_answered_with_a_fresh_one(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    seen = set()
    for number in range(3):
        nonce = bytes((number,)) * 16
        ask = Ask().revocation(held.certificate, Reason.SUPERSEDED).transaction(7, nonce)
        controls: dict[str, Any] = dict(answer(await house.send(by_certificate(held, ask))).controls)
        assert controls["7"] == nonce
        seen.add(controls["6"])

    assert len(seen) == 3
    assert all(len(nonce) == 16 for nonce in seen)
    plain = answer(await house.send(by_certificate(held, Ask().revocation(held.certificate, Reason.SUPERSEDED))))
    assert "6" not in plain.controls


async def test_the_next_message_of_a_transaction_brings_the_servers_nonce_back(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    first = answer(await house.send(by_certificate(held, Ask().query(b"x").transaction(7, b"first"))))
    ask = Ask().revocation(held.certificate, Reason.SUPERSEDED).transaction(7, b"second")

    reply = await house.send(by_certificate(held, ask.control(7, core.OctetString(first.controls["6"]))))

    assert answer(reply).only.status == SUCCESS
    assert (answer(reply).controls["5"], answer(reply).controls["7"]) == (7, b"second")


async def test_what_is_to_come_back_comes_back_with_a_refusal_too(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    for ask in (
        Ask().control(99, core.OctetString(b"x")).transaction(7, b"one").control(4, core.OctetString(b"data")),
        Ask().transaction(7, b"two").control(4, core.OctetString(b"data")),
        Ask().certificate(wrongly_signed()).transaction(7, b"three").control(4, core.OctetString(b"data")),
    ):
        controls = answer(await house.send(by_certificate(held, ask))).controls

        assert (controls["5"], controls["4"]) == (7, b"data")
        assert controls["7"] in {b"one", b"two", b"three"}


async def test_an_accepted_certificate_is_confirmed_with_a_full_response(house: CmcHouse) -> None:
    held, other = await house.enrolled("meter"), await house.enrolled("other")
    accepts = Ask().control(24, cert_id(held.certificate)).control(25, core.Null())

    mine = answer(await house.send(by_certificate(held, accepts)))
    foreign = answer(await house.send(by_certificate(held, Ask().control(24, cert_id(other.certificate)))))

    assert [one.status for one in mine.told.values()] == [SUCCESS, SUCCESS]
    assert foreign.only.fail == FailInfo.BAD_CERT_ID


async def test_a_client_that_gives_up_says_so(house: CmcHouse) -> None:
    held = await house.enrolled("meter")

    assert answer(await house.send(by_certificate(held, Ask().control(25, core.Null())))).only.status == SUCCESS


async def test_registration_information_that_nobody_agreed_on_is_let_pass(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    ask = Ask().certificate(Csr(key=key).der()).proof(sheet.account, code_of(sheet))

    reply = await house.send(message(ask.control(18, core.OctetString(b"shelf 7")).der(), key))

    assert answer(reply).only.status == SUCCESS


async def test_what_is_pending_keeps_its_token_and_its_time(tmp_path: Path) -> None:
    async with cmc_house(tmp_path, reviewed(ApprovalRule.ALWAYS, "signing")) as house:
        sheet, key = await house.core.register("meter", kind="device", profiles=("device", "signing")), new_key()
        held = Held(answer(await house.send(by_code(sheet, key))).issued_to(key), key)
        body = by_certificate(held, Ask().certificate(Csr().der()))
        told = [answer(await house.send(body, operation="signing/fullcmc")).only]
        for _ in range(2):
            await house.move(3600)
            told.append(answer(await house.send(body, operation="signing/fullcmc")).only)
            told.append(answer(await house.send(by_certificate(held, Ask().query(told[0].token or b"")))).only)

    assert {(one.status, one.token, one.when) for one in told} == {(PENDING, told[0].token, told[0].when)}
    assert told[0].when is not None


async def test_a_revocation_that_waits_keeps_its_token_and_its_time(tmp_path: Path) -> None:
    device = msgspec.structs.replace(BUILT_IN["device"], revocation=RevocationRule.REVIEWED)
    async with cmc_house(tmp_path, {**BUILT_IN, "device": device}) as house:
        sheet = await house.core.register("meter", kind="device", profiles=("device", "signing"), uses=2)
        keys = [new_key(), new_key()]
        held = Held(answer(await house.send(by_code(sheet, keys[0]))).issued_to(keys[0]), keys[0])
        reply = await house.send(by_code(sheet, keys[1]), operation="signing/fullcmc")
        other = Held(answer(reply).issued_to(keys[1]), keys[1])
        body = by_certificate(other, Ask().revocation(held.certificate, Reason.SUPERSEDED))
        told = [answer(await house.send(body)).only]
        await house.move(3600)
        told.append(answer(await house.send(by_certificate(other, Ask().query(told[0].token or b"")))).only)

    assert [one.status for one in told] == [PENDING, PENDING]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("extension", "fail"),
    [
        (x509.BasicConstraints(ca=True, path_length=None), FailInfo.UNSUPPORTED_EXT),
        (san(x509.RegisteredID(ObjectIdentifier("1.2.3"))), FailInfo.UNSUPPORTED_EXT),
        (san(x509.DirectoryName(x509.Name.from_rfc4514_string("CN=x"))), FailInfo.UNSUPPORTED_EXT),
        (
            x509.SubjectAlternativeName([x509.OtherName(ObjectIdentifier("1.2.3"), b"\x05\x00")]),
            FailInfo.UNSUPPORTED_EXT,
        ),
        (x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")]), FailInfo.UNSUPPORTED_EXT),
    ],
    ids=["a CA", "registeredID", "directoryName", "another name", "another purpose"],
)
async def test_an_extension_that_cannot_be_met_is_said_to_be_unsupported(
    house: CmcHouse, extension: x509.ExtensionType, fail: FailInfo
) -> None:
    held = await house.enrolled("meter")
    await house.move(61 * DAY)
    ask = Ask().certificate(Csr(subject=held.certificate.subject, extensions=[extension]).der())

    told = answer(await house.send(by_certificate(held, ask))).only

    assert (told.status, told.fail) == (FAILED, fail)


async def test_a_request_without_a_subject_gets_the_registered_one(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()

    response = answer(await house.send(by_code(sheet, key, Csr(key=key, subject=x509.Name([])))))

    assert response.issued_to(key).subject.rfc4514_string() == "CN=meter,O=Example,C=TW"


async def test_a_request_whose_subject_is_not_there_is_a_bad_request(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    broken = raw_csr(subject_der=b"\x05\x00")

    told = answer(await house.send(by_certificate(held, Ask().certificate(broken)))).only

    assert (told.status, told.fail) == (FAILED, FailInfo.BAD_REQUEST)


async def test_a_key_that_must_not_be_kept_is_said_to_be_so(tmp_path: Path) -> None:
    device = msgspec.structs.replace(BUILT_IN["device"], same_key_renewal=False)
    async with cmc_house(tmp_path, {**BUILT_IN, "device": device}) as house:
        held = await house.enrolled("meter")
        await house.move(61 * DAY)
        ask = Ask().certificate(Csr(key=held.key, subject=held.certificate.subject).der())

        told = answer(await house.send(by_certificate(held, ask))).only

    assert (told.status, told.fail) == (FAILED, FailInfo.NO_KEY_REUSE)


async def test_a_renewal_asks_for_other_names_by_change_subject_name(house: CmcHouse) -> None:
    """RFC 6402, 2.8, in either format of requests."""
    grants = [Grant(names.dns(f"{letter}.example")) for letter in "abc"]
    sheet, keys = await house.core.register("meter", *grants, kind="device"), [new_key() for _ in "abc"]
    first = await house.send(by_code(sheet, keys[0], Csr(key=keys[0], names=["a.example"])))
    held = Held(answer(first).issued_to(keys[0]), keys[0])
    subject, old = held.certificate.subject, x509.SubjectAlternativeName([x509.DNSName("a.example")])
    by_pkcs_10 = Csr(key=keys[1], subject=subject, names=["a.example"], attributes=[(CHANGE, changed_to("b.example"))])
    by_crmf = Template(keys[2], subject, [old], [(CHANGE.dotted_string, changed_to("c.example"))])

    ask = Ask().certificate(by_pkcs_10.der()).template(by_crmf)
    response = answer(await house.send(by_certificate(held, ask)))

    for key, name in ((keys[1], "b.example"), (keys[2], "c.example")):
        assert names_of(response.issued_to(key)) == frozenset({names.dns(name)})


def changed_to(name: str) -> bytes:
    """A ChangeSubjectName with a subjectAltName, tagged as erratum 3943 says."""
    return element(SEQUENCE, element(0xA1, element(0x82, name.encode())))


async def test_a_request_that_nobody_has_signed_gets_nothing(house: CmcHouse) -> None:
    """noSignature (RFC 5272, C.1) proves no possession, and here there is no other way to prove it."""
    held = await house.enrolled("meter")
    info = core.Sequence.load(Csr().der())[0].dump()
    algorithm = element(SEQUENCE, core.ObjectIdentifier("1.3.6.1.5.5.7.6.2").dump(), b"\x05\x00")
    digest = core.OctetBitString(hashlib.sha1(info, usedforsecurity=False).digest()).dump()
    unsigned = element(SEQUENCE, info, algorithm, digest)

    told = answer(await house.send(by_certificate(held, Ask().certificate(unsigned)))).only

    assert (told.status, told.fail) == (FAILED, FailInfo.BAD_REQUEST)
    assert len(await house.core.certificates()) == 1


@pytest.mark.parametrize("number", [8, 9, 10, 15, 16, 19, 26, 27, 28, 29, 30, 31, 32, 35, 37])
async def test_what_is_optional_or_an_ras_is_refused_by_its_number(house: CmcHouse, number: int) -> None:
    held = await house.enrolled("meter")
    ask = Ask().revocation(held.certificate, Reason.SUPERSEDED).control(number, core.Null())

    reply = answer(await house.send(by_certificate(held, ask)))

    assert {part: (one.status, one.fail) for part, one in reply.told.items()} == {2: (FAILED, FailInfo.BAD_REQUEST)}
    # Nor is anything of the kind asked of clients.
    assert reply.controls == {}


async def test_who_asks_for_others_without_being_one_who_may_gets_nothing_of_theirs(house: CmcHouse) -> None:
    """RFC 6402, 2.12: what an RA claims is worth what its holder may."""
    held = await house.enrolled("meter")
    await house.core.register("other", kind="device")
    await house.move(61 * DAY)
    key = new_key()
    ask = Ask().certificate(Csr(key=key, subject=x509.Name.from_rfc4514_string("CN=other,O=Example,C=TW")).der())

    response = answer(await house.send(by_certificate(held, ask)))

    assert response.issued_to(key).subject == held.certificate.subject
