"""OCSP answers, byte for byte (RFC 6960, 4.2), and what a question is about (4.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from enum import IntEnum

import msgspec
from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier, OCSPExtensionOID

from ca_core import der
from ca_core.clock import as_datetime

MOST_CERTIFICATES = 16
"""How many certificates one question may be about."""

SHA_1 = ObjectIdentifier("1.3.14.3.2.26")
CERT_ID_HASHES = {
    SHA_1: "sha1",
    ObjectIdentifier("2.16.840.1.101.3.4.2.1"): "sha256",
    ObjectIdentifier("2.16.840.1.101.3.4.2.2"): "sha384",
    ObjectIdentifier("2.16.840.1.101.3.4.2.3"): "sha512",
}
"""By which a question may name the issuer. SHA-1 names here and protects nothing; most clients know no other."""

_BASIC = ObjectIdentifier("1.3.6.1.5.5.7.48.1.1")
_ENUMERATED = 0x0A
_OCTET_STRING = 0x04
_EXPLICIT_0, _EXPLICIT_1, _EXPLICIT_2 = 0xA0, 0xA1, 0xA2
_REVOKED = 0xA1
_SUCCESSFUL = bytes((_ENUMERATED, 1, 0))

GOOD = bytes((0x80, 0))
UNKNOWN = bytes((0x82, 0))
"""CertStatus in DER, as `revoked` makes it (RFC 6960, 4.2.1)."""

IssuerHashes = tuple[ObjectIdentifier, bytes, bytes]
"""How a question names an issuer: hash algorithm, hash of the issuer's name, hash of its key."""


class CertId(msgspec.Struct, frozen=True):
    """Which certificate is asked about.

    Attributes:
        der: as it was asked; the answer repeats it byte for byte.
        issuer: how the issuer is named.
        serial: as it was asked; of any size and sign.
    """

    der: bytes
    issuer: IssuerHashes
    serial: int


class Question(msgspec.Struct, frozen=True):
    """One OCSP request, as far as it matters.

    Attributes:
        certificates: from 1 to `MOST_CERTIFICATES`.
        nonce: value of the nonce extension, to be repeated byte for byte (RFC 9654, 2.1); None where there is none.
    """

    certificates: tuple[CertId, ...]
    nonce: bytes | None = None

    @property
    def key(self) -> bytes:
        """What questions have in common that a ready-made answer answers alike."""
        return b"".join(certificate.der for certificate in self.certificates)


class Answer(msgspec.Struct, frozen=True):
    """A signed answer.

    Attributes:
        der: the whole OCSPResponse.
        key: that of the question.
        serials: those that it is about, as the store spells them.
        this_update, next_update: UTC seconds.
        is_ready_made: whether it answers the same question again until half of its life is over.
    """

    der: bytes
    key: bytes
    serials: tuple[str, ...]
    this_update: int
    next_update: int
    is_ready_made: bool

    @property
    def fresh_until(self) -> int:
        """When half of its life is over, and the next one is made, UTC seconds."""
        return (self.this_update + self.next_update) // 2


class Failure(IntEnum):
    """OCSPResponseStatus of answers that nobody signs (RFC 6960, 2.3 and 4.2.1)."""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6

    @property
    def der(self) -> bytes:
        """The whole OCSPResponse."""
        return der.sequence(bytes((_ENUMERATED, 1, self)))


def issuer_hashes(subject_der: bytes, spki: bytes) -> frozenset[IssuerHashes]:
    """Every way in which questions name an issuer.

    Args:
        subject_der: the subject of its certificate, byte for byte.
        spki: its SubjectPublicKeyInfo; what is hashed is the BIT STRING's content (RFC 6960, 4.1.1).
    """
    key = der.key_bits(spki)
    return frozenset(
        (oid, hashlib.new(name, subject_der).digest(), hashlib.new(name, key).digest())
        for oid, name in CERT_ID_HASHES.items()
    )


def responder_key_hash(spki: bytes) -> bytes:
    """What names a responder by its key; RFC 6960, 4.2.1 knows SHA-1 only."""
    return hashlib.sha1(der.key_bits(spki), usedforsecurity=False).digest()


def revoked(at: int, reason: int) -> bytes:
    """CertStatus `revoked`, in DER.

    No reason stands for `unspecified`, as in CRLs (RFC 5280, 5.3.1).

    Args:
        at: UTC seconds.
        reason: number of a CRLReason.
    """
    shown = (der.header(_EXPLICIT_0, 3), bytes((_ENUMERATED, 1, reason))) if reason else ()
    return _tagged(_REVOKED, _time(at), *shown)


def single_response(certificate: CertId, cert_status: bytes, *, this_update: int, next_update: int) -> bytes:
    """What is said about one certificate (SingleResponse), in DER; times are UTC seconds."""
    return der.sequence(certificate.der, cert_status, _time(this_update), _tagged(_EXPLICIT_0, _time(next_update)))


def response_data(singles: Iterable[bytes], *, key_hash: bytes, produced_at: int, nonce: bytes | None = None) -> bytes:
    """The to-be-signed bytes of an answer (ResponseData).

    Args:
        singles: what `single_response` made.
        key_hash: what `responder_key_hash` made.
        produced_at: UTC seconds.
        nonce: value of the request's nonce extension.
    """
    responder = _tagged(_EXPLICIT_2, der.header(_OCTET_STRING, len(key_hash)), key_hash)
    extensions: tuple[bytes, ...] = ()
    if nonce is not None:
        extension = der.Extension(extn_id=OCSPExtensionOID.NONCE, critical=False, extn_value=nonce)
        extensions = (_tagged(_EXPLICIT_1, der.sequence(asn1.encode_der(extension))),)
    return der.sequence(responder, _time(produced_at), der.sequence(*singles), *extensions)


def response(tbs: bytes, algorithm: bytes, signature: bytes, certificates: Sequence[bytes]) -> bytes:
    """A successful OCSPResponse; the to-be-signed bytes are copied and never parsed.

    Args:
        algorithm: AlgorithmIdentifier of the signature, in DER.
        signature: content of the signature's BIT STRING.
        certificates: those that clients need to believe the responder, in DER.
    """
    basic = der.sequence(
        tbs,
        algorithm,
        der.header(der.BIT_STRING, len(signature) + 1),
        b"\0",
        signature,
        _tagged(_EXPLICIT_0, der.sequence(*certificates)),
    )
    named = der.sequence(asn1.encode_der(_BASIC), der.header(_OCTET_STRING, len(basic)), basic)
    return der.sequence(_SUCCESSFUL, _tagged(_EXPLICIT_0, named))


def _tagged(tag: int, *elements: bytes) -> bytes:
    return b"".join((der.header(tag, sum(map(len, elements))), *elements))


def _time(seconds: int) -> bytes:
    """OCSP has GeneralizedTime only, whatever the year (RFC 6960, 4.2.1)."""
    return asn1.encode_der(asn1.GeneralizedTime(as_datetime(seconds)))
