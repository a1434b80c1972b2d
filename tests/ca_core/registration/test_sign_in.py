from __future__ import annotations

import pytest
from cryptography import x509

from ca_core.applicant import Applicant, Door
from ca_core.errors import (
    CertificateExpired,
    CertificateNotAccepted,
    CertificateRevoked,
    RegistrationSuspended,
    Throttled,
    WrongSecret,
)
from ca_core.policy.request import parse
from ca_core.registration.credential import mac_key_text
from ca_core.registration.sheet import Sheet
from ca_core.revocation.reason import Reason
from ca_core.secret import Secret
from ca_core.store.certificates import Certificate
from tests.builders.core import Core
from tests.builders.est import Csr

DAY = 86_400


async def by_code(core: Core, account: str, code: Secret | None, source: str = "192.0.2.1") -> Applicant:
    assert code is not None
    return await core.sign_in.by_enrollment_code(account, code, source=source, door=Door.EST)


async def by_certificate(core: Core, der: bytes) -> Applicant:
    serial = x509.load_der_x509_certificate(der).serial_number
    return await core.sign_in.by_certificate(der, serial, source="192.0.2.1", door=Door.EST)


async def issued(core: Core, sheet: Sheet) -> Certificate:
    return await core.enroll(await by_code(core, sheet.account, sheet.enrollment_code), parse(Csr().der()))


async def test_the_right_code_proves_its_registration(core: Core) -> None:
    sheet = await core.register("acc")

    who = await by_code(core, "acc", sheet.enrollment_code)

    assert who.registration_id == (await core.desk.show("acc")).id
    assert who.credential_id is not None
    assert who.actor == "est:enrollment-code:192.0.2.1"


async def test_wrong_unknown_voided_and_another_kinds_secret_are_refused_alike(core: Core) -> None:
    sheet = await core.register("acc")
    other = await core.register("other")
    newer = await core.desk.new_sheet("acc", actor="test")
    attempts = [
        ("acc", Secret("wrong")),
        ("nobody", newer.enrollment_code),
        ("acc", sheet.enrollment_code),
        ("acc", newer.initial_password),
        ("acc", other.enrollment_code),
        ("acc", Secret("")),
    ]

    texts = set()
    for account, code in attempts:
        with pytest.raises(WrongSecret) as caught:
            await by_code(core, account, code)
        texts.add(str(caught.value))

    assert len(texts) == 1
    assert len(await core.journal("credential-refused")) == len(attempts)


async def test_a_wrong_code_in_the_journal_is_not_the_code(core: Core) -> None:
    with pytest.raises(WrongSecret):
        await by_code(core, "a" * 1000, Secret("THE-CODE"))

    (entry,) = await core.journal("credential-refused")
    assert entry.detail == {"event": "credential-refused", "account": "a" * 64, "door": "est", "why": "wrong"}


async def test_wrong_codes_suspend_nobody_and_throttle_their_source_only(core: Core) -> None:
    sheet = await core.register("acc")
    for _ in range(30):
        with pytest.raises(WrongSecret):
            await by_code(core, "acc", Secret("wrong"))

    with pytest.raises(Throttled):
        await by_code(core, "acc", Secret("wrong"))

    await by_code(core, "acc", sheet.enrollment_code)
    with pytest.raises(WrongSecret):
        await by_code(core, "acc", Secret("wrong"), source="192.0.2.2")
    assert len(await core.journal("credential-refused")) == 31


async def test_a_suspended_registration_is_told_so_only_after_the_right_code(core: Core) -> None:
    sheet = await core.register("acc")
    await core.desk.suspend("acc", actor="test")

    with pytest.raises(RegistrationSuspended):
        await by_code(core, "acc", sheet.enrollment_code)
    with pytest.raises(WrongSecret):
        await by_code(core, "acc", Secret("wrong"))


async def test_a_certificate_of_ours_proves_its_holder(core: Core) -> None:
    certificate = await issued(core, await core.register("acc", kind="device"))

    who = await by_certificate(core, certificate.der)

    assert (who.serial, who.credential_id) == (certificate.serial, None)


async def test_a_certificate_proves_nobody_before_and_after_its_dates(core: Core) -> None:
    certificate = await issued(core, await core.register("acc", kind="device"))

    core.clock.move(certificate.not_after - core.clock.now())
    await by_certificate(core, certificate.der)
    core.clock.move(1)
    with pytest.raises(CertificateExpired):
        await by_certificate(core, certificate.der)
    core.clock.move(certificate.not_before - core.clock.now() - 1)
    with pytest.raises(CertificateNotAccepted, match="not valid yet"):
        await by_certificate(core, certificate.der)


async def test_a_revoked_certificate_proves_nobody(core: Core) -> None:
    certificate = await issued(core, await core.register("acc", kind="device"))
    await core.revocations.revoke(certificate.serial, Reason.KEY_COMPROMISE, actor="test")

    with pytest.raises(CertificateRevoked):
        await by_certificate(core, certificate.der)


async def test_a_certificate_of_a_suspended_registration_proves_nobody(core: Core) -> None:
    certificate = await issued(core, await core.register("acc", kind="device"))
    await core.desk.suspend("acc", actor="test")

    with pytest.raises(RegistrationSuspended):
        await by_certificate(core, certificate.der)


async def test_a_certificate_that_we_did_not_store_proves_nobody(core: Core) -> None:
    certificate = await issued(core, await core.register("acc", kind="device"))
    forged = certificate.der[:-1] + bytes([certificate.der[-1] ^ 1])

    with pytest.raises(CertificateNotAccepted):
        await core.sign_in.by_certificate(forged, int(certificate.serial, 16), source="x", door=Door.EST)
    with pytest.raises(CertificateNotAccepted):
        await core.sign_in.by_certificate(certificate.der, 1, source="x", door=Door.EST)


async def test_an_eab_key_is_found_until_a_new_sheet_voids_it(core: Core) -> None:
    sheet = await core.register("acc")
    assert sheet.eab is not None

    credential, mac_key = await core.sign_in.eab_key(sheet.eab.kid)

    assert credential is not None
    assert (credential.kid, mac_key_text(mac_key)) == (sheet.eab.kid, sheet.eab.mac_key.reveal())
    await core.desk.new_sheet("acc", actor="test")
    for kid in (sheet.eab.kid, "NOBODY"):
        credential, some_key = await core.sign_in.eab_key(kid)
        assert (credential, len(some_key)) == (None, 32)
        assert some_key != mac_key
