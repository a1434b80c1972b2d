"""Real certification requests of every kind, sound and broken, and real keys, sound and weak."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID, ObjectIdentifier

from ca_core import der

MlDsaKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | MlDsaKey
Digest = SHA256 | SHA384 | SHA512

SUBJECT = "CN=A123456789-63-YIRU,OU=RD,OU=RD2,OU=TWCA,O=TWCA,C=TW"
EXTENSION_REQUEST = ObjectIdentifier("1.2.840.113549.1.9.14")
MICROSOFT_EXTENSION_REQUEST = ObjectIdentifier("1.3.6.1.4.1.311.2.1.14")
PERMANENT_IDENTIFIER = ObjectIdentifier("1.3.6.1.5.5.7.8.3")


@asn1.sequence
class Attribute:
    type: ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class RequestInfo:
    version: int
    subject: asn1.TLV
    spki: asn1.TLV
    attributes: Annotated[asn1.SetOf[Attribute], asn1.Implicit(0)]


@cache
def ec_key(curve: str = "secp256r1") -> ec.EllipticCurvePrivateKey:
    curves = {c.name: c for c in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1())}
    return ec.generate_private_key(curves[curve])


@cache
def rsa_key(bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=exponent, key_size=bits)


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


@cache
def ml_dsa_key(strength: int = 65) -> MlDsaKey:
    match strength:
        case 44:
            return mldsa.MLDSA44PrivateKey.generate()
        case 65:
            return mldsa.MLDSA65PrivateKey.generate()
        case _:
            return mldsa.MLDSA87PrivateKey.generate()


def spki(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def csr(
    key: Key | None = None,
    *,
    subject: str = SUBJECT,
    san: Iterable[x509.GeneralName] = (),
    extensions: Iterable[x509.ExtensionType] = (),
    challenge_password: str | None = None,
    digest: Digest | None = None,
    pss: bool = False,
) -> bytes:
    """A request as an ordinary client makes it, in DER."""
    key = key or ec_key()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name.from_rfc4514_string(subject))
    if names := list(san):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    if challenge_password is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge_password.encode())
    # The other kinds of keys say themselves how they digest.
    digest = digest or SHA256() if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) else None
    rsa_padding = padding.PSS(padding.MGF1(SHA256()), 32) if pss else None
    return builder.sign(key, digest, rsa_padding=rsa_padding).public_bytes(Encoding.DER)


def raw_csr(
    attributes: Sequence[Attribute] = (),
    *,
    subject_der: bytes = der.EMPTY_SEQUENCE,
    spki_der: bytes | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """A request with attributes as they come, signed with a P-256 key over whatever was put together."""
    key = key or ec_key()
    info = asn1.encode_der(
        RequestInfo(
            version=0,
            subject=der.tlv(subject_der),
            spki=der.tlv(spki_der or spki(key)),
            attributes=asn1.SetOf(list(attributes)),
        )
    )
    return der.assemble(info, der.ECDSA_SHA256, key.sign(info, ec.ECDSA(SHA256())))


def attribute(oid: ObjectIdentifier, *values: bytes) -> Attribute:
    return Attribute(type=oid, values=asn1.SetOf([der.tlv(value) for value in values]))


def extension_request(*extensions: x509.ExtensionType, oid: ObjectIdentifier = EXTENSION_REQUEST) -> Attribute:
    return attribute(oid, der.sequence(*(asn1.encode_der(der.extension(value)) for value in extensions)))


def raw_san(*general_names: bytes) -> x509.UnrecognizedExtension:
    """A subjectAltName of general names in DER, also of those that cryptography does not build."""
    return x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, der.sequence(*general_names))


def permanent_identifier(text: str) -> x509.OtherName:
    return x509.OtherName(PERMANENT_IDENTIFIER, der.sequence(asn1.encode_der(text)))
