"""For which key a made key is to be enveloped, as a certification request says it (RFC 7030, 4.4.1; RFC 4108, 2.2.5).

The identifiers are OCTET STRINGs. Text is read too, because openssl writes no other attribute into a request: a
decryption key's name as it is, a certificate's key identifier in hex.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from ca_core import der as encoding
from ca_core.errors import BadCsr
from protocols.cms import algorithms
from protocols.cms.enveloped import AES_256_WRAP, Cipher
from protocols.cms.errors import UnknownAlgorithm
from protocols.cms.structures import Attribute

DECRYPT_KEY_ID = ObjectIdentifier("1.2.840.113549.1.9.16.2.37")
ASYMMETRIC_DECRYPT_KEY_ID = ObjectIdentifier("1.2.840.113549.1.9.16.2.54")
SMIME_CAPABILITIES = ObjectIdentifier("1.2.840.113549.1.9.15")
MAX_IDENTIFIER_OCTETS = 64

_CIPHERS = {cipher.value: cipher for cipher in Cipher}
_WRAPS = {
    ObjectIdentifier("2.16.840.1.101.3.4.1.5"),
    ObjectIdentifier("2.16.840.1.101.3.4.1.25"),
    AES_256_WRAP,
}
_OCTET_STRING = 4
_TEXTS = {12, 19, 22}  # UTF8String, PrintableString, IA5String


class KeyWish(msgspec.Struct, frozen=True):
    """How a made key is to travel; of both identifiers one is there at most.

    Attributes:
        decrypt_key_id: a symmetric key's.
        certificate_key_id: the subjectKeyIdentifier of a certificate.
        capabilities: what the client can decipher, the best first; empty where it does not say.
    """

    decrypt_key_id: bytes | None = None
    certificate_key_id: bytes | None = None
    capabilities: tuple[ObjectIdentifier, ...] = ()

    @property
    def cipher(self) -> Cipher:
        """The first of the client's that is ours too; AES-256 in CBC where it does not say.

        Raises:
            UnknownAlgorithm: there is none, or it wraps keys in none of our ways.
        """
        if not self.capabilities:
            return Cipher.AES_256_CBC
        ours = [_CIPHERS[one] for one in self.capabilities if one in _CIPHERS]
        wraps = _WRAPS.intersection(self.capabilities)
        if not ours or (wraps and AES_256_WRAP not in wraps):
            raise UnknownAlgorithm(
                "none of the request's SMIMECapabilities is used here; name aes256-CBC or aes256-GCM, with aes256-wrap"
            )
        return ours[0]


@asn1.sequence
class _RequestInfo:
    version: int
    subject: asn1.TLV
    spki: asn1.TLV
    attributes: Annotated[asn1.SetOf[Attribute], asn1.Implicit(0)]


@asn1.sequence
class _Capabilities:
    """A SEQUENCE around one SMIMECapabilities: declarations start at a SEQUENCE with named fields."""

    listed: list[asn1.TLV]


def read(request: bytes) -> KeyWish:
    """What a certification request in DER says; one that says nothing is a wish without identifiers.

    Raises:
        BadCsr: it cannot be read, or names two keys.
    """
    try:
        return _read(request)
    except (ValueError, TypeError):
        raise BadCsr(
            "the request's DecryptKeyIdentifier, AsymmetricDecryptKeyIdentifier or SMIMECapabilities cannot be read"
            " (RFC 7030, 4.4.1)"
        ) from None


def _read(request: bytes) -> KeyWish:
    info = asn1.decode_der(_RequestInfo, x509.load_der_x509_csr(request).tbs_certrequest_bytes)
    listed = info.attributes.as_list()
    symmetric = _value(listed, DECRYPT_KEY_ID)
    asymmetric = _value(listed, ASYMMETRIC_DECRYPT_KEY_ID)
    capable = _value(listed, SMIME_CAPABILITIES)
    if symmetric is not None and asymmetric is not None:
        raise BadCsr("the request names a symmetric and an asymmetric key to encrypt for; name one")
    return KeyWish(
        decrypt_key_id=None if symmetric is None else _identifier(symmetric, is_hex=False),
        certificate_key_id=None if asymmetric is None else _identifier(asymmetric, is_hex=True),
        capabilities=() if capable is None else _capabilities(capable),
    )


def _value(listed: list[Attribute], kind: ObjectIdentifier) -> asn1.TLV | None:
    found = [one.values.as_list() for one in listed if one.type == kind]
    if not found:
        return None
    # Also one without any value: who tries to name a key must not get one in the clear.
    ((value,),) = found
    return value


def _identifier(value: asn1.TLV, *, is_hex: bool) -> bytes:
    (tag,) = value.tag_bytes
    octets = bytes(value.data)
    if tag in _TEXTS and is_hex:
        octets = bytes.fromhex(octets.decode("ascii").replace(":", ""))
    elif tag != _OCTET_STRING and tag not in _TEXTS:
        raise ValueError
    if not 1 <= len(octets) <= MAX_IDENTIFIER_OCTETS:
        raise ValueError
    return octets


def _capabilities(value: asn1.TLV) -> tuple[ObjectIdentifier, ...]:
    listed = asn1.decode_der(_Capabilities, encoding.sequence(asn1.encode_der(value))).listed
    return tuple(algorithms.parted(one)[0] for one in listed)
