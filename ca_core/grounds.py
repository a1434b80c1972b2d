"""What an issuance stands on: what is registered, held and claimed, looked at in the transaction that acts on it."""

from __future__ import annotations

import msgspec
from cryptography import x509

from ca_core import names as names_module
from ca_core.applicant import Applicant
from ca_core.errors import KeyCompromised, KeyInUse, NotFound, ProfileNotGranted, SubjectMismatch
from ca_core.names import Identifier
from ca_core.policy.decision import Holding, Wish, require_quota
from ca_core.policy.profile import Profile
from ca_core.policy.renewal import Grace, no_grace
from ca_core.policy.request import CertificationRequest, same_subject
from ca_core.referral.request import EnrollmentRequest
from ca_core.registration.account import Registration
from ca_core.registration.kind import Kind
from ca_core.store import certificates, credentials, holds, key_owners, quotas, registrations
from ca_core.store.certificates import Certificate
from ca_core.store.database import Transaction

_COPY = "differs from the certificate's; copy it, and ask for other names in ChangeSubjectName (RFC 7030, 4.2.2)"


async def hold(
    tx: Transaction, registration_id: str, profile: str, names: frozenset[Identifier], request: CertificationRequest
) -> None:
    """Let nobody else decide about the same from here on: neither what is held changes, nor what waits, nor the key."""
    await tx.hold(holds.holding(registration_id, profile, names_module.canonical(names)))
    await tx.hold(holds.key(request.spki_sha256))


async def held(
    tx: Transaction, registration: Registration, profile: Profile, names: frozenset[Identifier], *, now: int
) -> list[Holding]:
    """What a registration holds of a profile and a set of names, the first to expire first."""
    return await certificates.holdings(tx, registration.id, profile.name, names_module.canonical(names), now=now)


async def require_room(
    tx: Transaction, kind: Kind, registration: Registration, wish: Wish, *, window_seconds: int, now: int
) -> None:
    """Let only so many live certificates be had as the kind allows; what renews another one takes its place.

    Args:
        window_seconds: for how long before its end a certificate may be renewed.

    Raises:
        QuotaReached: there are as many.
    """
    if kind.most_certificates is None:
        return
    live = await quotas.beside(
        tx,
        registration.id,
        wish.profile.name,
        names_module.canonical(wish.names),
        replaces=wish.replaces,
        window_seconds=window_seconds,
        now=now,
    )
    require_quota(kind, live)


def require_new_key(profile: Profile, request: CertificationRequest, held: list[Holding]) -> None:
    """Let a key be certified again only where the profile allows it.

    Raises:
        KeyInUse: it does not.
    """
    if not profile.same_key_renewal and any(one.spki_sha256 == request.spki_sha256 for one in held):
        raise _new_key_needed(profile)


async def proof(tx: Transaction, serial: str, meant: Registration, *, grace: Grace = no_grace, now: int) -> Certificate:
    """The certificate that proved the applicant, if it still does at the moment of the decision.

    Args:
        meant: whom it is about, looked at already; a client that asks for others shows a certificate of its own.
        grace: for how many seconds after its end it still does, by its profile.

    Raises:
        RegistrationSuspended, RegistrationExpired, RegistrationClosed: its holder may not.
        NotFound, CertificateRevoked, CertificateExpired, CertificateOnHold: it does not.
    """
    certificate = await certificates.by_serial(tx, serial)
    if certificate is None:
        raise NotFound("the certificate is not known here")
    certificate.require_live(now, grace_seconds=grace(certificate.profile))
    if certificate.registration_id != meant.id:
        (await registrations.by_id(tx, certificate.registration_id)).require_active(now)
    return certificate


async def limited(tx: Transaction, approved: EnrollmentRequest) -> Applicant:
    """Who asked for what an officer has approved, with the limits of the credential that it goes back to.

    Raises:
        CredentialRevoked: that one is revoked by now.
    """
    origin, applicant = approved.credential_id, approved.applicant
    if origin is None and approved.shown is not None:
        shown = await certificates.by_serial(tx, approved.shown)
        is_own = shown is not None and shown.registration_id == approved.registration_id
        origin = shown.credential_id if shown is not None and is_own else None
    credential = await credentials.by_id(tx, origin) if origin else None
    if credential is None:
        return applicant
    credential.require_unrevoked()
    return msgspec.structs.replace(applicant, origin=credential.id, limits=credential.limits)


async def claim_key(
    tx: Transaction, registration: Registration, profile: Profile, request: CertificationRequest
) -> None:
    """Make the key this registration's for this purpose (DESIGN, invariant 9).

    Raises:
        KeyCompromised, KeyInUse: it cannot be.
    """
    purpose, digest = profile.key_purpose, request.spki_sha256
    if not await key_owners.claim(tx, digest, purpose=purpose, registration_id=registration.id):
        if await key_owners.is_blocked(tx, digest):
            raise KeyCompromised
        raise KeyInUse("this key serves another purpose or subscriber already; make a new one")


def renewed_names(
    old: Certificate, profile: Profile, request: CertificationRequest, profile_name: str | None
) -> frozenset[Identifier]:
    """The names of the certificate that renews an old one: those it has, or those that ChangeSubjectName asks for.

    Only a request passes that asks for what the old certificate has (RFC 7030, 4.2.2).

    Args:
        profile: the old certificate's.
        profile_name: what the path asked for; None means the certificate's own.

    Raises:
        ProfileNotGranted, SubjectMismatch: it asks for something else.
        KeyInUse: it keeps the key, and the profile wants a new one.
    """
    if profile_name is not None and profile_name != old.profile:
        raise ProfileNotGranted(f"the certificate is of the profile {old.profile}; renew it there")
    names = names_module.from_canonical(old.names)
    if request.names != names:
        raise SubjectMismatch(f"the request's subjectAltName {_COPY}")
    subject_der = x509.load_der_x509_certificate(old.der).subject.public_bytes()
    if not same_subject(request.subject_der, subject_der):
        raise SubjectMismatch(f"the request's subject {_COPY}")
    # Beside what is held: an expired one is not, nor is one of other names.
    if not profile.same_key_renewal and request.spki_sha256 == old.spki_sha256:
        raise _new_key_needed(profile)
    return names if request.change is None or request.change.names is None else request.change.names


def require_change(request: CertificationRequest, subject_der: bytes) -> None:
    """Let a renewal change its subject to nothing but what is registered (DESIGN, invariant 4).

    Args:
        subject_der: what the certificate will bear.

    Raises:
        SubjectMismatch: ChangeSubjectName asks for another one.
    """
    asked = request.change.subject_der if request.change else None
    if asked is not None and not same_subject(asked, subject_der):
        raise SubjectMismatch(
            "ChangeSubjectName asks for another subject than the registered one; have your registration authority"
            " register it first"
        )


def _new_key_needed(profile: Profile) -> KeyInUse:
    return KeyInUse(f"the profile {profile.name} renews with a new key only; make one")
