"""The certification request of a finalize (RFC 8555, 7.4)."""

from __future__ import annotations

from ca_core.errors import BadCsr, BadName, BadRequest
from ca_core.names import Identifier
from ca_core.policy import request as pkcs10
from ca_core.policy.request import CertificationRequest
from protocols.acme import jwk
from protocols.acme.jwk import AccountKey
from protocols.encoding import from_base64url


def decoded(text: str) -> bytes:
    """The DER in the member `csr`.

    Raises:
        BadCsr: not unpadded base64url.
    """
    try:
        return from_base64url(text)
    except BadRequest as refusal:
        raise BadCsr(f"the csr is {refusal}") from None


def read(der: bytes, ordered: frozenset[Identifier], account_key: AccountKey) -> CertificationRequest:
    """Read a request and hold it against its order.

    Raises:
        BadCsr: it cannot be read, its names are not exactly the ordered ones, a common name is not among
            them, or its key is the account's.
        CaRequested, TooLarge: as they say.
    """
    try:
        request = pkcs10.parse(der)
    except BadName as refusal:
        raise BadCsr(f"the certification request asks for a name that nobody ordered: {refusal}") from None
    values = {name.value.lower() for name in ordered}
    common_names = {text.lower() for text in request.common_names}
    # RFC 8555, 7.4: the names may be in the common name, in the subjectAltName, or in both.
    is_fitting = request.names == ordered if request.san_requested else common_names == values
    if not is_fitting:
        raise BadCsr(f"the certification request must ask for exactly {', '.join(map(str, sorted(ordered)))}")
    if not common_names <= values:
        raise BadCsr("the common name must be one of the names in the subjectAltName, or absent")
    if request.spki_sha256 == jwk.spki_sha256(account_key):
        raise BadCsr("the key of the account must not be certified (RFC 8555, 11.1); make another one")
    return request
