"""The signed envelope of every ACME request: a flattened JWS, read as strictly as RFC 8555 says.

josepy's own JWS class is not used: it trusts the unprotected header that RFC 8555, 6.2 forbids, and accepts
padded and non-canonical base64url, which RFC 8555, 6.1 forbids.
"""

from __future__ import annotations

import json
from typing import Any, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from josepy.jwa import RS256

from ca_core.errors import BadRequest, TooLarge
from protocols.acme import jwk
from protocols.acme.errors import BadSignature, BadSignatureAlgorithm
from protocols.acme.jwk import AccountKey
from protocols.encoding import from_base64url

MEDIA_TYPE = "application/jose+json"
MAX_BODY_OCTETS = 50_000
MAX_COMPLAINT_CHARACTERS = 160
"""msgspec's messages name the client's members, whose names may be of any length."""

ALGORITHMS: Final = (
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "RS256",
    "PS256",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87",
)
"""All that a request may be signed with: no `none`, no HMAC (RFC 8555, 6.2)."""

# RFC 7518, 3.4: the octets of r, as many of s, and the digest. Not through josepy, which takes as long again.
_ECDSA: Final = {"ES256": (32, ECDSA(SHA256())), "ES384": (48, ECDSA(SHA384())), "ES512": (66, ECDSA(SHA512()))}
_PSS: Final = PSS(MGF1(SHA256()), salt_length=SHA256.digest_size)

T = TypeVar("T")


class Flattened(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The flattened JSON serialization (RFC 7515, 7.2.2) with its three members and no others.

    An unprotected `header` and the general form's `signatures` are unknown members and refused.
    """

    protected: str
    payload: str
    signature: str

    @property
    def signing_input(self) -> bytes:
        """What the signature covers (RFC 7515, 5.1), from the texts as they came."""
        return f"{self.protected}.{self.payload}".encode()


class _Header(msgspec.Struct, frozen=True):
    """A protected header. Presence counts, so a null is not an absence: `None` here means absent.

    `crit` and `b64` are declared in order to be refused: nothing critical is understood here, and an
    unencoded payload (RFC 7797) would change what is signed.
    """

    alg: str
    url: str
    nonce: str | msgspec.UnsetType = msgspec.UNSET
    kid: str | msgspec.UnsetType = msgspec.UNSET
    jwk: Any = msgspec.UNSET
    crit: Any = msgspec.UNSET
    b64: Any = msgspec.UNSET

    def __post_init__(self) -> None:
        """Refuse extensions; msgspec reports this as a ValidationError."""
        if self.crit is not msgspec.UNSET or self.b64 is not msgspec.UNSET:
            raise ValueError("crit and b64 are not understood in the protected header")


class Envelope(msgspec.Struct, frozen=True):
    """A request as it was signed; nothing in it is proved before `verify`.

    Attributes:
        algorithm: one of `ALGORITHMS`.
        url: the signed URL; the caller compares it with the configured one (RFC 8555, 6.4).
        nonce: strict base64url, or None when there was none, as in the inner JWS of a key change.
        key: the embedded key; None exactly when `kid` is given.
        kid: the account URL as sent; None exactly when `key` is given.
        payload: decoded; empty for POST-as-GET (RFC 8555, 6.3).
    """

    algorithm: str
    url: str
    nonce: str | None
    key: AccountKey | None
    kid: str | None
    payload: bytes
    signature: bytes
    signing_input: bytes

    @property
    def is_post_as_get(self) -> bool:
        """Whether the payload is the empty octet string, which asks to read (RFC 8555, 6.3)."""
        return not self.payload


def unpack(body: bytes) -> Envelope:
    """Read a request body, or the payload of a key change, which is a JWS too (RFC 8555, 6.2, 7.3.5).

    Raises:
        TooLarge: more than `MAX_BODY_OCTETS`.
        BadRequest: not a flattened JWS with exactly three members; a duplicate member at any depth; `crit` or
            `b64`; both or neither of `jwk` and `kid`; base64url that is not strict.
        BadSignatureAlgorithm: `alg` is not one of `ALGORITHMS`.
        BadPublicKey: the embedded `jwk` is not accepted.
    """
    if len(body) > MAX_BODY_OCTETS:
        raise TooLarge(f"a request has at most {MAX_BODY_OCTETS} octets")
    jws = members(body, Flattened)
    header = members(from_base64url(jws.protected), _Header)
    if header.alg not in ALGORITHMS:
        raise BadSignatureAlgorithm("requests are not accepted with this alg", algorithms=ALGORITHMS)
    if (header.jwk is msgspec.UNSET) is (header.kid is msgspec.UNSET):
        raise BadRequest("the protected header needs exactly one of jwk and kid (RFC 8555, 6.2)")
    if header.nonce is not msgspec.UNSET:
        from_base64url(header.nonce)
    return Envelope(
        algorithm=header.alg,
        url=header.url,
        nonce=None if header.nonce is msgspec.UNSET else header.nonce,
        key=None if header.jwk is msgspec.UNSET else jwk.read(header.jwk),
        kid=None if header.kid is msgspec.UNSET else header.kid,
        payload=from_base64url(jws.payload),
        signature=from_base64url(jws.signature),
        signing_input=jws.signing_input,
    )


def verify(envelope: Envelope, key: AccountKey) -> None:
    """Check the signature under a key: the embedded one, or the account's.

    Raises:
        BadSignatureAlgorithm: `alg` does not belong to this type of key; carries those that do.
        BadSignature: it does not verify; an ECDSA signature that is not r and s in full length included.
    """
    if envelope.algorithm not in key.algorithms:
        raise BadSignatureAlgorithm("this alg does not belong to this type of key", algorithms=key.algorithms)
    if not _verifies(envelope, key):
        raise BadSignature


def members(payload: bytes, shape: type[T]) -> T:
    """Decode a JSON object into a struct; members that it does not declare are ignored, unless it forbids.

    Raises:
        BadRequest: not JSON in UTF-8 (RFC 8259), a duplicate member at any depth, nested beyond sense, or a
            member that is missing or of another type.
    """
    try:
        decoded = msgspec.json.decode(payload, type=shape)
        # msgspec keeps the last of two equal members and says nothing; the standard library lets us look. That nothing
        # stands behind the value, and but white space before it, msgspec has seen.
        _DUPLICATES.raw_decode(payload.decode().lstrip(_WHITE))
        return decoded
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the JSON cannot be accepted: {_in_short(error)}") from None


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a member appears twice in one object")


_WHITE: Final = " \t\r\n"
# Made once: `json.loads` would make one for each call.
_DUPLICATES: Final = json.JSONDecoder(object_pairs_hook=_refuse_duplicates, parse_int=str, parse_float=str)


def _in_short(error: Exception) -> str:
    # The Unicode error and the recursion error speak of Python, not of what the client sent.
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "it is not UTF-8" if isinstance(error, UnicodeError) else str(error)[:MAX_COMPLAINT_CHARACTERS]


def _verifies(envelope: Envelope, key: AccountKey) -> bool:
    signature, signed, public_key = envelope.signature, envelope.signing_input, key.public_key
    if envelope.algorithm == "RS256":
        return RS256.verify(public_key, signed, signature)
    try:
        if isinstance(public_key, EllipticCurvePublicKey):
            octets, algorithm = _ECDSA[envelope.algorithm]
            if len(signature) != 2 * octets:
                return False
            r, s = (int.from_bytes(half, "big") for half in (signature[:octets], signature[octets:]))
            public_key.verify(encode_dss_signature(r, s), signed, algorithm)
        elif isinstance(public_key, RSAPublicKey):
            # Not josepy's PS256: it expects the longest salt, where RFC 7518, 3.5 says that of the hash.
            public_key.verify(signature, signed, _PSS, SHA256())
        else:
            public_key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
