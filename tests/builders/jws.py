"""Signs real JWS with real keys of every type, and builds the hostile ones."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

URL = "https://ca.example/acme/new-order"
NONCE = "bm9uY2Utb2Ytc2l4dGVlbg"
CURVES: Mapping[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm, int, str]] = {
    "ES256": (ec.SECP256R1(), hashes.SHA256(), 32, "P-256"),
    "ES384": (ec.SECP384R1(), hashes.SHA384(), 48, "P-384"),
    "ES512": (ec.SECP521R1(), hashes.SHA512(), 66, "P-521"),
}
HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "HS256": hashes.SHA256(),
    "HS384": hashes.SHA384(),
    "HS512": hashes.SHA512(),
}
ML_DSA: Mapping[str, Any] = {
    "ML-DSA-44": mldsa.MLDSA44PrivateKey,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey,
}
ALGORITHMS = (*CURVES, "EdDSA", "RS256", "PS256", *ML_DSA)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, octets: int | None = None) -> str:
    return b64(value.to_bytes(octets or (value.bit_length() + 7) // 8, "big"))


class Signer(msgspec.Struct, frozen=True):
    """A private key with its public JWK and the `alg` it signs by."""

    alg: str
    private: Any
    jwk: dict[str, str]

    def sign(self, data: bytes, *, alg: str | None = None) -> bytes:
        alg = alg or self.alg
        if alg == "RS256":
            return bytes(self.private.sign(data, padding.PKCS1v15(), hashes.SHA256()))
        if alg == "PS256":
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256().digest_size)
            return bytes(self.private.sign(data, pss, hashes.SHA256()))
        if alg in CURVES:
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(CURVES[alg][1])))
            octets = CURVES[self.alg][2]
            return r.to_bytes(octets, "big") + s.to_bytes(octets, "big")
        return bytes(self.private.sign(data))

    @property
    def spki(self) -> bytes:
        return bytes(self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def signer(alg: str = "ES256", which: int = 0) -> Signer:
    """A key for `alg`, made once a run; another `which` is another key."""
    return rsa_signer(alg, 2048, which) if alg in {"RS256", "PS256"} else _made(alg, which)


@cache
def _made(alg: str, which: int) -> Signer:
    if alg in CURVES:
        curve, _, octets, name = CURVES[alg]
        key = ec.generate_private_key(curve)
        point = key.public_key().public_numbers()
        return Signer(alg, key, {"kty": "EC", "crv": name, "x": number(point.x, octets), "y": number(point.y, octets)})
    if alg == "EdDSA":
        okp = ed25519.Ed25519PrivateKey.generate()
        return Signer(alg, okp, {"kty": "OKP", "crv": "Ed25519", "x": b64(okp.public_key().public_bytes_raw())})
    akp = ML_DSA[alg].generate()
    return Signer(alg, akp, {"kty": "AKP", "alg": alg, "pub": b64(akp.public_key().public_bytes_raw())})


@cache
def rsa_signer(alg: str, bits: int, which: int = 0) -> Signer:
    key = rsa.generate_private_key(65537, bits)
    public = key.public_key().public_numbers()
    return Signer(alg, key, {"kty": "RSA", "n": number(public.n), "e": number(public.e)})


def hmac_sign(alg: str, mac_key: bytes, data: bytes) -> bytes:
    mac = hmac.HMAC(mac_key, HASHES[alg])
    mac.update(data)
    return mac.finalize()


def flattened(header: object, payload: bytes, sign: Callable[[bytes], bytes]) -> dict[str, Any]:
    """A flattened JWS over any header, well formed or not; `sign` is called with the signing input.

    `header` may be a text, which is then the header's JSON as it stands.
    """
    text = header if isinstance(header, str) else json.dumps(header)
    protected, encoded = b64(text.encode()), b64(payload)
    return {
        "protected": protected,
        "payload": encoded,
        "signature": b64(sign(f"{protected}.{encoded}".encode())),
    }


def request(
    by: Signer,
    payload: object = b"",
    *,
    url: str = URL,
    kid: str | None = None,
    nonce: str | None = NONCE,
    **header: object,
) -> bytes:
    """A signed ACME request body: by `jwk` unless there is a `kid`; further header members as given."""
    who: dict[str, Any] = {"jwk": by.jwk} if kid is None else {"kid": kid}
    issued = {} if nonce is None else {"nonce": nonce}
    whole = {"alg": by.alg, "url": url, **issued, **who, **header}
    octets = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return json.dumps(flattened(whole, octets, by.sign)).encode()


def binding(
    kid: str,
    mac_key: bytes,
    account_jwk: object,
    *,
    url: str = URL,
    alg: str = "HS256",
    **header: object,
) -> dict[str, Any]:
    """An external account binding (RFC 8555, 7.3.4); further header members as given."""
    whole = {"alg": alg, "kid": kid, "url": url, **header}
    return flattened(whole, json.dumps(account_jwk).encode(), lambda data: hmac_sign(alg, mac_key, data))
