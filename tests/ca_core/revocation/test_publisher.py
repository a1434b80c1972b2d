from __future__ import annotations

import asyncio

import pytest
from cryptography import x509

from ca_core.applicant import Door
from ca_core.errors import AlreadyRevoked, BadReason, NotFound
from ca_core.policy.request import parse
from ca_core.revocation.reason import Reason
from ca_core.store.certificates import Certificate
from tests.builders.core import CRL_SECONDS, Core
from tests.builders.est import Csr


async def issued(core: Core, account: str = "acc") -> Certificate:
    sheet = await core.register(account, kind="device")
    assert sheet.enrollment_code is not None
    who = await core.sign_in.by_enrollment_code(account, sheet.enrollment_code, source="x", door=Door.EST)
    return await core.enroll(who, parse(Csr().der()))


async def crl(core: Core) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl((await core.publisher.newest("issuing")).der)


def number(found: x509.CertificateRevocationList) -> int:
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


async def test_a_revocation_is_on_the_next_crl_with_its_date_and_reason(core: Core) -> None:
    certificate = await issued(core)
    await core.revocations.revoke(certificate.serial, Reason.KEY_COMPROMISE, actor="test")

    await core.publisher.turn()

    entry = (await crl(core)).get_revoked_certificate_by_serial_number(int(certificate.serial, 16))
    assert entry is not None
    assert int(entry.revocation_date_utc.timestamp()) == core.clock.now()
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.key_compromise


async def test_the_first_revocation_stays(core: Core) -> None:
    certificate = await issued(core)
    outcomes = await asyncio.gather(
        *(core.revocations.revoke(certificate.serial, reason, actor="test") for reason in list(Reason)[1:6]),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, AlreadyRevoked) for outcome in outcomes) == 4
    assert len(await core.journal("certificate-revoked")) == 1


async def test_what_was_never_issued_cannot_be_revoked(core: Core) -> None:
    with pytest.raises(NotFound):
        await core.revocations.revoke("00" * 20, Reason.UNSPECIFIED, actor="test")


async def test_a_turn_with_nothing_to_do_publishes_nothing(core: Core) -> None:
    await core.publisher.turn()
    first = await core.publisher.newest("issuing")

    await core.publisher.turn()

    assert await core.publisher.newest("issuing") == first


async def test_a_crl_is_replaced_before_half_of_its_life_is_over(core: Core) -> None:
    await core.publisher.turn()
    first = number(await crl(core))
    core.clock.move(CRL_SECONDS * 45 // 100 - 1)
    await core.publisher.turn()
    assert number(await crl(core)) == first

    core.clock.move(1)
    await core.publisher.turn()

    assert number(await crl(core)) == core.clock.now() > first


async def test_many_publishers_at_once_never_go_back(core: Core) -> None:
    published = await asyncio.gather(*(core.publisher.publish_all() for _ in range(10)))

    numbers = sorted(edition.number for batch in published for edition in batch)
    assert numbers == [core.clock.now() + step for step in range(10)]
    assert number(await crl(core)) == numbers[-1]


async def test_openssl_names_and_key_identifiers_of_the_crl_are_the_issuers(core: Core) -> None:
    await core.publisher.turn()
    found = await crl(core)

    assert found.is_signature_valid(core.authority.issuing.public_key())  # type: ignore[arg-type]  # our own key
    assert found.issuer == core.authority.issuing.subject


async def test_a_crl_of_nobody_is_not_found(core: Core) -> None:
    with pytest.raises(NotFound):
        await core.publisher.newest("issuing")


@pytest.mark.parametrize("reason", [Reason.REMOVE_FROM_CRL, Reason.CERTIFICATE_HOLD])
async def test_a_reason_that_is_not_for_ever_revokes_nothing(core: Core, reason: Reason) -> None:
    certificate = await issued(core)

    with pytest.raises(BadReason):
        await core.revocations.revoke(certificate.serial, reason, actor="test")

    found = await core.revocations.certificate(certificate.serial)
    assert found is not None
    assert found.revoked_at is None


async def test_a_crl_from_the_future_is_replaced(core: Core) -> None:
    core.clock.move(1000)
    await core.publisher.turn()
    core.clock.move(-1000)

    await core.publisher.turn()

    assert int((await crl(core)).last_update_utc.timestamp()) == core.clock.now()
