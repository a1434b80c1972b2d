from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from cryptography import x509

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.errors import (
    CertificateExpired,
    CertificateRevoked,
    CredentialSpent,
    InProgress,
    KeyCompromised,
    KeyInUse,
    NameNotGranted,
    NameNotProved,
    NotFound,
    ProfileNotGranted,
    ProfileNotOffered,
    RegistrationSuspended,
    SubjectMismatch,
    TooEarly,
    WeakKey,
    WrongSecret,
    WrongState,
)
from ca_core.names import Identifier
from ca_core.order_claim import OrderClaim
from ca_core.policy.request import CertificationRequest, parse
from ca_core.registration.account import Grant
from ca_core.revocation.reason import Reason
from ca_core.store.certificates import Certificate
from ca_core.store.database import Transaction
from tests.builders import csr
from tests.builders.core import Core, granted
from tests.builders.est import Csr

DAY = 86_400
NAME = names.dns("a.example")


def request(*asked: str, key: csr.Key | None = None) -> CertificationRequest:
    return parse(Csr(names=asked).der() if key is None else csr.csr(key))


async def applicant(core: Core, account: str, *, door: Door = Door.EST) -> Applicant:
    return Applicant((await core.desk.show(account)).id, door, "test", "192.0.2.1")


async def by_code(core: Core, account: str, *grants: Grant, uses: int | None = None, kind: str = "device") -> Applicant:
    sheet = await core.register(account, *grants, uses=uses, kind=kind)
    assert sheet.enrollment_code is not None
    return await core.sign_in.by_enrollment_code(account, sheet.enrollment_code, source="192.0.2.1", door=Door.EST)


async def by_certificate(core: Core, certificate: Certificate) -> Applicant:
    return await core.sign_in.by_certificate(
        certificate.der, int(certificate.serial, 16), source="192.0.2.1", door=Door.EST
    )


async def test_a_certificate_bears_the_registered_subject_and_the_names_that_were_asked_for(core: Core) -> None:
    who = await by_code(core, "acc", *granted(NAME, names.dns("b.example")))

    issued = await core.enroll(who, request("a.example"))

    parsed = x509.load_der_x509_certificate(issued.der)
    assert parsed.subject.rfc4514_string() == "CN=acc,O=Example,C=TW"
    assert issued.names == "dns:a.example"
    assert issued.not_after - issued.not_before == 90 * DAY


async def test_an_issuance_is_in_the_journal_with_its_serial(core: Core) -> None:
    issued = await core.enroll(await by_code(core, "acc"), request())

    (entry,) = await core.journal("certificate-issued")
    assert (entry.serial, entry.actor) == (issued.serial, "est:enrollment-code:192.0.2.1")


@pytest.mark.parametrize("asked", ["b.example", "*.a.example", "x.a.example"])
async def test_a_name_that_is_not_granted_is_refused_and_changes_nothing(core: Core, asked: str) -> None:
    who = await by_code(core, "acc", *granted(NAME), uses=1)

    with pytest.raises(NameNotGranted):
        await core.enroll(who, request(asked))

    assert await core.count("certificates") == 0
    assert await core.count("key_owners") == 0
    await core.enroll(who, request("a.example"))


async def test_a_challenged_name_needs_its_proof(core: Core) -> None:
    who = await by_code(core, "acc", *granted(NAME, vetted=False))

    with pytest.raises(NameNotProved):
        await core.enroll(who, request("a.example"))


async def test_a_request_repeated_gets_the_same_certificate_also_with_a_spent_code(core: Core) -> None:
    who, asked = await by_code(core, "acc", uses=1), request()
    first = await core.enroll(who, asked)

    again = await core.enroll(who, asked)

    assert again == first
    with pytest.raises(CredentialSpent):
        await core.enroll(who, request())


async def test_one_request_sent_many_times_at_once_gets_one_certificate(core: Core) -> None:
    who, asked = await by_code(core, "acc", uses=1), request()

    outcomes = await asyncio.gather(*(core.enroll(who, asked) for _ in range(20)), return_exceptions=True)

    serials = {outcome.serial for outcome in outcomes if isinstance(outcome, Certificate)}
    assert len(serials) == 1
    assert await core.count("certificates") == 1


async def test_many_keys_at_once_for_one_name_get_one_certificate(core: Core) -> None:
    who = await by_code(core, "acc")

    outcomes = await asyncio.gather(*(core.enroll(who, request()) for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(outcome, Certificate) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, InProgress | TooEarly) for outcome in outcomes) == 19


async def test_a_further_certificate_waits_for_the_window_and_is_told_when_it_opens(core: Core) -> None:
    who = await by_code(core, "acc")
    first = await core.enroll(who, request())
    opens_at = first.not_after - 30 * DAY

    core.clock.move(opens_at - core.clock.now() - 1)
    with pytest.raises(TooEarly) as caught:
        await core.enroll(who, request())

    assert (caught.value.opens_at, caught.value.retry_after_seconds) == (opens_at, 1)
    core.clock.move(1)
    assert (await core.enroll(who, request())).serial != first.serial


async def test_inside_the_window_a_lost_renewal_may_be_tried_with_another_key(core: Core) -> None:
    who = await by_code(core, "acc")
    await core.enroll(who, request())
    core.clock.move(61 * DAY)
    second = await core.enroll(who, request())

    third = await core.enroll(who, request())

    assert third.serial != second.serial


async def test_other_names_and_other_profiles_have_windows_of_their_own(core: Core) -> None:
    who = await by_code(core, "acc", *granted(NAME))
    serials = {
        (await core.enroll(who, request())).serial,
        (await core.enroll(who, request("a.example"))).serial,
    }

    assert len(serials) == 2


async def test_a_revoked_certificate_does_not_hold_the_window_shut(core: Core) -> None:
    who = await by_code(core, "acc")
    first = await core.enroll(who, request())
    await core.revocations.revoke(first.serial, Reason.SUPERSEDED, actor="test")

    assert (await core.enroll(who, request())).serial != first.serial


async def test_an_expired_certificate_does_not_hold_the_window_shut(core: Core) -> None:
    who = await by_code(core, "acc")
    await core.enroll(who, request())
    core.clock.move(91 * DAY)

    await core.enroll(who, request())


async def test_the_same_key_after_revocation_is_a_new_request(core: Core) -> None:
    who, asked = await by_code(core, "acc"), request()
    first = await core.enroll(who, asked)
    await core.revocations.revoke(first.serial, Reason.SUPERSEDED, actor="test")

    assert (await core.enroll(who, asked)).serial != first.serial


async def test_a_pair_never_shares_a_key(core: Core) -> None:
    who, asked = await by_code(core, "acc", kind="person"), request()
    await core.enroll(who, asked, profile_name="signing")

    with pytest.raises(KeyInUse):
        await core.enroll(who, asked, profile_name="encryption")


async def test_two_registrations_never_share_a_key(core: Core) -> None:
    asked = request()
    await core.enroll(await by_code(core, "one"), asked)

    with pytest.raises(KeyInUse):
        await core.enroll(await by_code(core, "two"), asked)


async def test_a_weak_key_and_a_kind_of_key_without_use_are_refused(core: Core) -> None:
    who = await by_code(core, "acc", kind="person")

    with pytest.raises(WeakKey):
        await core.enroll(who, request(key=csr.rsa_key(1024)))
    with pytest.raises(WeakKey, match="no use for a key of this kind"):
        await core.enroll(who, request(key=csr.ed25519_key()), profile_name="encryption")


@pytest.mark.parametrize(
    ("profile", "refusal"),
    [("tls-server", ProfileNotGranted), ("nonsense", ProfileNotOffered), ("own-tls", ProfileNotOffered)],
)
async def test_only_profiles_that_are_granted_and_offered_here_are_issued(
    core: Core, profile: str, refusal: type[Exception]
) -> None:
    who = await by_code(core, "acc", *granted(NAME))

    with pytest.raises(refusal):
        await core.enroll(who, request("a.example"), profile_name=profile)


async def test_a_persons_profiles_are_not_offered_through_acme(core: Core) -> None:
    await core.register("acc", kind="person")

    with pytest.raises(ProfileNotGranted, match="no profile that ACME offers"):
        await core.enroll(await applicant(core, "acc", door=Door.ACME), request())


async def test_a_server_without_asked_names_gets_its_common_name_if_registered_else_all(core: Core) -> None:
    both = granted(NAME, names.dns("b.example"))
    await core.register("one", *both)
    await core.register("two", *both)

    one = await core.enroll(
        await applicant(core, "one"), parse(Csr(subject=x509.Name.from_rfc4514_string("CN=b.example")).der())
    )
    two = await core.enroll(await applicant(core, "two"), request())

    assert one.names == "dns:b.example"
    assert two.names == "dns:a.example\ndns:b.example"


async def test_a_server_without_any_name_is_refused(core: Core) -> None:
    await core.register("acc", Grant(names.dns("z.example"), zone=True))

    with pytest.raises(NameNotGranted, match="needs a name"):
        await core.enroll(await applicant(core, "acc"), request())


async def test_a_sheet_that_was_replaced_after_sign_in_issues_nothing(core: Core) -> None:
    who = await by_code(core, "acc")
    await core.desk.new_sheet("acc", actor="test")

    with pytest.raises(WrongSecret):
        await core.enroll(who, request())


async def test_a_registration_suspended_after_sign_in_issues_nothing(core: Core) -> None:
    who = await by_code(core, "acc")
    await core.desk.suspend("acc", actor="test")

    with pytest.raises(RegistrationSuspended):
        await core.enroll(who, request())


async def renewed(
    core: Core, change: Callable[[Certificate], Awaitable[None]] | None = None, *, days: int = 61
) -> tuple[Applicant, Certificate]:
    """A device inside its window, with the certificate that proves it."""
    who = await by_code(core, "acc", *granted(NAME))
    issued = await core.enroll(who, request("a.example"))
    core.clock.move(days * DAY)
    device = Applicant(who.registration_id, Door.EST, "certificate", "192.0.2.1", serial=issued.serial)
    if change is not None:
        await change(issued)
    return device, issued


def renewal(*asked: str, subject: str = "CN=acc,O=Example,C=TW") -> CertificationRequest:
    return parse(Csr(subject=x509.Name.from_rfc4514_string(subject), names=asked).der())


async def test_a_renewal_says_what_it_replaces(core: Core) -> None:
    device, issued = await renewed(core)

    again = await core.renew(device, renewal("a.example"))

    assert (again.replaces, again.names, again.profile) == (issued.serial, issued.names, "device")


async def test_a_renewal_repeated_gets_the_same_certificate(core: Core) -> None:
    device, _ = await renewed(core)
    asked = renewal("a.example")

    assert await core.renew(device, asked) == await core.renew(device, asked)


async def test_a_renewal_with_the_same_key_is_no_repetition_of_the_certificate_that_it_renews(core: Core) -> None:
    key = csr.ec_key()
    who = await by_code(core, "acc")
    issued = await core.enroll(who, request(key=key))
    subject = x509.Name.from_rfc4514_string("CN=acc,O=Example,C=TW")
    core.clock.move(61 * DAY)

    again = await core.renew(await by_certificate(core, issued), parse(Csr(key=key, subject=subject).der()))

    assert (again.serial != issued.serial, again.spki_sha256 == issued.spki_sha256) == (True, True)


@pytest.mark.parametrize(
    "asked",
    [renewal(), renewal("b.example"), renewal("a.example", "b.example"), renewal("a.example", subject="CN=x")],
    ids=["no name", "another name", "one more name", "another subject"],
)
async def test_a_renewal_asks_for_what_the_certificate_says(core: Core, asked: CertificationRequest) -> None:
    device, _ = await renewed(core)

    with pytest.raises(SubjectMismatch):
        await core.renew(device, asked)


async def test_a_renewal_outside_its_time_is_refused(core: Core) -> None:
    device, _ = await renewed(core, days=10)
    with pytest.raises(TooEarly):
        await core.renew(device, renewal("a.example"))

    core.clock.move(81 * DAY)
    with pytest.raises(CertificateExpired):
        await core.renew(device, renewal("a.example"))


async def test_a_revoked_certificate_renews_nothing(core: Core) -> None:
    async def revoke(issued: Certificate) -> None:
        await core.revocations.revoke(issued.serial, Reason.KEY_COMPROMISE, actor="test")

    device, _ = await renewed(core, revoke)

    with pytest.raises(CertificateRevoked):
        await core.renew(device, renewal("a.example"))


async def test_a_renewal_under_another_profile_or_of_nothing_is_refused(core: Core) -> None:
    device, _ = await renewed(core)

    with pytest.raises(ProfileNotGranted, match="renew it there"):
        await core.renew(device, renewal("a.example"), profile_name="tls-server")
    nobody = Applicant(device.registration_id, Door.EST, "certificate", "x")
    with pytest.raises(NotFound):
        await core.renew(nobody, renewal("a.example"))


async def taken(_: Transaction, __: object) -> None:
    """A claim that nobody disputes."""


async def test_an_order_that_has_its_certificate_gets_no_second_one(core: Core) -> None:
    await core.register("acc", *granted(NAME, names.dns("b.example")))
    who = await applicant(core, "acc", door=Door.ACME)

    def order(*wanted: Identifier) -> OrderClaim:
        return OrderClaim("acme-order:1", frozenset(wanted), taken)

    await core.enroll(who, request("a.example"), order=order(NAME))

    with pytest.raises(WrongState, match="has a certificate already"):
        await core.enroll(who, request("b.example"), order=order(names.dns("b.example")))


async def test_a_claim_that_is_lost_leaves_nothing_behind(core: Core) -> None:
    await core.register("acc", *granted(NAME))
    who = await applicant(core, "acc", door=Door.ACME)

    async def lost(_: Transaction, __: object) -> None:
        raise NotFound("lost")

    with pytest.raises(NotFound, match="lost"):
        await core.enroll(who, request("a.example"), order=OrderClaim("acme-order:1", frozenset({NAME}), lost))

    assert await core.count("certificates") == 0
    assert await core.count("key_owners") == 0


async def test_a_compromised_key_is_never_certified_again(core: Core) -> None:
    who, asked = await by_code(core, "acc"), request()
    issued = await core.enroll(who, asked)
    await core.revocations.revoke(issued.serial, Reason.KEY_COMPROMISE, actor="test")

    with pytest.raises(KeyCompromised):
        await core.enroll(who, asked)
