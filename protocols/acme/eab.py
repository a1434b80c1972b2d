"""External account binding: the holder of a sheet's EAB key vouches for an account key (RFC 8555, 7.3.4)."""

from __future__ import annotations

import hmac
from typing import Any, Final

import msgspec

from ca_core.errors import BadRequest
from protocols.acme import jwk
from protocols.acme.errors import BadExternalAccountBinding, BadPublicKey, BadSignatureAlgorithm
from protocols.acme.jws import Flattened, members
from protocols.encoding import from_base64url

ALGORITHMS: Final = ("HS256", "HS384", "HS512")
_DIGESTS: Final = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str
    url: str
    jwk: Any = msgspec.UNSET
    nonce: Any = msgspec.UNSET
    crit: Any = msgspec.UNSET
    b64: Any = msgspec.UNSET

    def __post_init__(self) -> None:
        """Refuse what RFC 8555, 7.3.4 forbids; msgspec reports this as a ValidationError."""
        if any(one is not msgspec.UNSET for one in (self.jwk, self.nonce, self.crit, self.b64)):
            raise ValueError("a binding has no jwk, nonce, crit or b64")


class Binding(msgspec.Struct, frozen=True):
    """A binding as it was sent; nothing in it is proved before `check`.

    Attributes:
        kid: the credential's key identifier, to find the MAC key by.
        algorithm: one of `ALGORITHMS`.
        url: the `url` of the binding's own header.
        payload: the account key as JSON, as it came.
    """

    kid: str
    algorithm: str
    url: str
    payload: bytes
    signature: bytes
    signing_input: bytes


def read(value: object) -> Binding:
    """Read the member `externalAccountBinding`, a decoded JSON value.

    Raises:
        BadRequest: not a flattened JWS of three members, a forbidden header member, no `kid` or `url`.
        BadSignatureAlgorithm: not one of `ALGORITHMS`.
    """
    try:
        jws = msgspec.convert(value, Flattened)
    except msgspec.ValidationError as error:
        raise BadRequest(f"externalAccountBinding cannot be accepted: {str(error)[:200]}") from None
    header = members(from_base64url(jws.protected), _Header)
    if header.alg not in ALGORITHMS:
        raise BadSignatureAlgorithm("external account bindings use an HMAC", algorithms=ALGORITHMS)
    return Binding(
        kid=header.kid,
        algorithm=header.alg,
        url=header.url,
        payload=from_base64url(jws.payload),
        signature=from_base64url(jws.signature),
        signing_input=jws.signing_input,
    )


def check(binding: Binding, mac_key: bytes, *, outer_url: str, outer_key: jwk.AccountKey) -> None:
    """Check that the holder of `mac_key` vouches for `outer_key` in a request to `outer_url`.

    For a `kid` that nobody has, pass a random key: known and unknown then take the same path and get the same
    answer. Uses, expiry, networks and profiles of the credential are the caller's to look at afterwards.

    Raises:
        BadExternalAccountBinding: the MAC is wrong, or it is right and covers another URL or account key.
    """
    mac = hmac.digest(mac_key, binding.signing_input, _DIGESTS[binding.algorithm])
    if not hmac.compare_digest(mac, binding.signature):
        raise BadExternalAccountBinding
    if binding.url != outer_url:
        raise BadExternalAccountBinding("the url of the binding is not that of the request")
    # By thumbprint: a client may order the members of its key differently inside and outside.
    if _vouched_thumbprint(binding) != outer_key.thumbprint:
        raise BadExternalAccountBinding("the binding is for another account key than the one that signs")


def _vouched_thumbprint(binding: Binding) -> str:
    try:
        return jwk.read(members(binding.payload, dict[str, Any])).thumbprint
    except (BadRequest, BadPublicKey) as refusal:
        raise BadExternalAccountBinding(f"the binding's payload is not the account key: {refusal}") from None
