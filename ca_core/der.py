"""DER that several rooms need alike (X.690; RFC 5280, 4.1): extensions, times, algorithms, framing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa
from cryptography.x509 import ExtensionType
from cryptography.x509.oid import ObjectIdentifier, SignatureAlgorithmOID

from ca_core.errors import Misconfigured

SEQUENCE = 0x30
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
EMPTY_SEQUENCE = bytes((SEQUENCE, 0))
_SHORT_FORM = 0x80
_FIRST_GENERALIZED_YEAR = 2050

Time = asn1.UTCTime | asn1.GeneralizedTime


@asn1.sequence
class Extension:
    """One element of Extensions (RFC 5280, 4.1)."""

    extn_id: ObjectIdentifier
    critical: Annotated[bool, asn1.Default(value=False)]
    extn_value: bytes


@asn1.sequence
class _TbsCertificate:
    """As far as the key; what follows is of no interest to `spki_of`, and kept apart by its tags."""

    version: Annotated[int, asn1.Explicit(0)]
    serial: int
    signature: asn1.TLV
    issuer: asn1.TLV
    validity: asn1.TLV
    subject: asn1.TLV
    spki: asn1.TLV
    extensions: Annotated[list[Extension], asn1.Explicit(3)]


@asn1.sequence
class _SubjectPublicKeyInfo:
    algorithm: asn1.TLV
    subject_public_key: asn1.BitString


@asn1.sequence
class _Wrapped:
    """A SEQUENCE around one SEQUENCE: declarations start at one with named fields."""

    inner: list[asn1.TLV]


@asn1.sequence
class _WithoutParameters:
    algorithm: ObjectIdentifier


@asn1.sequence
class _WithNull:
    algorithm: ObjectIdentifier
    parameters: asn1.Null


# RFC 5758, 3.2: ECDSA's parameters are absent.
ECDSA_SHA256 = asn1.encode_der(_WithoutParameters(algorithm=SignatureAlgorithmOID.ECDSA_WITH_SHA256))
ECDSA_SHA384 = asn1.encode_der(_WithoutParameters(algorithm=SignatureAlgorithmOID.ECDSA_WITH_SHA384))
# RFC 9881, 2: ML-DSA's are absent too, and it takes the message itself, whatever its length.
ML_DSA_44 = asn1.encode_der(_WithoutParameters(algorithm=SignatureAlgorithmOID.ML_DSA_44))
ML_DSA_65 = asn1.encode_der(_WithoutParameters(algorithm=SignatureAlgorithmOID.ML_DSA_65))
ML_DSA_87 = asn1.encode_der(_WithoutParameters(algorithm=SignatureAlgorithmOID.ML_DSA_87))
# RFC 4055, 5: those of RSA are NULL.
RSA_SHA256 = asn1.encode_der(_WithNull(algorithm=SignatureAlgorithmOID.RSA_WITH_SHA256, parameters=asn1.Null()))


def signature_algorithm(public_key: object) -> bytes:
    """The AlgorithmIdentifier, in DER, of the signatures that a CA key of this kind makes.

    Raises:
        Misconfigured: neither RSA nor P-256 nor P-384 nor ML-DSA.
    """
    match public_key:
        case rsa.RSAPublicKey():
            return RSA_SHA256
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            return ECDSA_SHA256
        case ec.EllipticCurvePublicKey(curve=ec.SECP384R1()):
            return ECDSA_SHA384
        case mldsa.MLDSA44PublicKey():
            return ML_DSA_44
        case mldsa.MLDSA65PublicKey():
            return ML_DSA_65
        case mldsa.MLDSA87PublicKey():
            return ML_DSA_87
        case _:
            raise Misconfigured("a CA key must be RSA, EC P-256, EC P-384 or ML-DSA")


def time(seconds: int) -> Time:
    """UTC seconds as UTCTime through 2049 and GeneralizedTime from 2050 on (RFC 5280, 4.1.2.5)."""
    moment = datetime.fromtimestamp(seconds, UTC)
    if moment.year < _FIRST_GENERALIZED_YEAR:
        return asn1.UTCTime(moment)
    return asn1.GeneralizedTime(moment)


def tlv(der: bytes) -> asn1.TLV:
    """One element as it is, to stand inside a declared structure.

    Raises:
        ValueError: not exactly one DER element.
    """
    return asn1.decode_der(asn1.TLV, der)


def extension(value: ExtensionType, *, critical: bool = False) -> Extension:
    """One of cryptography's extension values, to stand inside a declared structure."""
    return Extension(extn_id=value.oid, critical=critical, extn_value=value.public_bytes())


def spki_of(tbs_certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo, in DER, of a TBSCertificate that was planned here.

    Raises:
        ValueError: no version 3 TBSCertificate.
    """
    return asn1.encode_der(asn1.decode_der(_TbsCertificate, tbs_certificate).spki)


def key_bits(spki: bytes) -> bytes:
    """The content of the BIT STRING of a SubjectPublicKeyInfo: what key identifiers are digests of.

    Raises:
        ValueError: no SubjectPublicKeyInfo.
    """
    return asn1.decode_der(_SubjectPublicKeyInfo, spki).subject_public_key.as_bytes()


def header(tag: int, length: int) -> bytes:
    """Tag and definite length of an element whose content has `length` octets (X.690, 8.1.3)."""
    if length < _SHORT_FORM:
        return bytes((tag, length))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT_FORM | len(octets))) + octets


def sequence(*elements: bytes) -> bytes:
    """A SEQUENCE around elements that are DER already."""
    return b"".join((header(SEQUENCE, sum(map(len, elements))), *elements))


def elements(der: bytes) -> list[bytes]:
    """What stands in a SEQUENCE, of whatever types, each in DER.

    Raises:
        ValueError: it is no SEQUENCE, or not DER.
    """
    return [asn1.encode_der(element) for element in asn1.decode_der(_Wrapped, sequence(der)).inner]


def assemble(tbs: bytes, algorithm: bytes, signature: bytes) -> bytes:
    """The outer SEQUENCE of a Certificate or CertificateList (RFC 5280, 4.1 and 5.1).

    The to-be-signed bytes are copied and never parsed, so that what was signed is what is published.
    """
    before, after = framing(len(tbs), algorithm, signature)
    return b"".join((before, tbs, after))


def framing(tbs_octets: int, algorithm: bytes, signature: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the to-be-signed bytes of a Certificate or CertificateList."""
    after = b"".join((algorithm, header(BIT_STRING, len(signature) + 1), b"\0", signature))
    return header(SEQUENCE, tbs_octets + len(after)), after
