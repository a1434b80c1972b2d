from __future__ import annotations

import asyncio

import msgspec
import pytest
from cryptography import x509

from ca_core.applicant import Door
from ca_core.errors import Busy, InProgress, KeyUnavailable
from ca_core.issuance.authorities import Authorities
from ca_core.issuance.issuer import CheckFailed, Issuer
from ca_core.issuance.lint import LintFailed
from ca_core.issuance.linter import Linter
from ca_core.policy.decision import Wish
from ca_core.policy.profile import BUILT_IN, DEVICE
from ca_core.policy.request import CertificationRequest, parse
from ca_core.store import certificates
from ca_core.store.certificates import Intention
from tests.builders import csr
from tests.builders.ca_key import with_key
from tests.builders.core import Core
from tests.builders.est import Csr


async def intended(core: Core) -> tuple[Intention, CertificationRequest, bytes]:
    await core.register("acc", kind="device")
    registration = await core.desk.show("acc")
    request = parse(Csr().der())
    wish = Wish(DEVICE, registration.subject_der, frozenset())
    intention = core.issuer.plan(
        registration, wish, request, door=Door.EST, request_key="k", issuer_name=None, now=core.clock.now()
    )
    async with core.database.write() as tx:
        await certificates.intend(tx, intention, now=core.clock.now())
    return intention, request, registration.subject_der


async def complete(issuer: Issuer, intention: Intention, request: CertificationRequest, subject_der: bytes) -> None:
    await issuer.complete(intention, DEVICE, subject_der=subject_der, spki=request.spki, actor="test")


async def test_an_intention_left_by_a_crash_is_finished_with_its_serial_and_bytes(core: Core) -> None:
    intention, *_ = await intended(core)

    finished = await core.recover()

    (certificate,) = await core.certificates()
    assert finished == 1
    assert certificate.serial == intention.serial
    assert x509.load_der_x509_certificate(certificate.der).tbs_certificate_bytes == intention.tbs
    (entry,) = await core.journal("certificate-issued")
    assert entry.detail["recovered"] is True


async def test_recovering_again_finds_nothing(core: Core) -> None:
    await intended(core)
    await core.recover()

    assert await core.recover() == 0
    assert len(await core.journal("certificate-issued")) == 1


async def test_an_intention_of_a_suspended_registration_is_given_up_and_its_serial_revoked(core: Core) -> None:
    intention, *_ = await intended(core)
    await core.desk.suspend("acc", actor="test")

    await core.recover()

    assert await core.certificates() == []
    await core.publisher.turn()
    crl = x509.load_der_x509_crl((await core.publisher.newest("issuing")).der)
    assert crl.get_revoked_certificate_by_serial_number(int(intention.serial, 16)) is not None
    (entry,) = await core.journal("intention-abandoned")
    assert "suspended" in entry.detail["why"]


async def test_an_intention_of_a_profile_that_is_gone_is_given_up(core: Core) -> None:
    await intended(core)

    await core.issuer.recover({}, before=core.clock.now())

    (entry,) = await core.journal("intention-abandoned")
    assert entry.detail["why"] == "the profile is gone"


async def test_an_intention_that_the_registration_has_outgrown_is_given_up_by_the_lint(core: Core) -> None:
    await intended(core)
    shorter = {**BUILT_IN, "device": BUILT_IN["signing"]}

    await core.issuer.recover(shorter, before=core.clock.now())

    assert await core.certificates() == []
    assert len(await core.journal("intention-abandoned")) == 1


async def test_a_request_that_finishes_after_the_recovery_gets_what_the_recovery_stored(core: Core) -> None:
    intention, request, subject_der = await intended(core)
    await core.recover()

    await complete(core.issuer, intention, request, subject_der)

    assert len(await core.journal("certificate-issued")) == 1


async def test_a_request_that_finishes_together_with_the_recovery_gets_what_was_stored(core: Core) -> None:
    intention, request, subject_der = await intended(core)

    await asyncio.gather(core.recover(), *(complete(core.issuer, intention, request, subject_der) for _ in range(3)))

    assert len(await core.journal("certificate-issued")) == 1
    assert [one.serial for one in await core.certificates()] == [intention.serial]


async def test_a_request_that_finishes_after_its_intention_was_given_up_gets_nothing(core: Core) -> None:
    intention, request, subject_der = await intended(core)
    await core.issuer.recover({}, before=core.clock.now())

    with pytest.raises(InProgress):
        await complete(core.issuer, intention, request, subject_der)

    assert await core.certificates() == []


async def test_bytes_that_do_not_pass_the_lint_are_never_signed(core: Core) -> None:
    intention, request, _ = await intended(core)
    issuer, key = with_key(core)
    key.busy = True

    with pytest.raises(LintFailed, match="subject"):
        await complete(issuer, intention, request, csr.SUBJECT.encode())

    assert len(await core.journal("intention-abandoned")) == 1


async def test_a_signature_that_does_not_verify_is_never_stored(core: Core) -> None:
    intention, request, subject_der = await intended(core)
    issuer, key = with_key(core)
    key.lies = True

    with pytest.raises(CheckFailed):
        await complete(issuer, intention, request, subject_der)

    assert await core.certificates() == []
    assert len(await core.journal("intention-abandoned")) == 1


async def test_a_key_that_is_away_leaves_the_intention_for_later(core: Core) -> None:
    intention, request, subject_der = await intended(core)
    issuer, key = with_key(core)
    key.busy = True
    with pytest.raises(Busy):
        await complete(issuer, intention, request, subject_der)

    assert await issuer.recover(BUILT_IN, before=core.clock.now()) == 0
    key.busy = False
    assert await issuer.recover(BUILT_IN, before=core.clock.now()) == 1

    assert [certificate.serial for certificate in await core.certificates()] == [intention.serial]


async def test_what_a_busy_key_left_is_finished_as_soon_as_the_key_is_back(core: Core) -> None:
    intention, request, subject_der = await intended(core)
    issuer, key = with_key(core)
    key.busy = True
    with pytest.raises(Busy):
        await complete(issuer, intention, request, subject_der)
    await issuer.finish_left(BUILT_IN)
    assert await core.certificates() == []

    key.busy = False
    await issuer.finish_left(BUILT_IN)

    assert [certificate.serial for certificate in await core.certificates()] == [intention.serial]


async def test_an_intention_that_is_being_signed_is_nobody_elses_to_finish(core: Core) -> None:
    await intended(core)

    await core.issuer.finish_left(BUILT_IN)

    assert await core.certificates() == []


async def test_what_was_left_and_finished_by_another_turn_is_left_alone(core: Core) -> None:
    intention, request, subject_der = await intended(core)
    issuer, key = with_key(core)
    key.busy = True
    with pytest.raises(Busy):
        await complete(issuer, intention, request, subject_der)
    await core.recover()

    await issuer.finish_left(BUILT_IN)

    assert len(await core.journal("certificate-issued")) == 1


async def test_a_recovery_with_a_busy_key_loses_no_intention_and_finishes_it_later(core: Core) -> None:
    intention, *_ = await intended(core)
    issuer, key = with_key(core)
    key.busy = True

    finished = await issuer.recover(BUILT_IN, before=core.clock.now())

    assert finished == 0
    key.busy = False
    await issuer.finish_left(BUILT_IN)
    assert [certificate.serial for certificate in await core.certificates()] == [intention.serial]


async def test_nobody_waits_long_at_a_door_for_a_slow_key_and_the_certificate_follows(core: Core) -> None:
    intention, request, subject_der = await intended(core)
    issuer, key = with_key(core, patience_seconds=0.02)
    key.takes_seconds = 0.1

    with pytest.raises(KeyUnavailable, match="slow; the signature follows"):
        await complete(issuer, intention, request, subject_der)
    assert await core.certificates() == []
    await issuer.finish_left(BUILT_IN)

    assert [certificate.serial for certificate in await core.certificates()] == [intention.serial]


async def test_with_a_key_that_is_known_to_be_away_nothing_is_begun(core: Core) -> None:
    await core.register("acc", kind="device")
    registration = await core.desk.show("acc")
    issuer, key = with_key(core)
    key.rests = True
    wish = Wish(DEVICE, registration.subject_der, frozenset())

    with pytest.raises(KeyUnavailable):
        issuer.plan(
            registration,
            wish,
            parse(Csr().der()),
            door=Door.EST,
            request_key=None,
            issuer_name=None,
            now=core.clock.now(),
        )


async def test_only_intentions_that_are_old_enough_are_recovered(core: Core) -> None:
    await intended(core)

    assert await core.issuer.recover(BUILT_IN, before=core.clock.now() - 1) == 0


async def test_an_intention_of_a_ca_that_has_expired_is_given_up(core: Core) -> None:
    intention, *_ = await intended(core)
    core.clock.move(11 * 365 * 86_400)

    await core.recover()

    assert await core.certificates() == []
    (entry,) = await core.journal("intention-abandoned")
    assert (entry.serial, entry.detail["why"]) == (intention.serial, "its CA has expired")


async def test_a_ca_that_cannot_be_used_is_busy_to_who_asks_and_keeps_the_intention(core: Core) -> None:
    intention, request, subject = await intended(core)
    (one,) = core.issuer._authorities.all()
    broken = Authorities([msgspec.structs.replace(one, key=None, trouble="the key file is gone")])
    issuer = Issuer(core.database, core.clock, broken, Linter())

    with pytest.raises(KeyUnavailable, match="again later"):
        await complete(issuer, intention, request, subject)
    wish = Wish(DEVICE, subject, frozenset())
    registration = await core.desk.show("acc")
    with pytest.raises(KeyUnavailable, match="again later"):
        issuer.plan(
            registration, wish, request, door=Door.EST, request_key=None, issuer_name=None, now=core.clock.now()
        )

    await core.recover()
    assert [certificate.serial for certificate in await core.certificates()] == [intention.serial]
