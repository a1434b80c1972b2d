"""What a token signs and what it gives back, for RSA (RFC 8017, 8.2) and ECDSA (FIPS 186-5, 6).

Everything is hashed here: a CRL of a million entries never travels to the token.
"""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from ca_core.errors import Misconfigured

TokenKeyKind = Literal["ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096"]
TOKEN_KEY_KINDS: tuple[TokenKeyKind, ...] = get_args(TokenKeyKind)
TokenPublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 4096
# The DER of DigestInfo in front of a SHA-256 digest (RFC 8017, 9.2, note 1).
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def require_usable(public_key: object) -> TokenPublicKey:
    """The key, if a CA key in a token may be of this kind.

    Raises:
        Misconfigured: neither P-256 nor P-384 nor RSA of 2048 to 4096 bits.
    """
    match public_key:
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1() | ec.SECP384R1()):
            return public_key
        case rsa.RSAPublicKey() if MIN_RSA_BITS <= public_key.key_size <= MAX_RSA_BITS:
            return public_key
        case _:
            raise Misconfigured("a CA key in a token must be EC P-256, EC P-384, or RSA of 2048 to 4096 bits")


def prepared(public_key: TokenPublicKey, tbs: bytes) -> bytes:
    """What the token is given: the digest, or with RSA the DigestInfo for PKCS #1 v1.5 with SHA-256."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return _SHA256_INFO + hashlib.sha256(tbs).digest()
    is_p384 = isinstance(public_key.curve, ec.SECP384R1)
    return (hashlib.sha384 if is_p384 else hashlib.sha256)(tbs).digest()


def finished(public_key: TokenPublicKey, raw: bytes) -> bytes:
    """The content of the signature's BIT STRING: ECDSA's r || s, of one length, become a SEQUENCE (RFC 3279, 2.2.3)."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return raw
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))


def is_signed(public_key: TokenPublicKey, signature: bytes, tbs: bytes) -> bool:
    """Whether the key made this signature."""
    try:
        if isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(signature, tbs, padding.PKCS1v15(), SHA256())
        else:
            is_p384 = isinstance(public_key.curve, ec.SECP384R1)
            public_key.verify(signature, tbs, ec.ECDSA(SHA384() if is_p384 else SHA256()))
    except InvalidSignature:
        return False
    return True
