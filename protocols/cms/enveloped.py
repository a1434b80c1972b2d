"""EnvelopedData for who has a symmetric key, an RSA certificate or an EC certificate (RFC 5652, 6; RFC 5753; RFC 5083).

The content is enciphered with AES-256 in CBC or GCM, its key wrapped with AES-256 or RSA-OAEP with SHA-256.
What is drawn at random is given: each value serves one message only.
"""

from __future__ import annotations

from enum import Enum

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher as Ciphering
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ObjectIdentifier

from ca_core import der as encoding
from protocols.cms.algorithms import SHA256, plain, with_parameters
from protocols.cms.signed import content_info
from protocols.cms.structures import (
    AUTH_ENVELOPED_DATA,
    ENVELOPED_DATA,
    AgreementRecipient,
    AuthEnvelopedData,
    EncryptedContent,
    EnvelopedData,
    IssuerAndSerial,
    KekIdentifier,
    KekRecipient,
    RecipientEncryptedKey,
    SharedInfo,
    TransportRecipient,
)

KEY_OCTETS = 32
AES_256_WRAP = ObjectIdentifier("2.16.840.1.101.3.4.1.45")
RSAES_OAEP = ObjectIdentifier("1.2.840.113549.1.1.7")
STANDARD_DH_SHA256 = ObjectIdentifier("1.3.132.1.11.1")

_MGF1 = ObjectIdentifier("1.2.840.113549.1.1.8")
_EC_PUBLIC_KEY = ObjectIdentifier("1.2.840.10045.2.1")
_IMPLICIT_1 = 0xA1
_IMPLICIT_2 = 0xA2
_EXPLICIT_0 = 0xA0
_BLOCK_BITS = 128
_TAG_OCTETS = 16


class Cipher(Enum):
    """What enciphers a content; the value is its name in SMIMECapabilities."""

    AES_256_CBC = ObjectIdentifier("2.16.840.1.101.3.4.1.42")
    AES_256_GCM = ObjectIdentifier("2.16.840.1.101.3.4.1.46")

    @property
    def iv_octets(self) -> int:
        """How many octets its initialization vector has."""
        return 16 if self is Cipher.AES_256_CBC else 12


class SymmetricRecipient(msgspec.Struct, frozen=True):
    """Who has a key-encryption key already.

    Attributes:
        key_id: how the recipient calls it.
        key: 32 octets.
    """

    key_id: bytes
    key: bytes

    def __repr__(self) -> str:
        """Say nothing of the key."""
        return f"SymmetricRecipient(key_id={self.key_id!r})"


class TransportedTo(msgspec.Struct, frozen=True):
    """Who has an RSA certificate."""

    certificate: x509.Certificate


class AgreedWith(msgspec.Struct, frozen=True):
    """Who has an EC certificate.

    Attributes:
        ephemeral: a key of the same curve, for this message only.
    """

    certificate: x509.Certificate
    ephemeral: ec.EllipticCurvePrivateKey


Recipient = SymmetricRecipient | TransportedTo | AgreedWith


def seal(
    content_type: ObjectIdentifier,
    content: bytes,
    recipient: Recipient,
    cipher: Cipher,
    *,
    key: bytes,
    iv: bytes,
) -> bytes:
    """Envelop a content for one recipient; the whole message, in DER.

    Args:
        content_type: what the content is, such as SIGNED_DATA.
        key: for the content, 32 random octets.
        iv: `cipher.iv_octets` random octets.
    """
    version, recipient_info = _recipient_info(recipient, key)
    recipients = asn1.SetOf([encoding.tlv(recipient_info)])
    if cipher is Cipher.AES_256_GCM:
        sealed = AESGCM(key).encrypt(iv, content, None)
        parameters = encoding.sequence(asn1.encode_der(iv), asn1.encode_der(_TAG_OCTETS))
        encrypted = EncryptedContent(
            content_type=content_type,
            algorithm=encoding.tlv(with_parameters(cipher.value, parameters)),
            content=sealed[:-_TAG_OCTETS],
        )
        authenticated = AuthEnvelopedData(
            version=0, recipients=recipients, encrypted=encrypted, mac=sealed[-_TAG_OCTETS:]
        )
        return content_info(AUTH_ENVELOPED_DATA, asn1.encode_der(authenticated))
    encrypted = EncryptedContent(
        content_type=content_type,
        algorithm=encoding.tlv(with_parameters(cipher.value, asn1.encode_der(iv))),
        content=_cbc(content, key, iv),
    )
    enveloped = EnvelopedData(version=version, recipients=recipients, encrypted=encrypted)
    return content_info(ENVELOPED_DATA, asn1.encode_der(enveloped))


def _cbc(content: bytes, key: bytes, iv: bytes) -> bytes:
    filling = PKCS7(_BLOCK_BITS).padder()
    filled = filling.update(content) + filling.finalize()
    enciphering = Ciphering(AES(key), CBC(iv)).encryptor()
    return enciphering.update(filled) + enciphering.finalize()


def _recipient_info(recipient: Recipient, key: bytes) -> tuple[int, bytes]:
    """The version of EnvelopedData that a recipient asks for (RFC 5652, 6.1), and the RecipientInfo."""
    if isinstance(recipient, SymmetricRecipient):
        return 2, _tagged(_IMPLICIT_2, _symmetric(recipient, key))
    if isinstance(recipient, TransportedTo):
        return 0, _transported(recipient.certificate, key)
    return 2, _tagged(_IMPLICIT_1, _agreed(recipient, key))


def _tagged(tag: int, encoded: bytes) -> bytes:
    """A SEQUENCE under the implicit tag of a CHOICE."""
    return bytes((tag,)) + encoded[1:]


def _symmetric(recipient: SymmetricRecipient, key: bytes) -> bytes:
    return asn1.encode_der(
        KekRecipient(
            version=4,
            kekid=KekIdentifier(key_identifier=recipient.key_id),
            key_encryption_algorithm=encoding.tlv(plain(AES_256_WRAP)),
            encrypted_key=aes_key_wrap(recipient.key, key),
        )
    )


def _transported(certificate: x509.Certificate, key: bytes) -> bytes:
    public_key = certificate.public_key()
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise TypeError("a key is transported to an RSA key only")
    sha256 = hashes.SHA256()
    return asn1.encode_der(
        TransportRecipient(
            version=0,
            rid=_named(certificate),
            key_encryption_algorithm=encoding.tlv(with_parameters(RSAES_OAEP, _OAEP_PARAMETERS)),
            encrypted_key=public_key.encrypt(key, padding.OAEP(padding.MGF1(sha256), sha256, None)),
        )
    )


def _agreed(recipient: AgreedWith, key: bytes) -> bytes:
    public_key = recipient.certificate.public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise TypeError("a key is agreed with an EC key only")
    wrap = encoding.tlv(plain(AES_256_WRAP))
    bits = (8 * KEY_OCTETS).to_bytes(4, "big")
    shared_info = asn1.encode_der(SharedInfo(key_info=wrap, supp_pub_info=bits))
    secret = recipient.ephemeral.exchange(ec.ECDH(), public_key)
    wrapping_key = X963KDF(hashes.SHA256(), KEY_OCTETS, shared_info).derive(secret)
    return asn1.encode_der(
        AgreementRecipient(
            version=3,
            originator=encoding.tlv(_originator(recipient.ephemeral)),
            key_encryption_algorithm=encoding.tlv(with_parameters(STANDARD_DH_SHA256, asn1.encode_der(wrap))),
            recipient_encrypted_keys=[
                RecipientEncryptedKey(rid=_named(recipient.certificate), encrypted_key=aes_key_wrap(wrapping_key, key))
            ],
        )
    )


def _originator(ephemeral: ec.EllipticCurvePrivateKey) -> bytes:
    """The originatorKey: the algorithm without the curve, which is the recipient's (RFC 5753, 3.1.1), and the point."""
    spki = ephemeral.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    bits = b"\0" + encoding.key_bits(spki)
    key = encoding.header(encoding.BIT_STRING, len(bits)) + bits
    return _tagged(_IMPLICIT_1, encoding.sequence(plain(_EC_PUBLIC_KEY), key))


def _named(certificate: x509.Certificate) -> IssuerAndSerial:
    return IssuerAndSerial(issuer=encoding.tlv(certificate.issuer.public_bytes()), serial=certificate.serial_number)


def _oaep_parameters() -> bytes:
    """SHA-256 twice, and an empty label (RFC 4055, 4.1)."""
    sha256 = plain(SHA256)
    mask = with_parameters(_MGF1, sha256)
    return encoding.sequence(
        *(encoding.header(_EXPLICIT_0 + index, len(one)) + one for index, one in enumerate((sha256, mask)))
    )


_OAEP_PARAMETERS = _oaep_parameters()
