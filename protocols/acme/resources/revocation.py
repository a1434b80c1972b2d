"""revokeCert (RFC 8555, 7.6)."""

from __future__ import annotations

from cryptography import x509

from ca_core import names
from ca_core.errors import BadRequest, NotFound
from ca_core.identity import serial_text
from ca_core.revocation import reason
from ca_core.revocation.desk import UnderReview
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import MAY_GIVE, Asker
from ca_core.store import certificates
from ca_core.store.certificates import Certificate
from ca_core.store.database import Transaction
from protocols.acme import jwk, messages
from protocols.acme.errors import RevocationNotYours, RevocationUnderReview
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
            RevocationNotYours: it is neither.
            RevocationUnderReview: an officer must look at it.
            NotFound, BadReason, AlreadyRevoked, CertificateExpired, BadRequest: as they say.
        """
        wanted, why = _read(asked.payload, Asker.SUBSCRIBER)
        async with self._database.read() as tx:
            certificate = await _stored(tx, wanted)
            asker = await self._asker(tx, asked, certificate)
        return await self._ask(certificate, why, asker=asker, actor=asked.applicant().actor)

    async def by_key(self, asked: ByKey, _: str) -> Reply:
        """Revoke for who holds the certificate's key, also when its registration is suspended.

        Raises:
            RevocationNotYours: it is another key.
            RevocationUnderReview: an officer must look at it; never where the key is compromised.
            NotFound, BadReason, AlreadyRevoked, CertificateExpired, BadRequest: as they say.
        """
        wanted, why = _read(asked.payload, Asker.HOLDER)
        async with self._database.read() as tx:
            certificate = await _stored(tx, wanted)
        if jwk.spki_sha256(asked.key) != certificate.spki_sha256:
            raise RevocationNotYours
        actor = asked.applicant(certificate.registration_id, "certificate-key").actor
        return await self._ask(certificate, why, asker=Asker.HOLDER, actor=actor)

    async def _ask(self, certificate: Certificate, why: Reason, *, asker: Asker, actor: str) -> Reply:
        outcome = await self._desk.ask(certificate.serial, why, asker=asker, actor=actor)
        if isinstance(outcome, UnderReview):
            raise RevocationUnderReview(outcome.number)
        return Reply(200)

    async def _asker(self, tx: Transaction, asked: ByAccount, certificate: Certificate) -> Asker:
        """The account that ordered it, or one that holds valid authorizations for all names (RFC 8555, 7.6).

        For another registration's certificate only proved ones count: the RA's word is for its own subscriber.

        Raises:
            RevocationNotYours: it is neither.
        """
        if await orders.owner_of(tx, certificate.serial) == asked.account.id:
            return Asker.SUBSCRIBER
        is_own = certificate.registration_id == asked.account.registration_id
        account_id, now = asked.account.id, self._clock.now()
        spanning = await authorizations.spanning(tx, account_id, good_until=now)
        for name in names.from_canonical(certificate.names):
            if any(one.covers(name) for one in spanning):
                continue
            if is_own and await authorizations.held(tx, account_id, name, now=now):
                continue
            if await authorizations.proved(tx, account_id, name, good_until=now) is None:
                raise RevocationNotYours
        if not certificate.names:
            raise RevocationNotYours
        return Asker.SUBSCRIBER if is_own else Asker.CONTROLLER


def _read(payload: bytes, asker: Asker) -> tuple[bytes, Reason]:
    """The certificate in DER and the reason.

    Raises:
        BadRequest: not such an object.
        BadReason: not a reason that such an asker may give.
    """
    message = members(payload, messages.Revocation)
    why = reason.parse(message.reason or 0, allowed=MAY_GIVE[asker])
    return from_base64url(message.certificate), why


async def _stored(tx: Transaction, der: bytes) -> Certificate:
    """The certificate as it was issued; one that differs in a single bit is not ours.

    Raises:
        BadRequest: not a certificate.
        NotFound: none of ours.
    """
    try:
        serial = x509.load_der_x509_certificate(der).serial_number
    except (ValueError, x509.InvalidVersion):
        raise BadRequest("certificate must be a certificate in DER, as unpadded base64url") from None
    certificate = await certificates.by_serial(tx, serial_text(serial))
    if certificate is None or certificate.der != der:
        raise NotFound("this certificate was not issued here")
    return certificate
