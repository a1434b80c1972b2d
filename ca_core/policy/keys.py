"""Public keys: which kinds are certified, and which are too weak or known to others (DESIGN, invariant 9)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from ca_core.errors import KeyCompromised, WeakKey
from ca_core.policy.blocklist import NOTHING_BLOCKED, Blocklist

KeyType = Literal["rsa", "ec", "ed25519", "ml-dsa"]

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
MIN_EXPONENT = 65537
MAX_EXPONENT_BITS = 64
FERMAT_ROUNDS = 110
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
# Squares end in one of 12 of the 64 groups of six bits; the others need no root to be told.
_LOW_BITS = 63
_SQUARE_ENDINGS = frozenset(n * n & _LOW_BITS for n in range(_LOW_BITS + 1))

# What badkeys looks for, of all that it can, and what it means. Left out: `fermat` (100 rounds, ours are 110), `smalld`
# and `rsainvalid` (nothing that they find has an exponent within our bounds), `rsawarnings` (our own sizes are
# stricter), `blocklist` and `sharedprimes` (they open files, and a missing one ends the process).
_WEAKNESSES = MappingProxyType(
    {
        "smallfactors": "the RSA modulus has a small factor; make a new key with a sound generator",
        "roca": "the RSA key is of the ROCA kind (CVE-2017-15361); make a new key outside that chip",
        "rsapoly": "the primes of the RSA key hold runs of zeros and it can be factored; make a new key",
        "rsabias": "the bits of the RSA modulus are not random; make a new key with a sound generator",
        "pattern": "the RSA modulus repeats itself; make a new key with a sound generator",
        "xzbackdoor": "the RSA modulus carries an order to the backdoor CVE-2024-3094; make a new key elsewhere",
    }
)


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
        case mldsa.MLDSA44PublicKey() | mldsa.MLDSA65PublicKey() | mldsa.MLDSA87PublicKey():
            return "ml-dsa"
        case _:
            raise WeakKey("keys of this kind are not certified here; use RSA, P-256, P-384, P-521, Ed25519 or ML-DSA")


@lru_cache(maxsize=256)
def key_type_of(spki: bytes) -> KeyType:
    """The kind of the key in a SubjectPublicKeyInfo.

    Raises:
        ValueError, UnsupportedAlgorithm: it cannot be read.
        WeakKey: a kind that nobody certifies here.
    """
    return key_type(load_der_public_key(spki))


def check_key(public_key: PublicKeyTypes, blocked: Blocklist = NOTHING_BLOCKED) -> None:
    """Let only a sound key pass: a few milliseconds at most, for 8192 bits.

    Raises:
        WeakKey: says in one sentence what is wrong with the key.
        KeyCompromised: somebody else is known to hold it.
    """
    key_type(public_key)
    if isinstance(public_key, rsa.RSAPublicKey):
        numbers = public_key.public_numbers()
        _check_rsa(numbers.n, numbers.e)
    elif isinstance(public_key, ec.EllipticCurvePublicKey) and not isinstance(public_key.curve, _CURVES):
        raise WeakKey(f"curve {public_key.curve.name} is not certified here; use P-256, P-384 or P-521")
    if blocked and spki_sha256(spki_der(public_key)) in blocked:
        raise KeyCompromised


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
    for weakness in load_checks()(n, e, tuple(_WEAKNESSES)):
        raise WeakKey(_WEAKNESSES[weakness])
    if _has_close_primes(n):
        raise WeakKey("the primes of the RSA key are too close; make a new key with a sound generator")


def load_checks() -> Callable[[int, int, tuple[str, ...]], dict[str, object]]:
    """The library of known weaknesses; a server loads it at its start, before somebody waits for it."""
    # 50 ms, because it brings every tool of its own along: most commands never see an RSA key.
    from badkeys.checks import checkrsa  # noqa: PLC0415

    found: Callable[[int, int, tuple[str, ...]], dict[str, object]] = checkrsa
    return found


def _has_close_primes(n: int) -> bool:
    """Fermat's factorization of an odd modulus: n = a^2 - b^2 with a near the square root."""
    a = math.isqrt(n)
    if a * a == n:
        return True
    remainder = (a + 1) * (a + 1) - n
    for step in range(1, FERMAT_ROUNDS + 1):
        if remainder & _LOW_BITS in _SQUARE_ENDINGS:
            root = math.isqrt(remainder)
            if root * root == remainder:
                return True
        remainder += 2 * (a + step) + 1
    return False
