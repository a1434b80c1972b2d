"""Keys that nobody may certify, each with its private half, so that each can really ask for a certificate.

The requests in `conformance/vectors/keys/` were made by `python -m tests.builders.weak_keys`. The RSA primes
are always the same ones: a hash stands for chance.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

import gmpy2
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca_core import der
from tests.builders.csr import RequestInfo

VECTORS = Path(__file__).parents[2] / "conformance" / "vectors" / "keys"
# RFC 8017, 9.2, note 1: what stands before a SHA-256 digest.
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_HALF = 3 << 1022
_SMALL_FACTORS = math.prod(range(3, 200, 2))


class WeakRsa(NamedTuple):
    """A key as bare numbers: libraries refuse to make most of these."""

    p: int
    q: int
    e: int = 65537

    @property
    def n(self) -> int:
        return self.p * self.q

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        return rsa.RSAPublicNumbers(self.e, self.n).public_key()

    def sign(self, message: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.1), as the standard writes it down."""
        size = (self.n.bit_length() + 7) // 8
        encoded = _DIGEST_INFO + hashlib.sha256(message).digest()
        padded = b"\0\1" + b"\xff" * (size - len(encoded) - 3) + b"\0" + encoded
        d = pow(self.e, -1, math.lcm(self.p - 1, self.q - 1))
        return pow(int.from_bytes(padded, "big"), d, self.n).to_bytes(size, "big")


@cache
def close_primes(distance: int = 25 << 512) -> WeakRsa:
    """Fermat's method breaks it; the default `distance` takes 104 rounds."""
    p = next_prime(chance("close", 1024, high=_HALF))
    return WeakRsa(p, next_prime(p + distance + 1))


@cache
def roca() -> WeakRsa:
    """Primes of the form k*M + (65537^a mod M), as Infineon's chips made them (CVE-2017-15361)."""
    primorial = math.prod(_primes_below(702))
    return WeakRsa(*(_roca_prime(primorial, exponent) for exponent in (1234567, 7654321)))


@cache
def small_factor(factor: int = 65537) -> WeakRsa:
    """The default is the largest prime that is looked for."""
    return WeakRsa(factor, next_prime(chance("factor", 2048, high=3 << 2046) // factor), e=65539)


@cache
def zero_runs() -> WeakRsa:
    """Primes of few ones between runs of zeros: the modulus is a polynomial, and those are factored."""
    return WeakRsa(*(next_prime(_HALF + sum(low << bit for bit in range(128, 1000, 128))) for low in (9, 11)))


@cache
def biased() -> WeakRsa:
    """The modulus begins with hundreds of ones."""
    return _beginning(b"\xff\xfe" * 60)


@cache
def repeating() -> WeakRsa:
    """The modulus begins with one octet sixteen times."""
    return _beginning(b"\xd5" * 17)


@cache
def backdoor_order() -> WeakRsa:
    """The modulus begins as what the backdoor of xz takes for an order: a*b + c = 2 in 64 bits (CVE-2024-3094)."""
    beginning = hashlib.sha256(b"order").digest()[:7]
    a = int.from_bytes(b"\0\xd5" + beginning[1:3], "little")
    b = int.from_bytes(beginning[3:7], "little")
    return _beginning(b"\xd5" + beginning[1:7] + ((2 - a * b) % (1 << 64)).to_bytes(8, "little"))


@cache
def sound_primes(bits: int, e: int) -> WeakRsa:
    """Nothing is wrong with it but its size or its exponent."""
    p, q = (_next_coprime(chance(f"sound {n}", bits // 2, high=3 << bits // 2 - 2), e) for n in range(2))
    return WeakRsa(p, q, e)


def request(key: WeakRsa) -> bytes:
    """A certification request in DER, properly signed."""
    info = _info(key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return der.assemble(info, der.RSA_SHA256, key.sign(info))


def even_exponent() -> bytes:
    """With an even exponent nothing can be signed: the signature is another key's."""
    key = sound_primes(2048, 65537)
    # 65537 becomes 65536 in the encoded key.
    spki = key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = _info(spki.replace(b"\2\3\1\0\1", b"\2\3\1\0\0"))
    return der.assemble(info, der.RSA_SHA256, key.sign(info))


def on_curve(curve: ec.EllipticCurve) -> Callable[[], bytes]:
    return lambda: _by_library(ec.generate_private_key(curve), SHA256())


VECTOR_MAKERS: dict[str, Callable[[], bytes]] = {
    "rsa-roca": lambda: request(roca()),
    "rsa-close-primes": lambda: request(close_primes()),
    "rsa-small-factor": lambda: request(small_factor()),
    "rsa-zero-runs": lambda: request(zero_runs()),
    "rsa-biased": lambda: request(biased()),
    "rsa-repeating": lambda: request(repeating()),
    "rsa-backdoor-order": lambda: request(backdoor_order()),
    "rsa-1024": lambda: request(sound_primes(1024, 65537)),
    "rsa-8320": lambda: request(sound_primes(8320, 65537)),
    "rsa-e-3": lambda: request(sound_primes(2048, 3)),
    "rsa-e-huge": lambda: request(sound_primes(2048, (1 << 64) + 13)),
    "rsa-e-even": even_exponent,
    "ec-p192": on_curve(ec.SECP192R1()),
    "ec-secp256k1": on_curve(ec.SECP256K1()),
    "ec-brainpool-p256r1": on_curve(ec.BrainpoolP256R1()),
    "ed448": lambda: _by_library(ed448.Ed448PrivateKey.generate(), None),
    "dsa-2048": lambda: _by_library(dsa.generate_private_key(2048), SHA256()),
}


def chance(label: str, bits: int, *, high: int) -> int:
    """A number of so many bits that begins as `high` does and goes on without a pattern, always the same one."""
    return high | int.from_bytes(hashlib.shake_256(label.encode()).digest(bits // 8 - 2), "big")


def next_prime(n: int) -> int:
    return next(candidate for candidate in count(n | 1, 2) if _is_prime(candidate))


def _by_library(
    key: ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | dsa.DSAPrivateKey, digest: SHA256 | None
) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(x509.Name.from_rfc4514_string("CN=weak"))
    return builder.sign(key, digest).public_bytes(Encoding.DER)


def _info(spki: bytes) -> bytes:
    subject = x509.Name.from_rfc4514_string("CN=weak").public_bytes()
    return asn1.encode_der(
        RequestInfo(version=0, subject=der.tlv(subject), spki=der.tlv(spki), attributes=asn1.SetOf([]))
    )


def _beginning(octets: bytes) -> WeakRsa:
    p = next_prime(chance("beginning", 1024, high=_HALF))
    target = int.from_bytes(octets + hashlib.shake_256(b"rest").digest(256 - len(octets)), "big")
    return WeakRsa(p, next_prime(target // p))


def _roca_prime(primorial: int, exponent: int) -> int:
    residue = pow(65537, exponent, primorial)
    first = chance("roca", 1024, high=_HALF) // primorial + 1
    return next(n for k in count(first) if _is_prime(n := k * primorial + residue))


def _next_coprime(n: int, e: int) -> int:
    return next(p for p in _primes_from(n) if math.gcd(p - 1, e) == 1)


def _primes_from(n: int) -> Iterator[int]:
    while True:
        n = next_prime(n)
        yield n
        n += 2


def _primes_below(limit: int) -> Iterator[int]:
    return (n for n in range(2, limit) if all(n % d for d in range(2, math.isqrt(n) + 1)))


def _is_prime(n: int) -> bool:
    # Fermat's test: for numbers that nobody chose to fool it, that is enough. GMP takes a tenth of the time of `pow`.
    return math.gcd(n, _SMALL_FACTORS) == 1 and gmpy2.powmod(2, n - 1, n) == 1


if __name__ == "__main__":
    VECTORS.mkdir(parents=True, exist_ok=True)
    for name, make in VECTOR_MAKERS.items():
        (VECTORS / f"{name}.der").write_bytes(make())
