"""Keys that the server makes (RFC 7030, 4.4)."""

from __future__ import annotations

import secrets

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca_core.applicant import Applicant
from ca_core.made_keys.desk import Made
from ca_core.made_keys.generation import pkcs8, strength_bits
from ca_core.policy.profile import KeyMaking, Profile
from ca_core.policy.request import CertificationRequest, parse_for_made_key
from protocols.cms.enveloped import (
    KEY_OCTETS,
    AgreedWith,
    Cipher,
    Recipient,
    SymmetricRecipient,
    TransportedTo,
    seal,
)
from protocols.cms.key_package import key_package
from protocols.cms.signed import draft
from protocols.cms.structures import ASYMMETRIC_KEY_PACKAGE, SIGNED_DATA
from protocols.est import key_wish, messages
from protocols.est.enrolling import Enrolling
from protocols.est.errors import DecryptionKeyUnknown, EncryptionRequired, SuiteTooWeak
from protocols.est.key_wish import KeyWish
from protocols.est.labels import Labels
from protocols.est.multipart import CLEAR, ENVELOPED, key_reply
from protocols.est.services import EstServices
from protocols.wire import Peer, Reply, Request

_UNKNOWN_KEY = "the request names a decryption key that this registration does not have here; "


class KeyGeneration:
    """A certification request comes in; a private key and its certificate go out, once.

    What is checked, in this order: what `/simpleenroll` checks, whether the certificate would be issued, and for whom
    the key is to be enveloped. The key is made then.
    """

    def __init__(self, services: EstServices, labels: Labels, enrolling: Enrolling) -> None:
        self._enrolling = enrolling
        self._labels = labels
        self._keys = services.keys
        self._decryption_keys = services.decryption_keys
        self._signer_of = services.signer_of
        self._noting = services.sign_in.noting

    async def serverkeygen(self, request: Request, label: str | None) -> Reply:
        """A key and a certificate, first or further; a client that shows a certificate is not bound to renew it."""
        messages.require_certification_request(request)
        applicant = await self._enrolling.proved(request, label, parse_for_made_key)
        async with self._noting(
            source=applicant.source,
            door=applicant.door,
            registration_id=applicant.registration_id,
            serial=applicant.serial,
        ):
            der = messages.certification_request(request.body)
            asked, wish = parse_for_made_key(der), key_wish.read(der)
            meant = await self._enrolling.meant(applicant, asked, request, label)
            profile = await self._keys.foresee(meant, asked, label)
            recipient, cipher = await self._recipient(meant, profile, wish), wish.cipher
            if recipient is None:
                _require_secret(asked, request.peer)
            made = await self._keys.make(meant, asked, profile)
            key = pkcs8(made.private_key)
            if recipient is not None:
                key = await self._enveloped(made, key, recipient, cipher)
        return key_reply(
            ENVELOPED if recipient else CLEAR,
            key,
            messages.issued(made.certificate.der),
            single_line=self._labels.named(label).wire.is_single_line_for(request.headers),
        )

    async def _recipient(self, applicant: Applicant, profile: Profile, wish: KeyWish) -> Recipient | None:
        """For whom the key is enveloped; None where it travels in the clear.

        Raises:
            EncryptionRequired, DecryptionKeyUnknown: nobody is named, or nobody who can be: never in the clear then.
        """
        if wish.decrypt_key_id is not None:
            return await self._holder_of(applicant, wish.decrypt_key_id)
        if wish.certificate_key_id is not None:
            certificate = await self._keys.recipient(applicant.registration_id, wish.certificate_key_id)
            if certificate is None:
                raise DecryptionKeyUnknown(
                    f"{_UNKNOWN_KEY}it must be the subjectKeyIdentifier of a certificate of its own that is valid now"
                )
            return _recipient_by(certificate)
        if profile.server_keygen is not KeyMaking.CLEAR:
            raise EncryptionRequired
        return None

    async def _holder_of(self, applicant: Applicant, key_id: bytes) -> SymmetricRecipient:
        # Whatever is no name that was ever given is unknown as well.
        name = key_id.decode("ascii", "replace")
        key = await self._decryption_keys.of(applicant.registration_id, name)
        if key is None:
            raise DecryptionKeyUnknown(
                f"{_UNKNOWN_KEY}ask your registration authority: soapstone decryption-key ACCOUNT"
            )
        return SymmetricRecipient(key_id, key)

    async def _enveloped(self, made: Made, key: bytes, recipient: Recipient, cipher: Cipher) -> bytes:
        """EnvelopedData over SignedData over AsymmetricKeyPackage (RFC 7030, 4.4.2; RFC 5958, 4)."""
        signer = self._signer_of(made.certificate.issuer)
        laid = draft(
            ASYMMETRIC_KEY_PACKAGE,
            key_package(key),
            certificate=x509.load_der_x509_certificate(signer.certificate),
            signature_algorithm=signer.key.algorithm,
            certificates=(signer.issuer.der,),
        )
        signed = laid.signed(await signer.key.sign(laid.to_be_signed))
        content_key, iv = secrets.token_bytes(KEY_OCTETS), secrets.token_bytes(cipher.iv_octets)
        return seal(SIGNED_DATA, signed, recipient, cipher, key=content_key, iv=iv)


def _require_secret(asked: CertificationRequest, peer: Peer) -> None:
    """Let a key travel in the clear only where the connection is worth as much (RFC 7030, 4.4).

    Raises:
        SuiteTooWeak: it is not.
    """
    if peer.cipher_bits is not None and peer.cipher_bits < strength_bits(asked.public_key):
        raise SuiteTooWeak


def _recipient_by(certificate: x509.Certificate) -> Recipient:
    """Who holds a certificate, as far as it is for receiving keys (RFC 5280, 4.2.1.3).

    Raises:
        DecryptionKeyUnknown: it is not.
    """
    public_key = certificate.public_key()
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        enciphers, agrees = usage.key_encipherment, usage.key_agreement
    except x509.ExtensionNotFound:
        # One that was adopted may have none, and is for everything then.
        enciphers = agrees = True
    if enciphers and isinstance(public_key, rsa.RSAPublicKey):
        return TransportedTo(certificate)
    if agrees and isinstance(public_key, ec.EllipticCurvePublicKey):
        return AgreedWith(certificate, ec.generate_private_key(public_key.curve))
    raise DecryptionKeyUnknown(
        "the certificate that the request names cannot receive keys: its key usage has neither keyEncipherment nor"
        " keyAgreement; name one of the profile encryption"
    )
