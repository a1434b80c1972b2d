"""Who sends a full PKI request, by one of three proofs and never by two (RFC 5272, 6.2 and 6.3).

1. A certificate of ours has signed it: whoever holds that certificate asks.
2. An identity proof by the account's enrollment code, in a message that the key to be certified has signed: the
   identity is bound to the requests by the proof, and to the key by the signature. Of several keys one signs, and each
   request holds a witness that links it to the code.
3. Nobody has signed it, and all that it asks for is to revoke, with the enrollment code in it: the keys may be lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1

from ca_core.applicant import Applicant, Door
from ca_core.errors import CertificateNotAccepted, Refusal
from ca_core.identity import serial_text
from ca_core.policy import crmf
from ca_core.registration.proof_keys import ProofKeys
from ca_core.registration.sign_in import SignIn
from ca_core.secret import Secret
from ca_core.store.certificates import Certificate
from protocols.cmc import links
from protocols.cmc.errors import ClocksDiffer, IdentityUnproven, PossessionRefuted, PossessionUnproven
from protocols.cmc.nonces import FRESH_SECONDS
from protocols.cmc.requests import FullRequest
from protocols.cms import signed as cms
from protocols.cms.errors import UnreadableMessage, WrongSignature
from protocols.cms.signed import Signed, Signer
from protocols.cms.structures import SIGNING_TIME

_MOST_CERTIFICATES = 10
_SERIAL_BITS = 160
_UTC_TIME = 0x17
_TWICE = "prove who asks in one way: by the signature of a certificate, or by the shared secret"
_NOT_OURS = "the signer's certificate was not issued to a subscriber of this server"


class Sender(msgspec.Struct, frozen=True):
    """Who asks.

    Attributes:
        certificate: what signed the message; None where a shared secret proved it.
    """

    applicant: Applicant
    certificate: Certificate | None = None


class Senders:
    """Proves senders.

    Args:
        find: looks a certificate up by its serial as 40 hex digits.
    """

    def __init__(self, sign_in: SignIn, find: Callable[[str], Awaitable[Certificate | None]]) -> None:
        self._sign_in = sign_in
        self._find = find

    async def sender(self, message: Signed, asked: FullRequest, *, source: str, now: int) -> Sender:
        """Prove who sent a message.

        Args:
            source: textual IP address.
            now: UTC seconds.

        Raises:
            IdentityUnproven, PossessionUnproven, ClocksDiffer: as they say.
            WrongSignature, UnknownAlgorithm, UnreadableMessage: it is not signed by who is said to have signed it.
            Refusal: as `ca_core.registration.sign_in` says.
        """
        if not message.signers:
            return await self._by_passphrase(asked, source=source)
        if len(message.signers) > 1:
            raise IdentityUnproven("the message must have one signature at most")
        signer = message.signers[0]
        _require_fresh(signer, now)
        certificate = await self._signing_certificate(message, signer)
        if certificate is not None:
            return await self._by_certificate(message, asked, certificate, source=source)
        # Where the secret proves who asks, some clients name a certificate that they made for the key themselves.
        if signer.key_id is None and not asked.proofs:
            raise CertificateNotAccepted(_NOT_OURS)
        return await self._by_proof(message, asked, source=source)

    async def require_same_holder(self, shown: bytes | None, applicant: Applicant) -> None:
        """Let nobody speak for another over a connection that a certificate of ours has opened (RFC 7030, 3.3.2).

        Args:
            shown: DER of the TLS client certificate.

        Raises:
            CertificateNotAccepted: it is another subscriber's.
        """
        known = None if shown is None else await self._known(shown)
        if known is not None and known.registration_id != applicant.registration_id:
            raise CertificateNotAccepted("the TLS client certificate is another subscriber's than the sender's")

    async def _by_passphrase(self, asked: FullRequest, *, source: str) -> Sender:
        secrets = {part.secret.reveal() for part in asked.revocations if part.secret is not None}
        all_have_one = all(part.secret is not None for part in asked.revocations)
        if not (asked.only_revokes and all_have_one and len(secrets) == 1) or asked.account is None or asked.proofs:
            raise IdentityUnproven(
                "nobody has signed the message; so it may only revoke, with the identification and in each revocation"
                " the enrollment code as passphrase"
            )
        code = Secret(secrets.pop())
        applicant = await self._sign_in.by_enrollment_code(asked.account, code, source=source, door=Door.EST)
        return Sender(applicant)

    async def _by_certificate(self, message: Signed, asked: FullRequest, known: Certificate, *, source: str) -> Sender:
        by_secret = asked.proofs or asked.account is not None or asked.link_random is not None
        if by_secret or any(part.secret for part in asked.revocations):
            raise IdentityUnproven(_TWICE)
        certificate = x509.load_der_x509_certificate(known.der)
        cms.require_signed_by(message, message.signers[0], certificate.public_key())
        serial = certificate.serial_number
        # Who holds a key may always have its certificate revoked, also when the registration is suspended (BR 4.9.1).
        if asked.only_revokes and all(part.serial == serial for part in asked.revocations):
            proved = Applicant(known.registration_id, Door.EST, "certificate-key", source, serial=known.serial)
            return Sender(proved, certificate=known)
        if not _may_sign(certificate):
            raise CertificateNotAccepted("the signer's certificate is not for signing (RFC 5280, 4.2.1.3)")
        applicant = await self._sign_in.by_certificate(known.der, serial, source=source, door=Door.EST)
        return Sender(applicant, certificate=known)

    async def _by_proof(self, message: Signed, asked: FullRequest, *, source: str) -> Sender:
        account, proofs = asked.account, asked.proofs
        if account is None or not proofs:
            raise IdentityUnproven(
                "no certificate has signed the message; so it needs the controls identification and identityProofV2"
            )
        opened: list[ProofKeys] = []

        def holds(keys: ProofKeys) -> bool:
            opened.append(keys)
            return all(proof.proves_identity(keys, asked.request_sequence) for proof in proofs)

        applicant = await self._sign_in.by_proof(account, holds, source=source, door=Door.EST)
        if len(asked.certifications) != len(asked.parts):
            raise PossessionUnproven
        _require_links(asked, opened[0])
        _require_signed_by_one(message, asked)
        return Sender(applicant)

    async def _signing_certificate(self, message: Signed, signer: Signer) -> Certificate | None:
        """The certificate of ours that a signer names, by issuer and serial, or by a key identifier and enclosed."""
        if signer.serial is not None:
            found = await self._found(signer.serial)
            return found if found is not None and _is_of(signer, found) else None
        for enclosed in message.certificates[:_MOST_CERTIFICATES]:
            known = await self._known(enclosed)
            if known is not None and _is_of(signer, known):
                return known
        return None

    async def _known(self, der: bytes) -> Certificate | None:
        """A certificate, if it is ours byte for byte."""
        try:
            serial = x509.load_der_x509_certificate(der).serial_number
        except (ValueError, x509.InvalidVersion):
            return None
        known = await self._found(serial)
        return known if known is not None and known.der == der else None

    async def _found(self, serial: int) -> Certificate | None:
        if not 0 < serial < 1 << _SERIAL_BITS:
            return None
        return await self._find(serial_text(serial))


def _require_links(asked: FullRequest, keys: ProofKeys) -> None:
    """Each certification request was made by who knows the secret (RFC 5272, 6.3.1).

    Without a witness there is one request, and its key signs the message that proves the secret: which says the same.

    Raises:
        PossessionUnproven: there is neither.
        PossessionRefuted: a witness is missing, or was made for another secret or another random value.
    """
    random = asked.link_random
    for part in asked.certifications:
        witnesses = links.witnesses(part.der)
        if random is None and not witnesses:
            if len(asked.certifications) > 1:
                raise PossessionUnproven
        elif random is None or not witnesses or not all(one.links(keys, random) for one in witnesses):
            raise PossessionRefuted(
                "each certification request must hold a POP Link Witness that was computed with the code over the"
                " POP Link Random of the message (RFC 5272, 6.3.1)"
            )


def _require_signed_by_one(message: Signed, asked: FullRequest) -> None:
    """The key of one of the certification requests has signed the message.

    Raises:
        PossessionUnproven: there is no request at all.
        WrongSignature: none of their keys has.
        Refusal: one cannot be read.
    """
    refusal: Refusal = PossessionUnproven()
    for part in asked.certifications:
        request = crmf.parse_any(part.der)
        try:
            cms.require_signed_by(message, message.signers[0], request.public_key)
        except WrongSignature as wrong:
            refusal = wrong
        else:
            return
    raise refusal


def _is_of(signer: Signer, known: Certificate) -> bool:
    return signer.is_of(x509.load_der_x509_certificate(known.der))


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        # One that was adopted may have none, and is for everything then.
        return True
    return usage.digital_signature or usage.content_commitment


def _require_fresh(signer: Signer, now: int) -> None:
    """Where the message says when it was signed, it was lately.

    Raises:
        ClocksDiffer: it was not.
        UnreadableMessage: it does not say it in a way that can be read.
    """
    stated = signer.attributes.get(SIGNING_TIME)
    if stated is None:
        return
    try:
        (value,) = stated
        moment = _moment(value)
    except ValueError:
        raise UnreadableMessage("the signing time cannot be read (RFC 5652, 11.3)") from None
    if abs(moment - now) > FRESH_SECONDS:
        raise ClocksDiffer


def _moment(time: bytes) -> float:
    if time[0] == _UTC_TIME:
        return asn1.decode_der(asn1.UTCTime, time).as_datetime().timestamp()
    return asn1.decode_der(asn1.GeneralizedTime, time).as_datetime().timestamp()
