"""Which private keys are made here, by the system's generator."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ca_core.errors import WeakKey
from ca_core.policy.key_types import key_name

_EXPONENT = 65537
_RSA_STRENGTHS = {2048: 112, 3072: 128, 4096: 152}
_MOST_STRENGTH = 256
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
Generator = Callable[[], PrivateKey]


def generator_like(public_key: CertificatePublicKeyTypes) -> Generator:
    """What makes keys of the type that a public key is of.

    Raises:
        WeakKey: such keys are not made here.
    """
    match public_key:
        case rsa.RSAPublicKey(key_size=bits) if bits in _RSA_STRENGTHS:
            return lambda: rsa.generate_private_key(_EXPONENT, bits)
        case ec.EllipticCurvePublicKey(curve=curve) if isinstance(curve, _CURVES):
            return lambda: ec.generate_private_key(curve)
        case ed25519.Ed25519PublicKey():
            return ed25519.Ed25519PrivateKey.generate
        case mldsa.MLDSA44PublicKey():
            return mldsa.MLDSA44PrivateKey.generate
        case mldsa.MLDSA65PublicKey():
            return mldsa.MLDSA65PrivateKey.generate
        case mldsa.MLDSA87PublicKey():
            return mldsa.MLDSA87PrivateKey.generate
        case _:
            raise WeakKey(
                f"keys of the type {key_name(public_key)} are not made here; send a request whose key is of the type"
                " that you want: RSA of 2048, 3072 or 4096 bits, P-256, P-384, P-521, Ed25519 or ML-DSA"
            )


def strength_bits(public_key: CertificatePublicKeyTypes) -> int:
    """How many bits of a symmetric key a key is worth that is made here (NIST SP 800-57 part 1, 5.6.1; FIPS 204, 4)."""
    match public_key:
        case rsa.RSAPublicKey(key_size=bits):
            return _RSA_STRENGTHS[bits]
        case ec.EllipticCurvePublicKey(key_size=bits):
            return min(bits // 2, _MOST_STRENGTH)
        case mldsa.MLDSA65PublicKey():
            return 192
        case mldsa.MLDSA87PublicKey():
            return _MOST_STRENGTH
        case _:
            return 128


def pkcs8(private_key: PrivateKey) -> bytes:
    """A private key in the clear, in DER (RFC 5958, 2); every call site is a place where a secret leaves."""
    return private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
