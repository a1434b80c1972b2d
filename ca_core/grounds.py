"""What an issuance stands on: what is registered, held and claimed, looked at in the transaction that acts on it."""

from __future__ import annotations

from cryptography import x509

from ca_core import names as names_module
from ca_core.errors import KeyCompromised, KeyInUse, NotFound, ProfileNotGranted, SubjectMismatch
from ca_core.names import Identifier
from ca_core.policy.decision import Holding
from ca_core.policy.profile import Profile
from ca_core.policy.request import CertificationRequest, same_subject
from ca_core.registration.account import Registration
from ca_core.store import certificates
from ca_core.store.certificates import Certificate
from ca_core.store.database import Transaction


async def held(
    tx: Transaction, registration: Registration, profile: Profile, names: frozenset[Identifier], *, now: int
) -> list[Holding]:
    """What a registration holds of a profile and a set of names, the first to expire first."""
    return await certificates.holdings(tx, registration.id, profile.name, names_module.canonical(names), now=now)


def require_new_key(profile: Profile, request: CertificationRequest, held: list[Holding]) -> None:
    """Let a key be certified again only where the profile allows it.

    Raises:
        KeyInUse: it does not.
    """
    if not profile.same_key_renewal and any(one.spki_sha256 == request.spki_sha256 for one in held):
        raise KeyInUse(f"the profile {profile.name} renews with a new key only; make one")


async def proof(tx: Transaction, serial: str, *, now: int) -> Certificate:
    """The certificate that proved the applicant, if it still does at the moment of the decision.

    Raises:
        NotFound, CertificateRevoked, CertificateExpired, CertificateOnHold: it does not.
    """
    certificate = await certificates.by_serial(tx, serial)
    if certificate is None:
        raise NotFound("the certificate is not known here")
    certificate.require_live(now)
    return certificate


async def claim_key(
    tx: Transaction, registration: Registration, profile: Profile, request: CertificationRequest
) -> None:
    """Make the key this registration's for this purpose (DESIGN, invariant 9).

    Raises:
        KeyCompromised, KeyInUse: it cannot be.
    """
    purpose, digest = profile.key_purpose, request.spki_sha256
    if not await certificates.claim_key(tx, digest, purpose=purpose, registration_id=registration.id):
        if await certificates.is_blocked(tx, digest):
            raise KeyCompromised
        raise KeyInUse("this key serves another purpose or subscriber already; make a new one")


def check_renewal(old: Certificate, request: CertificationRequest, profile_name: str | None) -> None:
    """Let only a request pass that asks for what the old certificate has (RFC 7030, 4.2.2).

    Args:
        profile_name: what the path asked for; None means the certificate's own.

    Raises:
        ProfileNotGranted, SubjectMismatch: it asks for something else.
    """
    if profile_name is not None and profile_name != old.profile:
        raise ProfileNotGranted(f"the certificate is of the profile {old.profile}; renew it there")
    if request.names != names_module.from_canonical(old.names):
        raise SubjectMismatch("the request's subjectAltName differs from the certificate's; copy it (RFC 7030, 4.2.2)")
    subject_der = x509.load_der_x509_certificate(old.der).subject.public_bytes()
    if not same_subject(request.subject_der, subject_der):
        raise SubjectMismatch("the request's subject differs from the certificate's; copy it (RFC 7030, 4.2.2)")
