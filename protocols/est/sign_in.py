"""Who asks through EST: an enrollment code, or a client certificate (RFC 7030, 3.2.3)."""

from __future__ import annotations

import base64

from cryptography import x509

from ca_core.applicant import Applicant, Door
from ca_core.errors import CertificateNotAccepted, WrongSecret
from ca_core.policy.renewal import Grace, grace_of, no_grace
from ca_core.secret import Secret
from protocols.est.errors import AuthenticationRequired, CertificateRequired
from protocols.est.labels import ClientCertificate, Labels
from protocols.est.manufacturers import Manufacturers
from protocols.est.services import EstServices
from protocols.wire import Request

MAX_AUTHORIZATION_CHARACTERS = 1024
_RENEWS = "re-enrollment needs TLS with the client certificate that is to be renewed"
_REQUIRED = "this label needs TLS with a client certificate, beside a code or instead of it"
_ENROLLS_ONLY = (
    "a manufacturer's certificate enrolls and renews nothing; connect with the certificate that is to be renewed"
)


class EstSignIn:
    """Finds the applicant in a request."""

    def __init__(self, services: EstServices, labels: Labels) -> None:
        self._sign_in = services.sign_in
        self._labels = labels
        self._grace = grace_of(services.enrollment.profiles)
        self._manufacturers = Manufacturers(services.manufacturers)

    async def for_enrollment(self, request: Request, label: str | None) -> Applicant:
        """By Basic where it is sent, else by the client certificate.

        Basic comes first because a device that was handed a new sheet still shows its old certificate.

        Raises:
            AuthenticationRequired: there is neither.
            Refusal: as `ca_core.registration.sign_in` says.
        """
        applicant = await self.if_any(request, label)
        if applicant is None:
            raise AuthenticationRequired
        return applicant

    async def if_any(self, request: Request, label: str | None) -> Applicant | None:
        """As for enrollment, or None for who does not say who asks.

        Raises:
            Refusal: as `ca_core.registration.sign_in` says.
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            return await self._by_code(*basic_credentials(authorization), request)
        if request.peer.certificate is None:
            return None
        return await self._by_any_certificate(request, label)

    async def by_challenge(self, challenge: str, request: Request) -> Applicant:
        """By `ACCOUNT:CODE` in the request, where the label takes it for that.

        Raises:
            Refusal: as `ca_core.registration.sign_in` says.
        """
        return await self._by_code(*account_and_code(challenge), request)

    async def for_renewal(self, request: Request) -> Applicant:
        """By the client certificate and by nothing else: it is what will be renewed (RFC 7030, 4.2.2).

        Raises:
            CertificateRequired: there is none, and no password can replace it.
            Refusal: as `ca_core.registration.sign_in` says.
        """
        if request.peer.certificate is None:
            raise CertificateRequired(_RENEWS)
        certificate = read_certificate(request.peer.certificate)
        if self._manufacturers.trusting(certificate):
            raise CertificateNotAccepted(_ENROLLS_ONLY)
        return await self._by_ours(certificate, request, self._grace)

    async def require_certificate(self, applicant: Applicant, request: Request, label: str | None) -> None:
        """Let only who shows a client certificate pass where the label needs one, and only with one of their own.

        Raises:
            CertificateRequired: there is none.
            CertificateNotAccepted: it is somebody else's.
        """
        rules = self._labels.for_applicant(label, applicant.profiles)
        if rules.client_certificate is not ClientCertificate.REQUIRED:
            return
        if request.peer.certificate is None:
            raise CertificateRequired(_REQUIRED)
        # Anew, also where a certificate has proved the applicant: in full CMC it is the signer's, and not this one.
        if (await self._by_any_certificate(request, label)).registration_id != applicant.registration_id:
            raise CertificateNotAccepted(
                "the client certificate is another subscriber's than the code or the signature"
            )

    async def _by_code(self, account: str, code: Secret, request: Request) -> Applicant:
        return await self._sign_in.by_enrollment_code(account, code, source=request.peer.address, door=Door.EST)

    async def _by_any_certificate(self, request: Request, label: str | None) -> Applicant:
        """By a certificate of ours, or of a manufacturer that the label trusts."""
        certificate = read_certificate(request.peer.certificate or b"")
        trusting = self._manufacturers.trusting(certificate)
        if not trusting:
            return await self._by_ours(certificate, request, no_grace)
        source = request.peer.address
        applicant = await self._sign_in.by_manufacturer(certificate, label, source=source, door=Door.EST)
        if self._labels.name_for(label, applicant.profiles) not in trusting:
            raise CertificateNotAccepted("this label does not trust the manufacturer's CA; use the label that does")
        return applicant

    async def _by_ours(self, certificate: x509.Certificate, request: Request, grace: Grace) -> Applicant:
        return await self._sign_in.by_certificate(
            request.peer.certificate or b"",
            certificate.serial_number,
            source=request.peer.address,
            door=Door.EST,
            grace=grace,
        )


def basic_credentials(authorization: str) -> tuple[str, Secret]:
    """Account and code out of an Authorization header (RFC 7617, 2): UTF-8, split at the first colon.

    Raises:
        WrongSecret: longer than 1,024 characters, another scheme, or not well formed; it opens as little as
            a wrong code, and a right one could help.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic" or len(authorization) > MAX_AUTHORIZATION_CHARACTERS:
        raise WrongSecret
    try:
        pair = base64.b64decode(token.strip(), validate=True).decode()
    except ValueError:
        raise WrongSecret from None
    return account_and_code(pair)


def account_and_code(pair: str) -> tuple[str, Secret]:
    """Account and code, split at the first colon.

    Raises:
        WrongSecret: no colon, longer than 1,024 characters, or something that no sheet shows.
    """
    account, colon, code = pair.partition(":")
    if not colon or not pair.isprintable() or len(pair) > MAX_AUTHORIZATION_CHARACTERS:
        raise WrongSecret
    return account, Secret(code)


def read_certificate(der: bytes) -> x509.Certificate:
    """A client certificate.

    Raises:
        CertificateNotAccepted: it cannot be read.
    """
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion):
        # The handshake reads more than we would ever issue.
        raise CertificateNotAccepted("the client certificate cannot be read") from None
