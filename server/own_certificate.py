"""The server's own TLS certificate: issued like any other, through the one door, and renewed while serving."""

from __future__ import annotations

import ipaddress
import logging
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.clock import Clock
from ca_core.enrollment import Enrollment
from ca_core.errors import AccountTaken, Busy, Misconfigured, NotFound
from ca_core.files import replace
from ca_core.identity import serial_text
from ca_core.issuance.authorities import Authorities, transport_line
from ca_core.names import Identifier
from ca_core.policy.profile import OWN_TLS
from ca_core.policy.renewal import renewal_window
from ca_core.policy.request import names_of, parse
from ca_core.referral.request import at_once
from ca_core.registration.account import Grant, Registration
from ca_core.registration.desk import Desk, Form
from ca_core.registration.kind import SERVER
from ca_core.revocation.desk import RevocationDesk
from ca_core.secret import Secret
from ca_core.turn_taking import turn_with
from server.settings import own_names

ACCOUNT = "soapstone"
_ACTOR = "server:own-certificate"
_SUBJECT = "CN=soapstone server"
_WINDOW_DAYS = 30
_LOG = logging.getLogger("soapstone.tls")


class OwnCertificate:
    """Keeps `tls/server.pem` (encrypted key, certificate, the chain below the root) good for this host.

    Args:
        path: of the PEM file.
        host: a DNS name or an address.
        has_fellows: whether other servers, perhaps of other names, share the registration.
    """

    def __init__(
        self,
        path: Path,
        host: str,
        *,
        enrollment: Enrollment,
        desk: Desk,
        revocations: RevocationDesk,
        clock: Clock,
        authorities: Authorities,
        passphrase: Secret,
        has_fellows: bool,
    ) -> None:
        self._path = path
        self._has_fellows = has_fellows
        self._names = own_names(host)
        self._enrollment = enrollment
        self._desk = desk
        self._revocations = revocations
        self._clock = clock
        self._authorities = authorities
        self._passphrase = passphrase
        self._contexts: list[ssl.SSLContext] = []
        self._serial: int | None = None
        self._renew_at = 0

    def serve_with(self, context: ssl.SSLContext) -> None:
        """Load the certificate into a context, now and after every renewal."""
        self._load_into(context)
        self._contexts.append(context)

    async def turn(self) -> None:
        """Renew when it is time, when the certificate was revoked, or when the file holds none that serves."""
        if self._serial is not None and self._clock.now() < self._renew_at and not await self._is_revoked(self._serial):
            return
        async with turn_with(self._path):
            # Another process of this home may have been faster.
            await self._renew_if_due()

    async def _renew_if_due(self) -> None:
        current = self._current()
        if (
            current is None
            or await self._is_revoked(current.serial_number)
            or self._due_at(current) <= self._clock.now()
        ):
            try:
                await self.renew()
            except Busy as busy:
                if current is None:
                    raise Misconfigured(
                        "this server has no TLS certificate yet, and the CA's key cannot be used to make one now;"
                        " see the log, and start it again"
                    ) from busy
                # The one at hand serves meanwhile, and the next turn tries again.
                _LOG.warning("event=own-certificate-waits why=%r", str(busy))
                return
            current = self._current()
        if current is None:
            raise Misconfigured(f"{self._path} was written and cannot be read again; check the disk")
        if self._serial not in (None, current.serial_number):
            for context in self._contexts:
                self._load_into(context)
        self._serial, self._renew_at = current.serial_number, self._due_at(current)

    def _due_at(self, certificate: x509.Certificate) -> int:
        """A month before its end, or after two thirds of a short life; subscribers' window is another matter."""
        not_before = int(certificate.not_valid_before_utc.timestamp())
        not_after = int(certificate.not_valid_after_utc.timestamp())
        opens_at = renewal_window(not_before, not_after, days=_WINDOW_DAYS).opens_at
        return max(opens_at, not_before + (not_after - not_before) * 2 // 3)

    async def _is_revoked(self, serial: int) -> bool:
        known = await self._revocations.certificate(serial_text(serial))
        return known is None or known.revoked_at is not None

    def _current(self) -> x509.Certificate | None:
        """The certificate in the file, if it is for these names, from one of our CAs and not from the future."""
        try:
            certificate, issuing, *_ = x509.load_pem_x509_certificates(self._path.read_bytes())
        except (OSError, ValueError):
            return None
        has_begun = certificate.not_valid_before_utc.timestamp() <= self._clock.now()
        is_ours = any(issuing == standing.certificate.certificate for standing in self._authorities.all())
        return certificate if has_begun and is_ours and names_of(certificate) == self._names else None

    async def renew(self) -> str:
        """Have a new certificate issued, and serve with it; return its serial."""
        registration = await self.registration()
        key = ec.generate_private_key(ec.SECP256R1())
        applicant = Applicant(registration.id, Door.SERVER, "operator", "localhost")
        request = parse(_csr(key, self._names))
        certificate = at_once(
            await self._enrollment.enroll(applicant, request, profile_name=OWN_TLS.name, issuer_name=self._issuer())
        )
        encryption = BestAvailableEncryption(self._passphrase.reveal().encode())
        chain = self._authorities.chains(certificate.issuer, now=self._clock.now())[0]
        pem = [
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption),
            x509.load_der_x509_certificate(certificate.der).public_bytes(Encoding.PEM),
            *(ca.public_bytes(Encoding.PEM) for ca in chain),
        ]
        replace(self._path, b"".join(pem), mode=0o600)
        _LOG.info("event=own-certificate serial=%s not_after=%d", certificate.serial, certificate.not_after)
        return certificate.serial

    def _issuer(self) -> str:
        line = transport_line(self._authorities)
        return self._authorities.current(line, now=self._clock.now()).certificate.name

    def _load_into(self, context: ssl.SSLContext) -> None:
        """Connections that were made before keep the certificate that they have."""
        try:
            context.load_cert_chain(self._path, password=self._passphrase.reveal())
        except OSError as error:
            raise Misconfigured(
                f"cannot load the TLS certificate and key in {self._path} ({error}); remove the file, it is made again"
            ) from None

    async def registration(self) -> Registration:
        """The servers' registration, with the names of today's host; beside those of others that share the store."""
        names = set(self._names)
        try:
            registration = await self._desk.show(ACCOUNT)
        except NotFound:
            form = Form(SERVER.name, _SUBJECT, uses=None, account=ACCOUNT, grants=_grants(names), language="en")
            try:
                registration, _ = await self._desk.register(form, actor=_ACTOR)
            except AccountTaken:
                registration = await self._desk.show(ACCOUNT)
        if self._has_fellows:
            names |= {grant.identifier for grant in registration.grants}
        if registration.grants != _grants(names):
            await self._desk.regrant(ACCOUNT, _grants(names), actor=_ACTOR)
        return registration


def _grants(names: set[Identifier]) -> tuple[Grant, ...]:
    return tuple(Grant(name) for name in sorted(names))


def _csr(key: ec.EllipticCurvePrivateKey, wanted: frozenset[Identifier]) -> bytes:
    general = [
        x509.IPAddress(ipaddress.ip_address(name.value)) if name.kind is names.Kind.IP else x509.DNSName(name.value)
        for name in sorted(wanted)
    ]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=True)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)
