"""The declarations of the messages (RFC 5652, 5, 6 and 12.1; RFC 5083, 2.1), in DER."""

from __future__ import annotations

from typing import Annotated

from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

DATA = ObjectIdentifier("1.2.840.113549.1.7.1")
SIGNED_DATA = ObjectIdentifier("1.2.840.113549.1.7.2")
ENVELOPED_DATA = ObjectIdentifier("1.2.840.113549.1.7.3")
AUTHENTICATED_DATA = ObjectIdentifier("1.2.840.113549.1.9.16.1.2")
AUTH_ENVELOPED_DATA = ObjectIdentifier("1.2.840.113549.1.9.16.1.23")
ASYMMETRIC_KEY_PACKAGE = ObjectIdentifier("2.16.840.1.101.2.1.2.78.5")

CONTENT_TYPE = ObjectIdentifier("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = ObjectIdentifier("1.2.840.113549.1.9.4")
SIGNING_TIME = ObjectIdentifier("1.2.840.113549.1.9.5")


@asn1.sequence
class ContentInfo:
    """The outermost: what it is, and it."""

    content_type: ObjectIdentifier
    content: Annotated[asn1.TLV, asn1.Explicit(0)]


@asn1.sequence
class Attribute:
    """Of a signer, or of a certification request."""

    type: ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class IssuerAndSerial:
    """Whose certificate is meant."""

    issuer: asn1.TLV
    serial: int


@asn1.sequence
class SignerInfo:
    """One signature; the signer is known by issuer and serial, or by the identifier of its key."""

    version: int
    sid: IssuerAndSerial | Annotated[bytes, asn1.Implicit(0)]
    digest_algorithm: asn1.TLV
    signed_attrs: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(0)]
    signature_algorithm: asn1.TLV
    signature: bytes
    unsigned_attrs: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(1)]


@asn1.sequence
class EncapsulatedContent:
    """What is signed."""

    content_type: ObjectIdentifier
    content: Annotated[bytes | None, asn1.Explicit(0)]


@asn1.sequence
class SignedData:
    """A content, its signatures, and certificates that may help to check them."""

    version: int
    digest_algorithms: asn1.SetOf[asn1.TLV]
    encapsulated: EncapsulatedContent
    certificates: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(0)]
    crls: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(1)]
    signer_infos: asn1.SetOf[SignerInfo]


@asn1.sequence
class KekIdentifier:
    """Which key-encryption key is meant."""

    key_identifier: bytes


@asn1.sequence
class KekRecipient:
    """Who has a symmetric key already."""

    version: int
    kekid: KekIdentifier
    key_encryption_algorithm: asn1.TLV
    encrypted_key: bytes


@asn1.sequence
class TransportRecipient:
    """Who has an RSA certificate."""

    version: int
    rid: IssuerAndSerial
    key_encryption_algorithm: asn1.TLV
    encrypted_key: bytes


@asn1.sequence
class RecipientEncryptedKey:
    """The content-encryption key for one who agrees."""

    rid: IssuerAndSerial
    encrypted_key: bytes


@asn1.sequence
class AgreementRecipient:
    """Who has an EC certificate."""

    version: int
    originator: Annotated[asn1.TLV, asn1.Explicit(0)]
    key_encryption_algorithm: asn1.TLV
    recipient_encrypted_keys: list[RecipientEncryptedKey]


@asn1.sequence
class SharedInfo:
    """What the agreed key is for (RFC 5753, 7.2)."""

    key_info: asn1.TLV
    supp_pub_info: Annotated[bytes, asn1.Explicit(2)]


@asn1.sequence
class EncryptedContent:
    """What is enveloped."""

    content_type: ObjectIdentifier
    algorithm: asn1.TLV
    content: Annotated[bytes, asn1.Implicit(0)]


@asn1.sequence
class EnvelopedData:
    """A content that only its recipients can read."""

    version: int
    recipients: asn1.SetOf[asn1.TLV]
    encrypted: EncryptedContent


@asn1.sequence
class AuthEnvelopedData:
    """The same, and nobody can have altered it."""

    version: int
    recipients: asn1.SetOf[asn1.TLV]
    encrypted: EncryptedContent
    mac: bytes
