"""Taking back a certificate that the store has lost: it was issued after the backup that was restored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.applicant import Door
from ca_core.audit import journal
from ca_core.audit.event import CertificateAdopted
from ca_core.clock import Clock
from ca_core.errors import BadRequest, KeyInUse, NotFound, ProfileNotOffered, Refusal, WrongState
from ca_core.identity import serial_text
from ca_core.names import Identifier
from ca_core.policy import keys
from ca_core.policy.profile import Profile
from ca_core.policy.request import names_of
from ca_core.registration.account import Registration
from ca_core.revocation import crl
from ca_core.store import authorities, certificates, holds, key_owners, registrations
from ca_core.store.authorities import Row
from ca_core.store.certificates import Certificate, Intention
from ca_core.store.database import Database, Transaction

_SHARD = re.compile(r"/[^/.]+\.([1-9][0-9]{0,3})\.crl")
_UNREADABLE = (ValueError, Refusal, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


class Adoption:
    """Makes a certificate known again, so that it can be revoked and renewed, and OCSP answers for it."""

    def __init__(self, database: Database, clock: Clock, profiles: Mapping[str, Profile]) -> None:
        self._database = database
        self._clock = clock
        self._profiles = profiles

    async def adopt(self, der: bytes, *, account: str, profile_name: str, actor: str) -> Certificate:
        """Store a certificate as one of a registration's.

        Nothing is asked of the registration but that it exists: the certificate is out in the world, whatever the
        registration may have today.

        Args:
            account: the site account of its holder.
            profile_name: the profile that it was issued by; the certificate does not say.

        Raises:
            BadRequest: not a certificate, or one whose names cannot be read.
            NotFound: no CA of this server signed it, or there is no such account.
            ProfileNotOffered: there is no such profile for subscribers.
            WrongState: the store knows its serial.
            KeyInUse: its key belongs to another registration or purpose.
        """
        certificate, names = _read(der)
        profile = self._profiles.get(profile_name)
        if profile is None or not profile.is_grantable:
            grantable = ", ".join(name for name, one in self._profiles.items() if one.is_grantable)
            raise ProfileNotOffered(f"there is no profile {profile_name[:64]!r} for subscribers; there are {grantable}")
        async with self._database.write() as tx:
            registration = await registrations.by_account(tx, account)
            if registration is None:
                raise NotFound(f"there is no account {account!r}; register its holder first")
            await tx.hold(holds.registration(registration.id), shared=True)
            intention = _intention(certificate, names, await authorities.every(tx), registration, profile)
            await _store(tx, intention, der, profile)
            await journal.record(
                tx,
                CertificateAdopted(profile=profile.name, names=tuple(sorted(map(str, names)))),
                now=self._clock.now(),
                actor=actor,
                registration_id=registration.id,
                serial=intention.serial,
            )
            adopted = await certificates.by_serial(tx, intention.serial)
        if adopted is None:
            raise WrongState("the certificate was not stored; try again")
        return adopted


def _read(der: bytes) -> tuple[x509.Certificate, frozenset[Identifier]]:
    try:
        certificate = x509.load_der_x509_certificate(der)
        return certificate, names_of(certificate)
    except _UNREADABLE as error:
        raise BadRequest(f"the file holds no certificate that can be read: {error}") from None


def _intention(
    certificate: x509.Certificate,
    names: frozenset[Identifier],
    cas: Sequence[Row],
    registration: Registration,
    profile: Profile,
) -> Intention:
    """As it was when the certificate was about to be signed, as far as the certificate tells it."""
    return Intention(
        serial=serial_text(certificate.serial_number),
        issuer=_issuer(certificate, cas),
        request_key=None,
        registration_id=registration.id,
        profile=profile.name,
        names=names,
        spki_sha256=keys.spki_sha256(keys.spki_der(certificate.public_key())),
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        replaces=None,
        door=Door.CLI,
        tbs=certificate.tbs_certificate_bytes,
        shard=_shard(certificate),
    )


async def _store(tx: Transaction, intention: Intention, der: bytes, profile: Profile) -> None:
    if await certificates.is_known(tx, intention.serial):
        raise WrongState(f"the certificate {intention.serial} is known here already; there is nothing to adopt")
    purpose, digest = profile.key_purpose, intention.spki_sha256
    if not await key_owners.claim(tx, digest, purpose=purpose, registration_id=intention.registration_id):
        raise KeyInUse(
            "the key of this certificate belongs to another registration or purpose; check --account and --profile"
        )
    # When it was signed is not known any more; its own first second is close.
    await certificates.intend(tx, intention, now=intention.not_before)
    await certificates.issue(tx, intention.serial, der, now=intention.not_before)


def _issuer(certificate: x509.Certificate, cas: Sequence[Row]) -> str:
    """The name of the CA that signed it.

    Raises:
        NotFound: none of ours did.
    """
    for ca in cas:
        if ca.certificate is None:
            continue
        try:
            certificate.verify_directly_issued_by(x509.load_der_x509_certificate(ca.certificate))
        except (ValueError, TypeError, InvalidSignature):
            continue
        if certificate.public_bytes(Encoding.DER) != ca.certificate:
            return ca.name
    raise NotFound("no CA of this server signed this certificate")


def _shard(certificate: x509.Certificate) -> int:
    """The CRL beside the full one that shows it, by the address that it names; 0 where that is the full one."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return crl.FULL
    urls = [name.value for point in points for name in point.full_name or () if isinstance(name.value, str)]
    found = [match for url in urls if (match := _SHARD.search(url)) is not None]
    return int(found[0][1]) if found else crl.FULL
