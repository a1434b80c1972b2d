"""Public keys: which kinds are certified, and which are too weak (DESIGN, invariant 9)."""

from __future__ import annotations

import hashlib
import math
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca_core.errors import WeakKey

KeyType = Literal["rsa", "ec", "ed25519"]

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
MIN_EXPONENT = 65537
MAX_EXPONENT_BITS = 64
FERMAT_ROUNDS = 110
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


def _primes_below(limit: int) -> tuple[int, ...]:
    return tuple(n for n in range(2, limit) if all(n % d for d in range(2, math.isqrt(n) + 1)))


# One gcd with this product finds every prime factor below 752, as Boulder's goodkey does.
_SMALL_FACTORS = math.prod(_primes_below(752))

# ROCA (CVE-2017-15361): Infineon's primes are k*M + (65537^a mod M) with M a product of the first primes,
# at least those up to 167. Modulo each of these the modulus is thus a power of 65537. Where the powers are
# only a part of the group this tells such keys from others: a sound key passes for one once in 2^27 or less.
_ROCA_GENERATOR = 65537
_ROCA_POWERS = {
    p: frozenset(pow(_ROCA_GENERATOR, exponent, p) for exponent in range(p - 1))
    for p in _primes_below(168)
    if p > 2  # noqa: PLR2004  # the one even prime tells nothing
}


def key_type(public_key: PublicKeyTypes) -> KeyType:
    """The kind of a key, as profiles distinguish them.

    Raises:
        WeakKey: a kind that nobody certifies here.
    """
    match public_key:
        case rsa.RSAPublicKey():
            return "rsa"
        case ec.EllipticCurvePublicKey():
            return "ec"
        case ed25519.Ed25519PublicKey():
            return "ed25519"
        case _:
            raise WeakKey("keys of this kind are not certified here; use RSA, P-256, P-384, P-521 or Ed25519")


def check_key(public_key: PublicKeyTypes) -> None:
    """Let only a sound key pass: a few milliseconds at most, for 8192 bits.

    Raises:
        WeakKey: says in one sentence what is wrong with the key.
    """
    key_type(public_key)
    if isinstance(public_key, rsa.RSAPublicKey):
        numbers = public_key.public_numbers()
        _check_rsa(numbers.n, numbers.e)
    elif isinstance(public_key, ec.EllipticCurvePublicKey) and not isinstance(public_key.curve, _CURVES):
        raise WeakKey(f"curve {public_key.curve.name} is not certified here; use P-256, P-384 or P-521")


def require_affordable(public_key: PublicKeyTypes) -> None:
    """Let only a key pass that is worth a signature's verification: a giant one takes as long as its maker likes.

    Raises:
        WeakKey: more bits, in modulus or exponent, than any policy accepts.
    """
    if not isinstance(public_key, rsa.RSAPublicKey):
        return
    if public_key.key_size > MAX_RSA_BITS or public_key.public_numbers().e.bit_length() > MAX_EXPONENT_BITS:
        raise WeakKey(f"an RSA key must have at most {MAX_RSA_BITS} bits and an exponent below 2^{MAX_EXPONENT_BITS}")


def spki_der(public_key: PublicKeyTypes) -> bytes:
    """The SubjectPublicKeyInfo in its one canonical DER (RFC 5280, 4.1.2.7)."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def spki_sha256(spki: bytes) -> bytes:
    """The 32 octets by which the store knows a key."""
    return hashlib.sha256(spki).digest()


def _check_rsa(n: int, e: int) -> None:
    bits = n.bit_length()
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        raise WeakKey(f"an RSA key must have {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, and this one has {bits}")
    if e < MIN_EXPONENT or e % 2 == 0 or e.bit_length() > MAX_EXPONENT_BITS:
        raise WeakKey("the RSA exponent must be odd, at least 65537 and below 2^64; make a new key")
    if math.gcd(n, _SMALL_FACTORS) != 1:
        raise WeakKey("the RSA modulus has a small factor; make a new key with a sound generator")
    if all(n % p in powers for p, powers in _ROCA_POWERS.items()):
        raise WeakKey("the RSA key is of the ROCA kind (CVE-2017-15361); make a new key outside that chip")
    if _has_close_primes(n):
        raise WeakKey("the primes of the RSA key are too close; make a new key with a sound generator")


def _has_close_primes(n: int) -> bool:
    """Fermat's factorization of an odd modulus: n = a^2 - b^2 with a near the square root."""
    a = math.isqrt(n)
    if a * a == n:
        return True
    remainder = (a + 1) * (a + 1) - n
    for step in range(1, FERMAT_ROUNDS + 1):
        root = math.isqrt(remainder)
        if root * root == remainder:
            return True
        remainder += 2 * (a + step) + 1
    return False
