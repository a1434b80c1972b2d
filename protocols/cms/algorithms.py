"""Which algorithms sign and digest messages here (RFC 5754, 4056, 5753, 8419, 9882); all others are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ObjectIdentifier, SignatureAlgorithmOID

from ca_core import der
from protocols.cms.errors import UnknownAlgorithm, WrongSignature

SHA256 = ObjectIdentifier("2.16.840.1.101.3.4.2.1")
SHA384 = ObjectIdentifier("2.16.840.1.101.3.4.2.2")
SHA512 = ObjectIdentifier("2.16.840.1.101.3.4.2.3")

MlDsaPublicKey = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
Check = Callable[[PublicKeyTypes, bytes, bytes], None]

_MGF1 = ObjectIdentifier("1.2.840.113549.1.1.8")
_HASHES: Mapping[ObjectIdentifier, hashes.HashAlgorithm] = MappingProxyType(
    {SHA256: hashes.SHA256(), SHA384: hashes.SHA384(), SHA512: hashes.SHA512()}
)
_RSA_ENCRYPTION = ObjectIdentifier("1.2.840.113549.1.1.1")
_RSA = {
    SignatureAlgorithmOID.RSA_WITH_SHA256: SHA256,
    SignatureAlgorithmOID.RSA_WITH_SHA384: SHA384,
    SignatureAlgorithmOID.RSA_WITH_SHA512: SHA512,
}
_ECDSA = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: SHA384,
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: SHA512,
}
_ML_DSA: Mapping[ObjectIdentifier, type[MlDsaPublicKey]] = MappingProxyType(
    {
        SignatureAlgorithmOID.ML_DSA_44: mldsa.MLDSA44PublicKey,
        SignatureAlgorithmOID.ML_DSA_65: mldsa.MLDSA65PublicKey,
        SignatureAlgorithmOID.ML_DSA_87: mldsa.MLDSA87PublicKey,
    }
)
_NULL = b"\x05\x00"
_NOT_LISTED = (
    "the message uses an algorithm that is not accepted here; sign with SHA-256, SHA-384 or SHA-512 and RSA, ECDSA,"
    " Ed25519 or ML-DSA"
)


@asn1.sequence
class _Plain:
    algorithm: ObjectIdentifier


@asn1.sequence
class _WithParameters:
    algorithm: ObjectIdentifier
    parameters: asn1.TLV


@asn1.sequence
class _PssParameters:
    """RFC 4055, 3.1; whatever says SHA-1, as the defaults do, is off the list."""

    hash_algorithm: Annotated[asn1.TLV, asn1.Explicit(0)]
    mask_algorithm: Annotated[asn1.TLV, asn1.Explicit(1)]
    salt_length: Annotated[int, asn1.Explicit(2)]


def plain(algorithm: ObjectIdentifier) -> bytes:
    """An AlgorithmIdentifier without parameters."""
    return asn1.encode_der(_Plain(algorithm=algorithm))


def with_parameters(algorithm: ObjectIdentifier, parameters: bytes) -> bytes:
    """An AlgorithmIdentifier.

    Args:
        parameters: one DER element.
    """
    return asn1.encode_der(_WithParameters(algorithm=algorithm, parameters=der.tlv(parameters)))


def parted(identifier: asn1.TLV) -> tuple[ObjectIdentifier, bytes]:
    """The algorithm, and the DER of its parameters, empty where there are none.

    Raises:
        ValueError: no AlgorithmIdentifier.
    """
    encoded = asn1.encode_der(identifier)
    try:
        return asn1.decode_der(_Plain, encoded).algorithm, b""
    except ValueError:
        read = asn1.decode_der(_WithParameters, encoded)
        return read.algorithm, asn1.encode_der(read.parameters)


def digest_named(identifier: asn1.TLV) -> ObjectIdentifier:
    """The digest algorithm that an AlgorithmIdentifier names.

    Raises:
        UnknownAlgorithm: off the list.
        ValueError: no AlgorithmIdentifier.
    """
    algorithm, parameters = parted(identifier)
    # RFC 5754, 2: absent when written; NULL must be read too.
    if algorithm not in _HASHES or parameters not in {b"", _NULL}:
        raise UnknownAlgorithm(_NOT_LISTED)
    return algorithm


def digest(algorithm: ObjectIdentifier, content: bytes) -> bytes:
    """The digest of a content.

    Args:
        algorithm: SHA256, SHA384 or SHA512.
    """
    hashing = hashes.Hash(_HASHES[algorithm])
    hashing.update(content)
    return hashing.finalize()


def digest_beside(signature_algorithm: bytes) -> ObjectIdentifier:
    """The digest that goes with the signatures of one of our own keys.

    Args:
        signature_algorithm: AlgorithmIdentifier in DER, as `ca_core.der.signature_algorithm` gives it.
    """
    algorithm, _ = parted(der.tlv(signature_algorithm))
    # RFC 8419, 3.1 and RFC 9882, 3.3: these two digest inside, and want SHA-512 beside them.
    return {**_RSA, **_ECDSA}.get(algorithm, SHA512)


def verify(
    identifier: asn1.TLV, digest_algorithm: ObjectIdentifier, public_key: PublicKeyTypes, signature: bytes, data: bytes
) -> None:
    """Check a signature.

    Args:
        identifier: the signer's signatureAlgorithm.
        digest_algorithm: the signer's; a signature by another one is refused (RFC 5652, 5.4).

    Raises:
        UnknownAlgorithm: off the list.
        WrongSignature: it is not this key's of this data, or this key cannot make such ones.
        ValueError: no AlgorithmIdentifier.
    """
    check = _check(*parted(identifier), digest_algorithm)
    try:
        check(public_key, signature, data)
    except InvalidSignature:
        raise WrongSignature from None


def _check(algorithm: ObjectIdentifier, parameters: bytes, beside: ObjectIdentifier) -> Check:
    hash_algorithm = _HASHES[beside]
    if algorithm in _ML_DSA and not parameters:
        return _ml_dsa(_ML_DSA[algorithm])
    if algorithm == SignatureAlgorithmOID.ED25519 and not parameters:
        return _ed25519
    if _ECDSA.get(algorithm) == beside and not parameters:
        return _ecdsa(hash_algorithm)
    # RFC 5754, 3.2: rsaEncryption means the digest that stands beside it.
    if (algorithm == _RSA_ENCRYPTION or _RSA.get(algorithm) == beside) and parameters in {b"", _NULL}:
        return _rsa(padding.PKCS1v15(), hash_algorithm)
    if algorithm == SignatureAlgorithmOID.RSASSA_PSS and parameters:
        return _rsa(_pss(parameters, beside), hash_algorithm)
    raise UnknownAlgorithm(_NOT_LISTED)


def _pss(parameters: bytes, beside: ObjectIdentifier) -> padding.PSS:
    """The padding, where both digests in it are the one beside it."""
    read = asn1.decode_der(_PssParameters, parameters)
    mask, mask_parameters = parted(read.mask_algorithm)
    if digest_named(read.hash_algorithm) != beside or mask != _MGF1 or digest_named(der.tlv(mask_parameters)) != beside:
        raise UnknownAlgorithm(_NOT_LISTED)
    hash_algorithm = _HASHES[beside]
    # RFC 4056, 3: as long as the digest. Another length is no attack, and no client's need.
    if read.salt_length != hash_algorithm.digest_size:
        raise UnknownAlgorithm(_NOT_LISTED)
    return padding.PSS(padding.MGF1(hash_algorithm), read.salt_length)


def _rsa(scheme: padding.PKCS1v15 | padding.PSS, hash_algorithm: hashes.HashAlgorithm) -> Check:
    def check(public_key: PublicKeyTypes, signature: bytes, data: bytes) -> None:
        if not isinstance(public_key, rsa.RSAPublicKey):
            raise WrongSignature
        public_key.verify(signature, data, scheme, hash_algorithm)

    return check


def _ecdsa(hash_algorithm: hashes.HashAlgorithm) -> Check:
    def check(public_key: PublicKeyTypes, signature: bytes, data: bytes) -> None:
        if not isinstance(public_key, ec.EllipticCurvePublicKey):
            raise WrongSignature
        public_key.verify(signature, data, ec.ECDSA(hash_algorithm))

    return check


def _ed25519(public_key: PublicKeyTypes, signature: bytes, data: bytes) -> None:
    if not isinstance(public_key, ed25519.Ed25519PublicKey):
        raise WrongSignature
    public_key.verify(signature, data)


def _ml_dsa(kind: type[MlDsaPublicKey]) -> Check:
    def check(public_key: PublicKeyTypes, signature: bytes, data: bytes) -> None:
        # RFC 9882, 3.3: pure ML-DSA, and the context is empty.
        if not isinstance(public_key, kind):
            raise WrongSignature
        public_key.verify(signature, data)

    return check
