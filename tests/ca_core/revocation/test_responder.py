"""RFC 6960 over the real core: what is answered, what is kept ready, and when it is let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp as reference

from ca_core.applicant import Door
from ca_core.errors import NotFound, StoreUnavailable, Throttled
from ca_core.policy.request import parse
from ca_core.revocation import responder as responder_module
from ca_core.revocation.ocsp import Answer
from ca_core.revocation.reason import Reason
from ca_core.store import revocations, statuses
from ca_core.store.database import Transaction
from protocols.status import ocsp
from tests.builders.core import Core
from tests.builders.est import Csr
from tests.builders.ocsp import HASHES, LIFETIME_SECONDS, Answering, answering, asking, cert_id, issued, opened

GOOD, REVOKED, UNKNOWN = (reference.OCSPCertStatus[name] for name in ("GOOD", "REVOKED", "UNKNOWN"))


@pytest.fixture
async def office(core: Core, tmp_path: Path) -> Answering:
    built = answering(core, tmp_path)
    await built.turn()
    return built


async def ask(core: Core, office: Answering, *serials: int, nonce: bytes | None = None) -> Answer:
    asked = [cert_id(serial, core.authority.issuing) for serial in serials]
    return await office.responder.answer(ocsp.read(asking(*asked, nonce=nonce)))


async def status(core: Core, office: Answering, serial: int) -> reference.OCSPCertStatus:
    return opened((await ask(core, office, serial)).der).certificate_status


async def revoke(core: Core, serial: int, reason: Reason = Reason.SUPERSEDED) -> None:
    await core.revocations.revoke(f"{serial:040x}", reason, actor="test")


async def test_an_answer_is_signed_by_a_delegate_of_the_issuer(core: Core, office: Answering) -> None:
    serial = await issued(core)

    found = opened((await ask(core, office, serial)).der)

    assert found.certificate_status is GOOD
    (delegate,) = found.certificates
    delegate.verify_directly_issued_by(core.authority.issuing)
    assert x509.OID_OCSP_SIGNING in delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    delegate.extensions.get_extension_for_class(x509.OCSPNoCheck)
    key = delegate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(found.signature, found.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("algorithm", HASHES)
async def test_every_way_of_naming_the_issuer_is_answered_alike(
    core: Core, office: Answering, algorithm: x509.ObjectIdentifier
) -> None:
    asked = cert_id(await issued(core), core.authority.issuing, algorithm=algorithm)

    answer = await office.responder.answer(ocsp.read(asking(asked)))

    assert asked in answer.der
    assert opened(answer.der).certificate_status is GOOD


async def test_a_revoked_certificate_is_shown_with_time_and_reason(core: Core, office: Answering) -> None:
    serial = await issued(core)
    await revoke(core, serial, Reason.KEY_COMPROMISE)

    found = opened((await ask(core, office, serial)).der)

    assert found.certificate_status is REVOKED
    assert found.revocation_reason is x509.ReasonFlags.key_compromise
    assert found.revocation_time_utc.timestamp() == core.clock.now()  # type: ignore[union-attr]  # it is revoked


async def test_a_certificate_on_hold_is_revoked_for_that_reason(core: Core, office: Answering) -> None:
    serial = await issued(core)
    hold, now = Reason.CERTIFICATE_HOLD, core.clock.now()
    async with core.database.write() as tx:
        await revocations.insert(
            tx, f"{serial:040x}", "issuing", shard=0, not_after=now, reason=hold, entry=b"", now=now
        )

    assert opened((await ask(core, office, serial)).der).revocation_reason is x509.ReasonFlags.certificate_hold


async def test_a_serial_that_was_never_issued_is_unknown_and_nothing_is_kept_of_it(
    core: Core, office: Answering
) -> None:
    answer = await ask(core, office, 4711)

    assert opened(answer.der).certificate_status is UNKNOWN
    assert not answer.is_ready_made


@pytest.mark.parametrize("serial", [0, -1, 1 << 1000])
async def test_a_serial_that_cannot_be_is_unknown(core: Core, office: Answering, serial: int) -> None:
    assert await status(core, office, serial) is UNKNOWN


async def test_a_certificate_of_somebody_elses_is_not_ours_to_judge(core: Core, office: Answering) -> None:
    for issuer in (None, core.authority.root):
        with pytest.raises(NotFound):
            await office.responder.answer(ocsp.read(asking(cert_id(1, issuer))))


async def test_one_foreigner_among_ours_makes_the_whole_question_foreign(core: Core, office: Answering) -> None:
    ours = cert_id(await issued(core), core.authority.issuing)

    with pytest.raises(NotFound):
        await office.responder.answer(ocsp.read(asking(ours, cert_id(1))))


async def test_several_certificates_get_one_answer_in_the_order_of_the_question(core: Core, office: Answering) -> None:
    first, second = await issued(core), await issued(core, "other")
    await revoke(core, second)

    found = opened((await ask(core, office, first, 4711, second)).der)

    assert [(one.serial_number, one.certificate_status) for one in found.responses] == [
        (first, GOOD),
        (4711, UNKNOWN),
        (second, REVOKED),
    ]


async def test_the_same_question_gets_the_same_bytes_until_half_of_their_life_is_over(
    core: Core, office: Answering
) -> None:
    serial = await issued(core)
    first = await ask(core, office, serial)

    core.clock.move(LIFETIME_SECONDS // 2 - 1)
    await office.turn()
    again = await ask(core, office, serial)
    core.clock.move(1)
    await office.turn()
    anew = await ask(core, office, serial)

    assert again is first
    assert anew.this_update == core.clock.now()


async def test_a_nonce_is_repeated_and_the_answer_is_kept_for_nobody(core: Core, office: Answering) -> None:
    serial = await issued(core)
    plain = await ask(core, office, serial)

    answer = await ask(core, office, serial, nonce=b"n" * 16)

    assert opened(answer.der).extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16
    assert not office.responder.stands(answer, core.clock.now())
    assert await ask(core, office, serial) is plain


async def test_a_revocation_by_another_process_is_seen_at_the_next_turn(core: Core, office: Answering) -> None:
    serial, other = await issued(core), await issued(core, "other")
    kept = await ask(core, office, other)
    assert await status(core, office, serial) is GOOD

    await revoke(core, serial)
    await office.responder.turn()

    assert await status(core, office, serial) is REVOKED
    assert await ask(core, office, other) is kept


async def test_a_released_hold_is_seen_at_the_next_turn(core: Core, office: Answering) -> None:
    serial = await issued(core)
    await revoke(core, serial)
    assert await status(core, office, serial) is REVOKED

    async with core.database.write() as tx:
        await tx.execute("DELETE FROM revocations")
        await statuses.mark_changed(tx, f"{serial:040x}", now=core.clock.now())
    await office.responder.turn()

    assert await status(core, office, serial) is GOOD


async def test_an_answer_that_was_looked_up_before_a_change_is_not_kept(
    core: Core, office: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial = await issued(core)
    sign = responder_module.Responder._signed

    async def revoked_meanwhile(*arguments: object) -> Answer:
        await revoke(core, serial)
        await office.responder.turn()
        return await sign(*arguments)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(responder_module.Responder, "_signed", revoked_meanwhile)
    stale = await ask(core, office, serial)
    monkeypatch.undo()

    assert opened(stale.der).certificate_status is GOOD
    assert await status(core, office, serial) is REVOKED


async def test_a_responder_that_cannot_look_gives_nothing_that_was_ready(core: Core, office: Answering) -> None:
    serial = await issued(core)
    first = await ask(core, office, serial)

    core.clock.move(responder_module.BLIND_SECONDS)

    assert not office.responder.stands(first, core.clock.now())
    assert await ask(core, office, serial) is not first


async def test_a_clock_that_goes_back_gives_nothing_of_the_future(core: Core, office: Answering) -> None:
    first = await ask(core, office, await issued(core))
    core.clock.move(-10)

    assert not office.responder.stands(first, core.clock.now())


async def test_no_answer_outlives_the_certificate_of_its_signer(core: Core, office: Answering) -> None:
    serial = await issued(core)
    delegate = office.delegates.of("issuing")
    core.clock.move(delegate.not_after - core.clock.now() - 100)

    assert (await ask(core, office, serial)).next_update == delegate.not_after


async def test_without_a_certified_signer_the_answer_is_to_come_later(core: Core, office: Answering) -> None:
    serial = await issued(core)
    core.clock.move(8 * 86_400)

    with pytest.raises(StoreUnavailable):
        await ask(core, office, serial)


async def test_a_new_signer_makes_every_answer_anew(core: Core, office: Answering) -> None:
    serial = await issued(core)
    first = await ask(core, office, serial)
    await revoke(core, int(office.delegates.of("issuing").serial, 16), Reason.KEY_COMPROMISE)

    await office.turn()

    anew = opened((await ask(core, office, serial)).der)
    assert anew.certificates != opened(first.der).certificates


async def test_who_asks_for_too_many_signatures_waits(
    core: Core, office: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial = await issued(core)
    monkeypatch.setattr(responder_module, "MOST_AT_ONCE", 3)
    read = core.database.read

    @asynccontextmanager
    async def read_slowly() -> AsyncIterator[Transaction]:
        # Else each answer would be ready before the next question is looked at.
        await asyncio.sleep(0)
        async with read() as tx:
            yield tx

    monkeypatch.setattr(core.database, "read", read_slowly)

    outcomes = await asyncio.gather(
        *(ask(core, office, serial, nonce=bytes((number,))) for number in range(10)), return_exceptions=True
    )

    assert sum(isinstance(outcome, Throttled) for outcome in outcomes) == 7
    assert await status(core, office, serial) is GOOD


async def test_changes_are_forgotten_once_no_answer_is_so_old(core: Core, office: Answering) -> None:
    await revoke(core, await issued(core))

    core.clock.move(LIFETIME_SECONDS)
    await office.responder.turn()
    assert await core.count("status_changes") == 1
    core.clock.move(2 * 3600)
    await office.responder.turn()

    assert await core.count("status_changes") == 0


async def test_a_store_that_cannot_be_read_makes_askers_come_later(
    core: Core, office: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial = await issued(core)

    def unreadable() -> None:
        raise StoreUnavailable("the disk is away", retry_after_seconds=2)

    monkeypatch.setattr(core.database, "read", unreadable)

    with pytest.raises(StoreUnavailable):
        await ask(core, office, serial)
    with pytest.raises(StoreUnavailable):
        await office.responder.turn()


async def test_an_intention_is_unknown(core: Core, office: Answering) -> None:
    sheet = await core.register("acc", kind="device")
    assert sheet.enrollment_code is not None
    who = await core.sign_in.by_enrollment_code("acc", sheet.enrollment_code, source="x", door=Door.EST)
    serial = (await core.enroll(who, parse(Csr().der()))).serial
    async with core.database.write() as tx:
        await tx.execute("UPDATE certificates SET state = 'intended' WHERE serial = :serial", serial=serial)

    assert await status(core, office, int(serial, 16)) is UNKNOWN
