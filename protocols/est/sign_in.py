"""Who asks through EST: an enrollment code by HTTP Basic, or a client certificate (RFC 7030, 3.2.3)."""

from __future__ import annotations

import base64

from cryptography import x509

from ca_core.applicant import Applicant, Door
from ca_core.errors import CertificateNotAccepted, WrongSecret
from ca_core.policy.renewal import Grace, grace_of, no_grace
from ca_core.secret import Secret
from protocols.est.errors import AuthenticationRequired, CertificateRequired
from protocols.est.services import EstServices
from protocols.wire import Request

MAX_AUTHORIZATION_CHARACTERS = 1024


class EstSignIn:
    """Finds the applicant in a request."""

    def __init__(self, services: EstServices) -> None:
        self._sign_in = services.sign_in
        self._grace = grace_of(services.enrollment.profiles)

    async def for_enrollment(self, request: Request) -> Applicant:
        """By Basic where it is sent, else by the client certificate.

        Basic comes first because a device that was handed a new sheet still shows its old certificate.

        Raises:
            AuthenticationRequired: there is neither.
            Refusal: as `ca_core.registration.sign_in` says.
        """
        applicant = await self.if_any(request)
        if applicant is None:
            raise AuthenticationRequired
        return applicant

    async def if_any(self, request: Request) -> Applicant | None:
        """As for enrollment, or None for who does not say who asks.

        Raises:
            Refusal: as `ca_core.registration.sign_in` says.
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            account, code = basic_credentials(authorization)
            source = request.peer.address
            return await self._sign_in.by_enrollment_code(account, code, source=source, door=Door.EST)
        if request.peer.certificate is None:
            return None
        return await self._by_certificate(request.peer.certificate, no_grace, source=request.peer.address)

    async def for_renewal(self, request: Request) -> Applicant:
        """By the client certificate and by nothing else: it is what will be renewed (RFC 7030, 4.2.2).

        Raises:
            CertificateRequired: there is none, and no password can replace it.
            Refusal: as `ca_core.registration.sign_in` says.
        """
        if request.peer.certificate is None:
            raise CertificateRequired
        return await self._by_certificate(request.peer.certificate, self._grace, source=request.peer.address)

    async def _by_certificate(self, der: bytes, grace: Grace, *, source: str) -> Applicant:
        try:
            serial = x509.load_der_x509_certificate(der).serial_number
        except ValueError:
            # The handshake reads more than we would ever issue.
            raise CertificateNotAccepted("the client certificate cannot be read") from None
        return await self._sign_in.by_certificate(der, serial, source=source, door=Door.EST, grace=grace)


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
    account, colon, code = pair.partition(":")
    if not colon or not pair.isprintable():
        raise WrongSecret
    return account, Secret(code)
