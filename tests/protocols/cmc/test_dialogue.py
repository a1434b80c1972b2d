"""RFC 7030, 4.3 and RFC 5272: full PKI requests, what they may ask for, and what each is told."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from asn1crypto import cms as cms_asn1
from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.policy.profile import BUILT_IN, ApprovalRule, ExtendedUsage, RevocationRule
from ca_core.registration.sheet import Sheet
from ca_core.revocation.reason import Reason
from conformance.cmc import FAILED, PENDING, SUCCESS, Ask, RevokeRequest, message
from protocols.cmc.failures import FailInfo
from protocols.cmc.senders import _may_sign
from protocols.est.labels import ChallengePassword, ClientCertificate, CsrAttributes, Label, RaCertificate
from protocols.wire import Peer, Reply
from tests.builders.cmc import CmcHouse, Held, answer, by_certificate, by_code, cmc_house, code_of, request
from tests.builders.cms import certificate_of, cms
from tests.builders.est import CLIENT, DAY, LABELS, Csr, header, new_key, showing
from tests.builders.reviewed import OFFICER, approve, reviewed


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CmcHouse]:
    async with cmc_house(tmp_path) as opened:
        yield opened


def require_refused(reply: Reply, status: int, fail: FailInfo, *, cmc_status: int = FAILED) -> str:
    """The one refusal in a reply; returns its text."""
    assert reply.status == status, answer(reply)
    told = answer(reply).only
    assert (told.status, told.fail) == (cmc_status, fail)
    assert told.text
    return told.text


async def test_an_account_enrolls_by_its_code_without_showing_it(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()

    reply = await house.send(by_code(sheet, key))

    assert reply.status == 200
    response = answer(reply)
    assert response.only.status == SUCCESS
    assert response.issued_to(key).subject.rfc4514_string() == "CN=meter,O=Example,C=TW"
    assert response.controls["5"] == 7
    assert len(response.controls["7"]) == 16
    assert code_of(sheet).encode() not in by_code(sheet, key)


async def test_openssl_opens_the_answer_under_the_trust_anchor(house: CmcHouse, tmp_path: Path) -> None:
    sheet = await house.core.register("meter", kind="device")
    reply = await house.send(by_code(sheet, new_key()))
    anchor = tmp_path / "root.pem"
    anchor.write_bytes(house.core.authority.root.public_bytes(Encoding.PEM))

    at = ("-attime", str(house.core.clock.now()))
    cms("-verify", "-inform", "DER", "-CAfile", anchor, "-purpose", "any", *at, message=base64.b64decode(reply.body))


async def test_a_code_proves_only_what_it_was_computed_over(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    mine = Ask().certificate(Csr(key=key).der()).proof(sheet.account, code_of(sheet))
    mine.requests = Ask().certificate(Csr(key=key, subject=x509.Name([])).der()).requests

    reply = await house.send(message(mine.der(), key))

    require_refused(reply, 403, FailInfo.BAD_IDENTITY)
    assert "WWW-Authenticate" not in dict(reply.headers)
    assert not await house.core.certificates()


@pytest.mark.parametrize("account", ["meter", "nobody"])
async def test_a_wrong_code_and_an_unknown_account_are_answered_alike(house: CmcHouse, account: str) -> None:
    await house.core.register("meter", kind="device")
    key = new_key()
    ask = Ask().certificate(Csr(key=key).der()).proof(account, "WRONG")

    text = require_refused(await house.send(message(ask.der(), key)), 403, FailInfo.BAD_IDENTITY)

    assert text == "account or secret is not right; check both against the newest password sheet"
    (refused,) = await house.core.journal("credential-refused")
    assert refused.detail["account"] == account


async def test_too_many_wrong_codes_have_to_wait(house: CmcHouse) -> None:
    key = new_key()
    body = message(Ask().certificate(Csr(key=key).der()).proof("nobody", "WRONG").der(), key)
    for _ in range(30):
        await house.send(body)

    reply = await house.send(body)

    require_refused(reply, 429, FailInfo.TRY_LATER)
    assert int(header(reply, "Retry-After") or 0) >= 1


async def test_a_code_certifies_no_key_that_has_not_signed_the_message(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    ask = Ask().certificate(Csr(key=key).der()).proof(sheet.account, code_of(sheet))

    reply = await house.send(message(ask.der(), new_key()))

    require_refused(reply, 400, FailInfo.BAD_MESSAGE_CHECK)
    assert not await house.core.certificates()


async def test_a_code_certifies_one_key_at_a_time(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    both = Ask().certificate(Csr(key=key).der()).certificate(Csr().der()).proof(sheet.account, code_of(sheet))

    require_refused(await house.send(message(both.der(), key)), 403, FailInfo.POP_REQUIRED)


async def test_a_spent_code_says_so(house: CmcHouse) -> None:
    sheet = await house.core.register("meter", kind="device", uses=1)
    await house.send(by_code(sheet, new_key()))
    await house.move(70 * DAY)

    require_refused(await house.send(by_code(sheet, new_key())), 403, FailInfo.AUTH_DATA_FAIL)


async def test_a_holder_renews_with_another_key(house: CmcHouse) -> None:
    held, key = await house.enrolled("meter"), new_key()
    await house.move(61 * DAY)
    ask = Ask().certificate(Csr(key=key, subject=held.certificate.subject).der())

    response = answer(await house.send(by_certificate(held, ask)))

    assert response.issued_to(key).subject == held.certificate.subject
    (stored,) = [one for one in await house.core.certificates() if one.replaces]
    assert int(stored.replaces or "", 16) == held.certificate.serial_number


async def test_a_holder_renews_inside_the_window_only(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    ask = Ask().certificate(Csr(subject=held.certificate.subject).der())

    reply = await house.send(by_certificate(held, ask))

    require_refused(reply, 429, FailInfo.TRY_LATER)
    assert int(header(reply, "Retry-After") or 0) > DAY


async def test_a_person_gets_the_other_certificate_of_the_pair_with_the_first(tmp_path: Path) -> None:
    async with cmc_house(tmp_path, labels={"signing": Label(), "encryption": Label()}) as house:
        held, key = await house.enrolled("ann", kind="person"), new_key()
        ask = Ask().certificate(Csr(key=key).der())

        reply = await house.send(by_certificate(held, ask), operation="encryption/fullcmc")

        encryption = Held(answer(reply).issued_to(key), key)
        again = await house.send(by_certificate(encryption, Ask().certificate(Csr().der())))
        assert "is not for signing" in require_refused(again, 403, FailInfo.BAD_IDENTITY)
        revoke = by_certificate(encryption, Ask().revocation(encryption.certificate, Reason.KEY_COMPROMISE))
        assert (await house.send(revoke)).status == 200


async def test_each_part_is_told_by_itself(house: CmcHouse) -> None:
    held, key = await house.enrolled("meter"), new_key()
    await house.move(61 * DAY)
    ask = Ask().certificate(Csr(key=key, subject=held.certificate.subject).der()).certificate(Csr(is_ca=True).der())

    reply = await house.send(by_certificate(held, ask))

    assert reply.status == 200
    assert [answer(reply).told[part].status for part in (1, 2)] == [SUCCESS, FAILED]
    assert answer(reply).told[2].fail == FailInfo.UNSUPPORTED_EXT


async def test_a_request_with_a_nonce_is_carried_out_once(house: CmcHouse) -> None:
    sheet = await house.core.register("meter", kind="device")
    body = by_code(sheet, new_key())
    await house.send(body)

    require_refused(await house.send(body), 403, FailInfo.BAD_REQUEST)

    assert len(await house.core.certificates()) == 1


async def test_a_request_whose_nonce_is_forgotten_brings_the_same_certificate(house: CmcHouse) -> None:
    held, key = await house.enrolled("meter"), new_key()
    await house.move(61 * DAY)
    request_der = Csr(key=key, subject=held.certificate.subject).der()
    body = by_certificate(held, Ask().certificate(request_der).transaction(3, b"n" * 16))
    first = answer(await house.send(body)).issued_to(key)

    await house.move(3 * 3600)

    assert answer(await house.send(body)).issued_to(key) == first
    assert len(await house.core.certificates()) == 2


async def test_the_same_request_without_a_nonce_brings_the_same_certificate(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device", uses=1), new_key()
    body = message(Ask().certificate(Csr(key=key).der()).proof(sheet.account, code_of(sheet)).der(), key)

    first, again = [answer(await house.send(body)) for _ in range(2)]

    assert first.issued_to(key) == again.issued_to(key)


@pytest.mark.parametrize(("hours", "status"), [(0, 200), (-0.9, 200), (2, 400), (-2, 400)])
async def test_a_signing_time_is_near_to_now(house: CmcHouse, hours: float, status: int) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    ask = Ask().certificate(Csr(key=key).der()).proof(sheet.account, code_of(sheet))
    moment = datetime.fromtimestamp(house.core.clock.now() + hours * 3600, UTC)

    reply = await house.send(message(ask.der(), key, signed_at=moment))

    assert reply.status == status
    if status == 400:
        require_refused(reply, 400, FailInfo.BAD_TIME)


async def test_what_was_altered_is_refused(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    body = by_certificate(held, Ask().revocation(held.certificate, Reason.SUPERSEDED))
    spot = body.index(held.certificate.serial_number.to_bytes(20, "big"))

    reply = await house.send(body[: spot + 19] + bytes((body[spot + 19] ^ 1,)) + body[spot + 20 :])

    require_refused(reply, 400, FailInfo.BAD_MESSAGE_CHECK)


async def revoked_for(house: CmcHouse, held: Held) -> int | None:
    stored = await house.core.revocations.certificate(f"{held.certificate.serial_number:040x}")
    assert stored is not None
    return stored.reason


async def test_a_holder_revokes_and_says_since_when(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    await house.move(1000)
    since = datetime.fromtimestamp(house.core.clock.now() - 100, UTC)
    ask = Ask().revocation(held.certificate, Reason.KEY_COMPROMISE, since=since).transaction(9, b"n")

    response = answer(await house.send(by_certificate(held, ask)))

    assert response.told[1].status == SUCCESS
    assert await revoked_for(house, held) == Reason.KEY_COMPROMISE
    (entry,) = await house.core.journal("certificate-revoked")
    assert entry.detail["invalid_since"] == house.core.clock.now() - 100
    assert entry.actor == "est:certificate-key:192.0.2.7"


async def test_a_suspended_subscriber_can_still_revoke_with_the_key_and_nothing_else(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    await house.core.desk.suspend("meter", actor="test")

    enroll = await house.send(by_certificate(held, Ask().certificate(Csr().der())))
    revoke = await house.send(by_certificate(held, Ask().revocation(held.certificate, Reason.KEY_COMPROMISE)))

    require_refused(enroll, 403, FailInfo.BAD_IDENTITY)
    assert answer(revoke).only.status == SUCCESS


async def test_a_code_revokes_where_the_key_is_lost(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    held = Held(answer(await house.send(by_code(sheet, key))).issued_to(key), key)
    ask = Ask().identification(sheet.account)
    ask.revocation(held.certificate, Reason.KEY_COMPROMISE, passphrase=code_of(sheet))

    reply = await house.send(message(ask.der(), None))

    assert reply.status == 200
    assert await revoked_for(house, held) == Reason.KEY_COMPROMISE


async def test_nothing_is_done_for_who_has_not_signed_and_shows_no_code(house: CmcHouse) -> None:
    held = await house.enrolled("meter")

    for ask in (Ask().certificate(Csr().der()), Ask().revocation(held.certificate, Reason.SUPERSEDED)):
        require_refused(await house.send(message(ask.der(), None)), 403, FailInfo.AUTH_DATA_FAIL)

    assert await revoked_for(house, held) is None


async def test_nobody_revokes_anothers(house: CmcHouse) -> None:
    mine, yours = await house.enrolled("meter"), await house.enrolled("other")

    reply = await house.send(by_certificate(mine, Ask().revocation(yours.certificate, Reason.SUPERSEDED)))

    require_refused(reply, 404, FailInfo.BAD_CERT_ID)
    assert await revoked_for(house, yours) is None


@pytest.mark.parametrize("reason", [Reason.CERTIFICATE_HOLD, Reason.CA_COMPROMISE, 7])
async def test_a_reason_that_is_not_a_subscribers_is_refused(house: CmcHouse, reason: int) -> None:
    held = await house.enrolled("meter")

    reply = await house.send(by_certificate(held, Ask().revocation(held.certificate, reason)))

    require_refused(reply, 400, FailInfo.BAD_REQUEST)


async def test_a_date_that_cannot_be_is_refused(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    since = datetime.fromtimestamp(house.core.clock.now() + DAY, UTC)

    reply = await house.send(by_certificate(held, Ask().revocation(held.certificate, Reason.SUPERSEDED, since=since)))

    require_refused(reply, 400, FailInfo.BAD_REQUEST)


async def test_what_an_officer_must_look_at_is_pending_and_can_be_asked_about(tmp_path: Path) -> None:
    async with cmc_house(tmp_path, reviewed(ApprovalRule.ALWAYS, "device")) as house:
        sheet, key = await house.core.register("meter", kind="device"), new_key()
        first = await house.send(by_code(sheet, key))
        assert first.status == 202
        assert header(first, "Retry-After") == "15"
        assert answer(first).only.status == PENDING
        await approve(house.core, 1)
        held = Held(answer(await house.send(by_code(sheet, key))).issued_to(key), key)
        await house.move(61 * DAY)
        ask = Ask().certificate(Csr(subject=held.certificate.subject).der())
        token = answer(await house.send(by_certificate(held, ask))).only.token
        assert token is not None

        waits = await house.send(by_certificate(held, Ask().query(token)))
        await approve(house.core, 2)
        found = await house.send(by_certificate(held, Ask().query(token)))

        assert (waits.status, answer(waits).only.token) == (202, token)
        assert (found.status, answer(found).only.status) == (200, SUCCESS)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[CmcHouse]:
    """Whose officers look at certificates for signing."""
    async with cmc_house(tmp_path, reviewed(ApprovalRule.ALWAYS, "signing")) as opened:
        yield opened


async def referred(office: CmcHouse) -> tuple[Held, bytes]:
    """A certificate for a device, and the token under which one for signing waits."""
    sheet, key = await office.core.register("meter", kind="device", profiles=("device", "signing")), new_key()
    held = Held(answer(await office.send(by_code(sheet, key))).issued_to(key), key)
    waits = await office.send(by_certificate(held, Ask().certificate(Csr().der())), operation="signing/fullcmc")
    token = answer(waits).only.token
    assert token is not None
    return held, token


async def test_what_an_officer_rejected_is_told_with_the_reason(office: CmcHouse) -> None:
    held, token = await referred(office)
    await office.core.referrals.reject(1, actor=OFFICER, note="no such meter")

    text = require_refused(await office.send(by_certificate(held, Ask().query(token))), 403, FailInfo.BAD_REQUEST)

    assert "no such meter" in text


async def test_what_nobody_decided_is_not_pending_any_more(office: CmcHouse) -> None:
    held, token = await referred(office)
    await office.move(31 * DAY)
    await office.core.referrals.turn()

    require_refused(await office.send(by_certificate(held, Ask().query(token))), 404, FailInfo.BAD_CERT_ID)


async def test_nobody_asks_what_became_of_anothers(office: CmcHouse) -> None:
    _, token = await referred(office)
    other = await office.enrolled("other")

    for unknown in (token, b"", b"e", b"r" + bytes(20), b"e" + bytes(8)):
        reply = await office.send(by_certificate(other, Ask().query(unknown)))
        require_refused(reply, 404, FailInfo.BAD_CERT_ID)


async def test_a_revocation_that_is_reviewed_is_pending_until_it_is_decided(tmp_path: Path) -> None:
    device = msgspec.structs.replace(BUILT_IN["device"], revocation=RevocationRule.REVIEWED)
    async with cmc_house(tmp_path, {**BUILT_IN, "device": device}) as house:
        key, held = new_key(), await house.enrolled("meter")
        sheet = await house.core.desk.new_sheet("meter", actor="test")
        await house.move(61 * DAY)
        other = Held(answer(await house.send(by_code(sheet, key))).issued_to(key), key)

        waits = await house.send(by_certificate(other, Ask().revocation(held.certificate, Reason.SUPERSEDED)))

        assert (waits.status, header(waits, "Retry-After")) == (202, "3600")
        query = Ask().query(answer(waits).only.token or b"")
        assert answer(await house.send(by_certificate(other, query))).only.status == PENDING
        await house.core.revocations.reject(1, actor=OFFICER)
        require_refused(await house.send(by_certificate(other, query)), 404, FailInfo.BAD_CERT_ID)
        await house.send(by_certificate(held, Ask().revocation(held.certificate, Reason.KEY_COMPROMISE)))
        assert answer(await house.send(by_certificate(other, query))).only.status == SUCCESS


async def test_a_rejected_revocation_is_not_asked_for_anew_by_who_repeats_it(tmp_path: Path) -> None:
    device = msgspec.structs.replace(BUILT_IN["device"], revocation=RevocationRule.REVIEWED)
    async with cmc_house(tmp_path, {**BUILT_IN, "device": device}) as house:
        held = await house.enrolled("meter")
        ask = Ask().revocation(held.certificate, Reason.SUPERSEDED)
        assert (await house.send(by_certificate(held, ask))).status == 202
        await house.core.revocations.reject(1, actor=OFFICER)

        # Signed anew, so that every octet of the signature is another: it is what is asked that was there before.
        require_refused(await house.send(by_certificate(held, ask)), 403, FailInfo.BAD_REQUEST)

        assert await house.core.revocations.requests() == []
        now = datetime.fromtimestamp(house.core.clock.now(), UTC)
        dated = message(ask.der(), held.key, held.certificate, signed_at=now)
        assert [(await house.send(dated)).status for _ in range(2)] == [202, 202]


async def test_a_connection_speaks_for_its_own_subscriber_only(house: CmcHouse) -> None:
    mine, yours = await house.enrolled("meter"), await house.enrolled("other")
    body = by_certificate(mine, Ask().revocation(mine.certificate, Reason.SUPERSEDED))

    require_refused(await house.send(body, peer=showing(yours.certificate)), 403, FailInfo.BAD_IDENTITY)
    assert (await house.send(body, peer=showing(mine.certificate))).status == 200


async def test_a_strangers_connection_takes_nothing_away(house: CmcHouse) -> None:
    mine = await house.enrolled("meter")
    body = by_certificate(mine, Ask().revocation(mine.certificate, Reason.SUPERSEDED))

    assert (await house.send(body, peer=Peer(CLIENT.address, certificate=b"what is this"))).status == 200


async def test_a_certificate_of_another_house_proves_nothing(house: CmcHouse) -> None:
    mine = await house.enrolled("meter")
    forged = Held(stranger(mine.certificate), new_key())

    reply = await house.send(by_certificate(forged, Ask().certificate(Csr().der())))

    require_refused(reply, 403, FailInfo.BAD_IDENTITY)


def test_an_adopted_certificate_without_key_usage_signs() -> None:
    assert _may_sign(certificate_of(new_key()))


async def test_one_proof_is_enough_and_two_are_refused(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    ask = Ask().certificate(Csr().der()).identification("meter")

    require_refused(await house.send(by_certificate(held, ask)), 403, FailInfo.AUTH_DATA_FAIL)


async def test_a_bare_key_proves_nobody(house: CmcHouse) -> None:
    key = new_key()

    reply = await house.send(message(Ask().certificate(Csr(key=key).der()).der(), key))

    require_refused(reply, 403, FailInfo.AUTH_DATA_FAIL)


async def test_what_is_no_signed_message_is_answered_in_plain_text(house: CmcHouse) -> None:
    for body in (b"", b"what is this", Csr().der()):
        reply = await house.send(body)
        assert (reply.status, header(reply, "Content-Type")) == (400, "text/plain; charset=utf-8")
    wrong = msgspec.structs.replace(request(b"x"), headers={"content-type": "application/pkcs10"})
    assert (await house.est.answer(wrong)).status == 415
    assert (await house.send(bytes(65 * 1024))).status == 413


async def test_a_content_that_is_no_pki_data_gets_a_signed_answer(house: CmcHouse) -> None:
    key = new_key()

    require_refused(await house.send(message(b"what is this", key)), 400, FailInfo.BAD_REQUEST)
    data = message(b"x", key, content_type="1.2.840.113549.1.7.1")
    require_refused(await house.send(data), 400, FailInfo.BAD_REQUEST)


async def test_a_label_demands_of_a_request_what_it_always_demands(tmp_path: Path) -> None:
    labels = {**LABELS, "device": Label(csrattrs=CsrAttributes.ENFORCED)}
    async with cmc_house(tmp_path, labels=labels) as house:
        sheet, key = await house.core.register("meter", kind="device"), new_key()

        reply = await house.send(by_code(sheet, key), operation="device/fullcmc")

        assert answer(reply).only.status == FAILED


def altered(body: bytes, alter: Callable[[cms_asn1.SignedData], None]) -> bytes:
    """A message of which something else than its content is another."""
    info = cms_asn1.ContentInfo.load(body)
    alter(info["content"])
    changed: bytes = info.dump(force=True)
    return changed


async def test_a_message_has_one_signature_at_most(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    body = by_certificate(held, Ask().certificate(Csr().der()))

    def sign_twice(signed: cms_asn1.SignedData) -> None:
        other = message(Ask().certificate(Csr().der()).der(), new_key())
        signed["signer_infos"].append(cms_asn1.ContentInfo.load(other)["content"]["signer_infos"][0])

    require_refused(await house.send(altered(body, sign_twice)), 403, FailInfo.AUTH_DATA_FAIL)


async def test_an_algorithm_off_the_list_is_said_to_be_one(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    body = by_certificate(held, Ask().certificate(Csr().der()))

    def weaken(signed: cms_asn1.SignedData) -> None:
        signed["signer_infos"][0]["digest_algorithm"] = {"algorithm": "sha1"}

    require_refused(await house.send(altered(body, weaken)), 400, FailInfo.BAD_ALG)


async def test_a_signer_may_be_named_by_the_key_of_an_enclosed_certificate(house: CmcHouse) -> None:
    held, other = await house.enrolled("meter"), await house.enrolled("other")
    body = by_certificate(held, Ask().revocation(held.certificate, Reason.SUPERSEDED))

    def name_the_key(signed: cms_asn1.SignedData) -> None:
        named = held.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        signed["signer_infos"][0]["sid"] = cms_asn1.SignerIdentifier("subject_key_identifier", octets(named))
        # Others may be enclosed as well, ours or not.
        enclosed = (other.certificate, stranger(held.certificate), house.core.authority.root, held.certificate)
        signed["certificates"] = [asn1_x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in enclosed]

    assert answer(await house.send(altered(body, name_the_key))).only.status == SUCCESS
    assert await revoked_for(house, held) == Reason.SUPERSEDED


async def test_a_serial_number_that_nobody_has_is_nobodys(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    for serial in (-1, 0, 1, 2**160, 2**8000):
        ask = Ask()
        named = {"issuer": asn1_x509.Name.load(held.certificate.issuer.public_bytes()), "serial": serial, "reason": "4"}
        ask.control(17, RevokeRequest(named))
        require_refused(await house.send(by_certificate(held, ask)), 404, FailInfo.BAD_CERT_ID)


async def test_a_signing_time_may_be_written_with_the_whole_year(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    ask = Ask().certificate(Csr(key=key).der()).proof(sheet.account, code_of(sheet))
    moment = datetime.fromtimestamp(house.core.clock.now(), UTC)

    reply = await house.send(message(ask.der(), key, signed_at=cms_asn1.Time({"generalized_time": moment})))

    assert reply.status == 200


async def test_a_signing_time_that_cannot_be_read_is_refused(house: CmcHouse) -> None:
    key = new_key()
    moment = datetime.fromtimestamp(house.core.clock.now(), UTC)
    body = message(Ask().certificate(Csr(key=key).der()).der(), key, signed_at=moment)

    require_refused(await house.send(body.replace(b"\x17\x0d30", b"\x17\x0dXX")), 400, FailInfo.BAD_REQUEST)


async def test_a_label_that_needs_a_client_certificate_needs_it_here_too(tmp_path: Path) -> None:
    labels = {**LABELS, "device": Label(client_certificate=ClientCertificate.REQUIRED)}
    async with cmc_house(tmp_path, labels=labels) as house:
        sheet = await house.core.register("meter", kind="device")

        reply = await house.send(by_code(sheet, new_key()))

        require_refused(reply, 403, FailInfo.AUTH_DATA_FAIL)


async def test_a_label_that_needs_a_client_certificate_needs_one_that_is_good(tmp_path: Path) -> None:
    gate = msgspec.structs.replace(BUILT_IN["device"], name="gate")
    labels = {**LABELS, "gate": Label(client_certificate=ClientCertificate.REQUIRED)}
    async with cmc_house(tmp_path, {**BUILT_IN, "gate": gate}, labels) as house:
        sheet = await house.core.register("meter", kind="device", profiles=("device", "gate"))
        revoked, key = await enrolled_by(house, sheet), new_key()
        await house.core.revocations.revoke(
            f"{revoked.certificate.serial_number:040x}", Reason.SUPERSEDED, actor="test"
        )
        held = await enrolled_by(house, sheet)
        body = by_certificate(held, Ask().certificate(Csr(key=key).der()))

        shown = await house.send(body, operation="gate/fullcmc", peer=showing(revoked.certificate))

        require_refused(shown, 403, FailInfo.BAD_CERT_ID)
        good = await house.send(body, operation="gate/fullcmc", peer=showing(held.certificate))
        assert answer(good).only.status == SUCCESS


async def enrolled_by(house: CmcHouse, sheet: Sheet) -> Held:
    key = new_key()
    return Held(answer(await house.send(by_code(sheet, key))).issued_to(key), key)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[tuple[CmcHouse, Held]]:
    """A house, and the certificate of a client that may ask for two others."""
    label = Label(ra_clients={"gateway": ("meter-1", "meter-2")})
    async with cmc_house(tmp_path, labels={**LABELS, "device": label}) as opened:
        for account in ("meter-1", "meter-2", "meter-3"):
            await opened.core.register(account, kind="device")
        yield opened, await opened.enrolled("gateway")


def for_account(account: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    return Csr(key=key, subject=x509.Name.from_rfc4514_string(f"CN={account},O=Example,C=TW")).der()


async def test_a_client_that_may_ask_for_others_asks_for_several_at_once(gateway: tuple[CmcHouse, Held]) -> None:
    house, held = gateway
    keys = [new_key() for _ in range(3)]
    ask = Ask()
    for number, key in enumerate(keys, start=1):
        ask.certificate(for_account(f"meter-{number}", key))

    response = answer(await house.send(by_certificate(held, ask)))

    assert [response.told[part].status for part in (1, 2, 3)] == [SUCCESS, SUCCESS, FAILED]
    assert response.issued_to(keys[1]).subject.rfc4514_string() == "CN=meter-2,O=Example,C=TW"


async def test_a_client_that_may_ask_for_others_revokes_theirs_only(gateway: tuple[CmcHouse, Held]) -> None:
    house, held = gateway
    key = new_key()
    asked = answer(await house.send(by_certificate(held, Ask().certificate(for_account("meter-1", key)))))
    other = await house.enrolled("stranger")

    mine = await house.send(by_certificate(held, Ask().revocation(asked.issued_to(key), Reason.SUPERSEDED)))
    others = await house.send(by_certificate(held, Ask().revocation(other.certificate, Reason.SUPERSEDED)))

    assert answer(mine).only.status == SUCCESS
    require_refused(others, 404, FailInfo.BAD_CERT_ID)
    assert await revoked_for(house, Held(asked.issued_to(key), key)) == Reason.SUPERSEDED


@asynccontextmanager
async def asking_for_others(folder: Path, rule: RaCertificate) -> AsyncIterator[tuple[CmcHouse, Sheet]]:
    """A house whose officers look at certificates for signing, and the sheet of who asks for a meter's."""
    usages = frozenset({ExtendedUsage.CLIENT_AUTH, ExtendedUsage.CMC_RA})
    ra = msgspec.structs.replace(BUILT_IN["device"], name="ra", extended_key_usage=usages)
    profiles = {**reviewed(ApprovalRule.ALWAYS, "signing"), "ra": ra}
    label = Label(ra_clients={"gateway": ("meter",)}, ra_certificate=rule)
    async with cmc_house(folder, profiles, {**LABELS, "signing": label, "ra": Label()}) as house:
        await house.core.register("meter", kind="device", profiles=("signing",))
        yield house, await house.core.register("gateway", kind="device", profiles=("device", "ra"))


async def enrolled_as(house: CmcHouse, sheet: Sheet, profile: str) -> Held:
    key = new_key()
    reply = await house.send(by_code(sheet, key), operation=f"{profile}/fullcmc")
    return Held(answer(reply).issued_to(key), key)


async def test_who_asked_for_others_finds_it_by_a_newer_certificate(tmp_path: Path) -> None:
    async with asking_for_others(tmp_path, RaCertificate.ANY) as (house, sheet):
        old, key = await enrolled_as(house, sheet, "device"), new_key()
        asked = by_certificate(old, Ask().certificate(for_account("meter", key)))
        token = answer(await house.send(asked, operation="signing/fullcmc")).only.token or b""
        await house.move(61 * DAY)
        new = await enrolled_as(house, sheet, "device")

        waits = await house.send(by_certificate(new, Ask().query(token)))
        await approve(house.core, 1)
        found = await house.send(by_certificate(new, Ask().query(token)))

        assert (waits.status, answer(found).only.status) == (202, SUCCESS)
        assert answer(found).issued_to(key).subject.rfc4514_string() == "CN=meter,O=Example,C=TW"


async def test_a_certificate_that_could_not_ask_for_others_finds_nothing_of_theirs(tmp_path: Path) -> None:
    async with asking_for_others(tmp_path, RaCertificate.CMC_RA) as (house, sheet):
        held, plain = await enrolled_as(house, sheet, "ra"), await enrolled_as(house, sheet, "device")
        asked = by_certificate(held, Ask().certificate(for_account("meter", new_key())))
        token = answer(await house.send(asked, operation="signing/fullcmc")).only.token or b""

        assert (await house.send(by_certificate(held, Ask().query(token)))).status == 202
        require_refused(await house.send(by_certificate(plain, Ask().query(token))), 404, FailInfo.BAD_CERT_ID)


@pytest.mark.parametrize("binding", [None, bytes(range(32))], ids=["no binding", "another binding"])
async def test_a_challenge_of_another_connection_is_refused(house: CmcHouse, binding: bytes | None) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    body = by_code(sheet, key, Csr(key=key, challenge=b"abc"))

    reply = await house.send(body, peer=Peer(CLIENT.address, tls_exporter=binding))

    # RFC 7030, 3.5.
    assert "channel" in require_refused(reply, 403, FailInfo.POP_FAILED)


async def test_a_request_that_must_be_bound_and_is_not_has_failed_to_prove_possession(tmp_path: Path) -> None:
    labels = {**LABELS, "device": Label(challenge_password=ChallengePassword.POP_REQUIRED)}
    async with cmc_house(tmp_path, labels=labels) as house:
        sheet = await house.core.register("meter", kind="device")

        reply = await house.send(by_code(sheet, new_key()), operation="device/fullcmc")

    assert "bound to its TLS connection" in require_refused(reply, 403, FailInfo.POP_FAILED)


async def test_a_sheet_from_before_proofs_cannot_prove(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE credentials SET proof_key = NULL")

    require_refused(await house.send(by_code(sheet, key)), 403, FailInfo.BAD_IDENTITY)


def octets(value: bytes) -> core.OctetString:
    return core.OctetString(value)


def stranger(like: x509.Certificate) -> x509.Certificate:
    """A certificate that says what another one says, and is signed by somebody else."""
    key = new_key()
    builder = x509.CertificateBuilder(like.issuer, like.subject, key.public_key(), like.serial_number + 1)
    builder = builder.not_valid_before(like.not_valid_before_utc).not_valid_after(like.not_valid_after_utc)
    return builder.sign(key, SHA256())


async def test_without_anybody_to_sign_the_answer_nothing_is_done(house: CmcHouse) -> None:
    sheet = await house.core.register("meter", kind="device")
    house.core.clock.move(40 * DAY)

    reply = await house.send(by_code(sheet, new_key()))

    assert (reply.status, header(reply, "Retry-After")) == (503, "5")
    assert not await house.core.certificates()
