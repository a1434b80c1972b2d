"""Who speaks for a CA without its key: short-lived certificates, issued through the one door.

OCSP responders (RFC 6960, 4.2.2.2), and signers of messages (RFC 6402, 2.10): of the keys that EST makes for devices.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from ca_core.applicant import Applicant, Door
from ca_core.clock import Clock
from ca_core.enrollment import Enrollment
from ca_core.errors import Misconfigured, NotFound, SoapstoneError, StoreUnavailable
from ca_core.files import replace
from ca_core.identity import serial_text
from ca_core.issuance.authorities import Authorities, IssuingCa
from ca_core.issuance.chain import IssuerCertificate
from ca_core.policy.keys import spki_der
from ca_core.policy.profile import OCSP_RESPONDER, Profile
from ca_core.policy.request import parse
from ca_core.referral.request import at_once
from ca_core.registration.account import Registration
from ca_core.revocation.desk import RevocationDesk
from ca_core.revocation.ocsp import IssuerHashes, issuer_hashes, responder_key_hash
from ca_core.secret import Secret
from ca_core.signing.key import SigningKey, open_key
from ca_core.signing.software import KeyKind, PrivateKey, SoftwareKey, generate
from ca_core.turn_taking import turn_with

_RETRY_AFTER_SECONDS = 5
_LOG = logging.getLogger("soapstone.ocsp")


class Delegate(msgspec.Struct, frozen=True):
    """A key that speaks for a CA, and the certificate in which the CA says so.

    Attributes:
        issuer: the CA.
        certificate: DER, for the answers or messages.
        key_hash: how answers name the responder.
        not_before, not_after: UTC seconds.
    """

    issuer: IssuerCertificate
    serial: str
    certificate: bytes
    key: SigningKey
    key_hash: bytes
    not_before: int
    not_after: int

    @property
    def renew_at(self) -> int:
        """When half of its life is over, UTC seconds: there is half a life left to get the next one in."""
        return (self.not_before + self.not_after) // 2


class Delegates:
    """Keeps a delegate for each CA that still has something to say; `FOLDER/PREFIX-NAME.pem` survives a restart.

    Args:
        folder: for key (encrypted) and certificate of each.
        registration: the server's own, to which the certificates are issued.
        profile: what they are for; it has a name of its own in the log too.
        prefix: of the files.
    """

    def __init__(
        self,
        folder: Path,
        *,
        enrollment: Enrollment,
        registration: Callable[[], Awaitable[Registration]],
        revocations: RevocationDesk,
        authorities: Authorities,
        clock: Clock,
        passphrase: Secret,
        profile: Profile = OCSP_RESPONDER,
        prefix: str = "ocsp",
    ) -> None:
        self._folder = folder
        self._profile = profile.name
        self._prefix = prefix
        self._enrollment = enrollment
        self._registration = registration
        self._revocations = revocations
        self._authorities = authorities
        self._clock = clock
        self._passphrase = passphrase
        self._delegates: dict[str, Delegate] = {}
        self._names: dict[IssuerHashes, str] = {}
        self.generation = 0
        """Grows with every new delegate."""

    async def turn(self) -> None:
        """Renew what is due, revoked, lost, or of a CA that has another certificate by now."""
        now = self._clock.now()
        roots = {standing.name for standing in self._authorities.all() if standing.is_root}
        cas = [ca for ca in self._authorities.publishing(now=now) if ca.certificate.name not in roots]
        self._names = {
            hashes: ca.certificate.name
            for ca in cas
            for hashes in issuer_hashes(ca.certificate.subject_der, spki_der(ca.certificate.certificate.public_key()))
        }
        for ca in cas:
            try:
                await self._keep(ca, now)
            except SoapstoneError as error:
                # The other CAs' delegates shall not wait for this one's token or journal.
                _LOG.warning("event=%s-waits issuer=%s why=%s", self._profile, ca.certificate.name, error)

    def issuer_of(self, hashes: IssuerHashes) -> str:
        """The name of the CA that a question means.

        Raises:
            NotFound: none that we answer for.
        """
        try:
            return self._names[hashes]
        except KeyError:
            raise NotFound("no such issuer here; ask the responder that the certificate names") from None

    def of(self, name: str) -> Delegate:
        """Who speaks for a CA.

        Raises:
            StoreUnavailable: nobody at this time, because no certificate could be issued.
        """
        delegate = self._delegates.get(name)
        if delegate is None or not delegate.not_before <= self._clock.now() < delegate.not_after:
            raise StoreUnavailable(
                f"no {self._profile} is certified now; ask again later", retry_after_seconds=_RETRY_AFTER_SECONDS
            )
        return delegate

    async def _keep(self, ca: IssuingCa, now: int) -> None:
        name = ca.certificate.name
        current = self._delegates.get(name) or self._stored(ca)
        if current is not None:
            self._delegates[name] = current
        if current is None or not await self._serves(current, ca, now):
            async with turn_with(self._path(name)):
                # Another process of this home may have been faster.
                stored = self._stored(ca)
                is_new = stored is not None and await self._serves(stored, ca, now)
                self._delegates[name] = stored if stored is not None and is_new else await self._renewed(ca)
            self.generation += 1

    async def _serves(self, delegate: Delegate, ca: IssuingCa, now: int) -> bool:
        if delegate.issuer.der != ca.certificate.der or not delegate.not_before <= now < delegate.renew_at:
            return False
        known = await self._revocations.certificate(delegate.serial)
        return known is not None and known.revoked_at is None

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._prefix}-{name}.pem"

    def _stored(self, ca: IssuingCa) -> Delegate | None:
        """The delegate in the file; None where it holds none of this CA."""
        path = self._path(ca.certificate.name)
        try:
            key = open_key(f"file:{path.name}", self._passphrase.reveal().encode(), self._folder)
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            certificate.verify_directly_issued_by(ca.certificate.certificate)
        except (Misconfigured, OSError, ValueError, TypeError, InvalidSignature):
            return None
        if spki_der(certificate.public_key()) != spki_der(key.public_key):
            return None
        return _delegate(ca, certificate, key)

    async def _renewed(self, ca: IssuingCa) -> Delegate:
        name = ca.certificate.name
        private_key = generate(_key_kind(ca))
        registration = await self._registration()
        applicant = Applicant(registration.id, Door.SERVER, "operator", "localhost")
        issued = at_once(
            await self._enrollment.enroll(
                applicant, parse(_csr(private_key)), profile_name=self._profile, issuer_name=name
            )
        )
        certificate = x509.load_der_x509_certificate(issued.der)
        encryption = BestAvailableEncryption(self._passphrase.reveal().encode())
        pem = [
            private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption),
            certificate.public_bytes(Encoding.PEM),
        ]
        self._folder.mkdir(mode=0o700, exist_ok=True)
        replace(self._path(name), b"".join(pem), mode=0o600)
        _LOG.info("event=%s issuer=%s serial=%s not_after=%d", self._profile, name, issued.serial, issued.not_after)
        return _delegate(ca, certificate, SoftwareKey(private_key))


def _delegate(ca: IssuingCa, certificate: x509.Certificate, key: SigningKey) -> Delegate:
    return Delegate(
        issuer=ca.certificate,
        serial=serial_text(certificate.serial_number),
        certificate=certificate.public_bytes(Encoding.DER),
        key=key,
        key_hash=responder_key_hash(spki_der(key.public_key)),
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
    )


def _key_kind(ca: IssuingCa) -> KeyKind:
    """P-256, whose signatures are short and made at once; beside a CA that withstands quantum computers, as it does."""
    public_key = ca.certificate.certificate.public_key()
    return "ec-p256" if isinstance(public_key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) else "ml-dsa-44"


def _csr(key: PrivateKey) -> bytes:
    """A request without a name: the certificate bears the server's registered one."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    digest = SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None
    return builder.sign(key, digest).public_bytes(Encoding.DER)
