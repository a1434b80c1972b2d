"""Account keys: a JSON Web Key becomes a key that can verify (RFC 7517, 7518, 8037, 9964)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PublicKey,
    MLDSA65PublicKey,
    MLDSA87PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from josepy.errors import Error as JosepyError
from josepy.jwk import JWKEC, JWKRSA

from ca_core.errors import BadRequest
from protocols.acme.errors import BadPublicKey
from protocols.encoding import base64url, from_base64url

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
MIN_RSA_EXPONENT = 65537
MAX_RSA_EXPONENT_BITS = 64
"""OpenSSL's own bound for large moduli; a longer exponent buys nothing and makes every verification slow."""

MAX_MEMBER_CHARACTERS = 4096
"""The longest that can be good is an ML-DSA-87 key, 3456 characters."""

PublicKey: TypeAlias = (
    RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | MLDSA44PublicKey | MLDSA65PublicKey | MLDSA87PublicKey
)

_REQUIRED: Final = {"RSA": ("e", "n"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "AKP": ("alg", "pub")}
"""The members of RFC 7638's thumbprint beside `kty`: RFC 7638, 3.2; RFC 8037, 2; RFC 9964, 6."""

_NOT_BASE64 = frozenset({"kty", "crv", "alg"})
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_CURVE_ALGORITHMS: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_ML_DSA: Final[Mapping[str, Callable[[bytes], PublicKey]]] = {
    "ML-DSA-44": MLDSA44PublicKey.from_public_bytes,
    "ML-DSA-65": MLDSA65PublicKey.from_public_bytes,
    "ML-DSA-87": MLDSA87PublicKey.from_public_bytes,
}


class AccountKey(msgspec.Struct, frozen=True):
    """A public key that may sign for an account.

    Attributes:
        jwk: the required members only, sorted and without blanks: the hash input of RFC 7638, 3, so that one
            key has one spelling.
        thumbprint: base64url of the SHA-256 of `jwk`, 43 characters; compare keys by this.
        public_key: what verifies.
        algorithms: the `alg` values that this key may be used with, the usual one first.
    """

    jwk: str
    thumbprint: str
    public_key: PublicKey
    algorithms: tuple[str, ...]


def read(value: object) -> AccountKey:
    """Read a public JWK from a decoded JSON value; members that no thumbprint covers are ignored.

    Raises:
        BadPublicKey: not an object, private members, a symmetric or unknown kind, a member that is missing or
            not minimal unpadded base64url, RSA outside 2048 to 8192 bits or with a bad exponent, a point that
            is not on its curve.
    """
    members = _thumbprint_members(value)
    try:
        public_key, algorithms = _LOADERS[members["kty"]](members)
    except (JosepyError, ValueError, UnsupportedAlgorithm):
        raise BadPublicKey(f"the JWK is not a valid {members['kty']} public key") from None
    text = msgspec.json.encode(members, order="sorted")
    return AccountKey(text.decode(), base64url(hashlib.sha256(text).digest()), public_key, algorithms)


def spki_sha256(key: AccountKey) -> bytes:
    """SHA-256 of the key's SubjectPublicKeyInfo in DER, by which certificate keys are known too."""
    spki = key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()


def _thumbprint_members(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadPublicKey("a JWK is a JSON object")
    if not _PRIVATE.isdisjoint(value):
        raise BadPublicKey("the JWK has secret members; send the public half, and consider this key exposed")
    kty = value.get("kty")
    if not isinstance(kty, str) or kty not in _REQUIRED:
        raise BadPublicKey("the key type is not accepted; use RSA, EC, OKP (Ed25519) or AKP (ML-DSA)")
    members = {name: _text(value, name) for name in ("kty", *_REQUIRED[kty])}
    for name in members.keys() - _NOT_BASE64:
        _octets(members, name)
    return members


def _text(members: dict[str, object], name: str) -> str:
    text = members.get(name)
    if not isinstance(text, str) or len(text) > MAX_MEMBER_CHARACTERS:
        raise BadPublicKey(f"the JWK needs {name} as a text of at most {MAX_MEMBER_CHARACTERS} characters")
    return text


def _octets(members: Mapping[str, str], name: str) -> bytes:
    try:
        return from_base64url(members[name])
    except BadRequest as refusal:
        raise BadPublicKey(f"{name} of the JWK is {refusal}") from None


def _rsa(members: dict[str, str]) -> tuple[PublicKey, tuple[str, ...]]:
    jwk = JWKRSA.fields_from_json(members)
    # A leading zero octet (RFC 7518, 6.3.1.1) would give one key two thumbprints, hence two accounts.
    if jwk.to_json() != members:
        raise BadPublicKey("n and e of the JWK must be without leading zero octets (RFC 7518, 6.3.1.1)")
    numbers = jwk.key.public_numbers()
    if not MIN_RSA_BITS <= numbers.n.bit_length() <= MAX_RSA_BITS:
        raise BadPublicKey(f"RSA keys of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits are accepted")
    if numbers.e < MIN_RSA_EXPONENT or numbers.e.bit_length() > MAX_RSA_EXPONENT_BITS or numbers.n % 2 == 0:
        raise BadPublicKey("the RSA exponent or modulus is not accepted; the usual exponent is 65537")
    return numbers.public_key(), ("RS256", "PS256")


def _ec(members: dict[str, str]) -> tuple[PublicKey, tuple[str, ...]]:
    if members["crv"] not in _CURVE_ALGORITHMS:
        raise BadPublicKey("the curve is not accepted; use P-256, P-384 or P-521")
    public_key = JWKEC.fields_from_json(members).key.public_numbers().public_key()
    return public_key, (_CURVE_ALGORITHMS[members["crv"]],)


def _okp(members: dict[str, str]) -> tuple[PublicKey, tuple[str, ...]]:
    if members["crv"] != "Ed25519":
        raise BadPublicKey("the curve is not accepted; of OKP keys only Ed25519 signs here")
    return Ed25519PublicKey.from_public_bytes(_octets(members, "x")), ("EdDSA",)


def _akp(members: dict[str, str]) -> tuple[PublicKey, tuple[str, ...]]:
    if members["alg"] not in _ML_DSA:
        raise BadPublicKey("the algorithm is not accepted; use ML-DSA-44, ML-DSA-65 or ML-DSA-87")
    return _ML_DSA[members["alg"]](_octets(members, "pub")), (members["alg"],)


_LOADERS: Final[Mapping[str, Callable[[dict[str, str]], tuple[PublicKey, tuple[str, ...]]]]] = {
    "RSA": _rsa,
    "EC": _ec,
    "OKP": _okp,
    "AKP": _akp,
}
