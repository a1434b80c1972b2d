"""revokeCert (RFC 8555, 7.6)."""

from __future__ import annotations

from cryptography import x509

from ca_core import names
from ca_core.errors import BadRequest, NotFound
from ca_core.identity import serial_text
from ca_core.revocation import reason
from ca_core.revocation.reason import SUBSCRIBER_REASONS, Reason
from ca_core.store import certificates
from ca_core.store.certificates import Certificate
from ca_core.store.database import Transaction
from protocols.acme import jwk, messages
from protocols.acme.errors import RevocationNotYours
from protocols.acme.jws import members
from protocols.acme.records import authorizations, orders
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount, ByKey
from protocols.encoding import from_base64url
from protocols.wire import Reply


class Revocation:
    """Certificates are revoked by an account, or by their own key."""

    def __init__(self, services: AcmeServices) -> None:
        self._database = services.database
        self._clock = services.clock
        self._desk = services.revocations

    async def by_account(self, asked: ByAccount, _: str) -> Reply:
        """Revoke for the account that got it, or for one that holds authorizations for all of its names.

        Raises:
            RevocationNotYours: it is neither, or the certificate is another registration's.
            NotFound, BadReason, AlreadyRevoked, BadRequest: as they say.
        """
        wanted, why = _read(asked.payload)
        async with self._database.read() as tx:
            certificate = await _stored(tx, wanted)
            if not await self._may_revoke(tx, asked, certificate):
                raise RevocationNotYours
        await self._desk.revoke(certificate.serial, why, actor=asked.applicant().actor)
        return Reply(200)

    async def by_key(self, asked: ByKey, _: str) -> Reply:
        """Revoke for who holds the certificate's key, also when its registration is suspended.

        Raises:
            RevocationNotYours: it is another key.
            NotFound, BadReason, AlreadyRevoked, BadRequest: as they say.
        """
        wanted, why = _read(asked.payload)
        async with self._database.read() as tx:
            certificate = await _stored(tx, wanted)
        if jwk.spki_sha256(asked.key) != certificate.spki_sha256:
            raise RevocationNotYours
        actor = asked.applicant(certificate.registration_id, "certificate-key").actor
        await self._desk.revoke(certificate.serial, why, actor=actor)
        return Reply(200)

    async def _may_revoke(self, tx: Transaction, asked: ByAccount, certificate: Certificate) -> bool:
        """The account that ordered it, or one that holds valid authorizations for all names (RFC 8555, 7.6).

        For another registration's certificate only proved ones count: the RA's word is for its own subscriber.
        """
        if await orders.owner_of(tx, certificate.serial) == asked.account.id:
            return True
        is_own = certificate.registration_id == asked.account.registration_id
        account_id, now = asked.account.id, self._clock.now()
        for name in names.from_canonical(certificate.names):
            proved = await authorizations.proved(tx, account_id, name, good_until=now)
            if proved is None and not (is_own and await authorizations.held(tx, account_id, name, now=now)):
                return False
        return bool(certificate.names)


def _read(payload: bytes) -> tuple[bytes, Reason]:
    """The certificate in DER and the reason.

    Raises:
        BadRequest: not such an object.
        BadReason: not a reason that a subscriber may give.
    """
    message = members(payload, messages.Revocation)
    why = reason.parse(message.reason or 0, allowed=SUBSCRIBER_REASONS)
    return from_base64url(message.certificate), why


async def _stored(tx: Transaction, der: bytes) -> Certificate:
    """The certificate as it was issued; one that differs in a single bit is not ours.

    Raises:
        BadRequest: not a certificate.
        NotFound: none of ours.
    """
    try:
        serial = x509.load_der_x509_certificate(der).serial_number
    except ValueError:
        raise BadRequest("certificate must be a certificate in DER, as unpadded base64url") from None
    certificate = await certificates.by_serial(tx, serial_text(serial))
    if certificate is None or certificate.der != der:
        raise NotFound("this certificate was not issued here")
    return certificate
