"""Who is at the desk? Officers' certificates and tokens to actors, anew at every request."""

from __future__ import annotations

from cryptography import x509

from ca_core.applicant import Door
from ca_core.clock import Clock
from ca_core.errors import CertificateNotAccepted, WrongSecret
from ca_core.policy.profile import OFFICER
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.sign_in import SignIn
from ca_core.staff import token as token_module
from ca_core.staff.role import Actor, Via
from ca_core.store import officers, registrations, tokens
from ca_core.store.database import Database

_NOT_STAFF = "the client certificate is a subscriber's; the desk wants an officer's, from `soapstone officer add`"
_SCHEME = "bearer"


class Reception:
    """Proves who acts. Nothing of an answer is kept: a suspension counts for the next request."""

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper, sign_in: SignIn) -> None:
        self._database = database
        self._clock = clock
        self._keeper = keeper
        self._sign_in = sign_in

    async def by_certificate(self, der: bytes, *, source: str, via: Via) -> Actor:
        """Prove an officer by the certificate whose key the TLS handshake has proved.

        Args:
            source: textual IP address.

        Raises:
            CertificateNotAccepted: it is not an officer's of ours.
            CertificateExpired, CertificateRevoked, CertificateOnHold: it was.
            RegistrationSuspended, RegistrationClosed: the officer may not, or has left.
        """
        try:
            serial = x509.load_der_x509_certificate(der).serial_number
        except (ValueError, x509.InvalidVersion):
            raise CertificateNotAccepted("the client certificate cannot be read") from None
        applicant = await self._sign_in.by_certificate(der, serial, source=source, door=Door.DESK)
        async with self._database.read() as tx:
            officer = await officers.of_registration(tx, applicant.registration_id)
        if officer is None or applicant.shown_profile != OFFICER.name:
            raise CertificateNotAccepted(_NOT_STAFF)
        return officer.acting(via)

    async def by_token(self, authorization: str, *, source: str) -> Actor:
        """Prove an integrator by an Authorization header with a bearer token (RFC 6750, 2.1).

        Args:
            source: textual IP address.

        Raises:
            WrongSecret: another scheme, no such token, or a wrong one: not told apart.
            Throttled: too many of those from this source.
            CredentialExpired, CredentialRevoked: the token was right.
            RegistrationSuspended, RegistrationClosed: so it was, and the integrator may not.
        """
        scheme, _, text = authorization.partition(" ")
        try:
            token_id, secret = token_module.read(text.strip() if scheme.lower() == _SCHEME else "")
        except WrongSecret:
            await self._sign_in.refuse("", source=source, door=Door.API)
            raise
        async with self._database.read() as tx:
            token = await tokens.by_id(tx, token_id)
        owner, stored = ("", bytes(32)) if token is None else (token.registration_id, token.secret)
        if not self._keeper.matches(owner, secret, stored) or token is None:
            await self._sign_in.refuse(token_id, source=source, door=Door.API)
            raise WrongSecret
        async with self._sign_in.noting(source=source, door=Door.API, registration_id=token.registration_id):
            now = self._clock.now()
            token.require_usable(now)
            async with self._database.read() as tx:
                (await registrations.by_id(tx, token.registration_id)).require_active(now)
                officer = await officers.of_registration(tx, token.registration_id)
            if officer is None:
                raise WrongSecret
            actor = officer.acting(Via.API)
        return Actor(actor.name, actor.role, actor.realm, actor.registration_id, actor.via, token.scope)
