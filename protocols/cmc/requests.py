"""Full PKI requests: the content of a signed message in, a value that cannot be half valid out (RFC 5272, 3.2).

One level only: no control that is served here refers to the messages inside, and so they are not looked at
(RFC 5272, 3.2.1).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from ca_core import der as encoding
from ca_core.policy import crmf
from protocols.cmc import controls
from protocols.cmc.controls import UNREADABLE
from protocols.cmc.errors import RequestsNotServed, UnreadableRequest
from protocols.cmc.identity_proof import Witness
from protocols.cmc.parts import Certification, Echo, Part, Revocation
from protocols.cmc.structures import (
    PKI_DATA,
    OtherRequest,
    PkiData,
    TaggedCertificationRequest,
)

MOST_PARTS = 10
"""How many requests, revocations, queries and the like there may be together."""

_LAST_BODY_PART = 4_294_967_295
_PKCS_10, _CRMF = 0xA0, 0xA1
_SEQUENCE_TAG = bytes((encoding.SEQUENCE,))


class FullRequest(msgspec.Struct, frozen=True):
    """What a PKIData asks for.

    Attributes:
        request_sequence: its reqSequence byte for byte: what an identity proof is about.
        account: the identification; None where there is none.
        proofs: that the sender knows the account's secret.
        link_random: what the witnesses inside the certification requests are over; None where there is nothing.
    """

    parts: tuple[Part, ...]
    request_sequence: bytes
    account: str | None
    proofs: tuple[Witness, ...]
    link_random: bytes | None

    @property
    def certifications(self) -> tuple[Certification, ...]:
        """The parts that want certificates."""
        return tuple(part for part in self.parts if isinstance(part, Certification))

    @property
    def revocations(self) -> tuple[Revocation, ...]:
        """The parts that revoke."""
        return tuple(part for part in self.parts if isinstance(part, Revocation))

    @property
    def only_revokes(self) -> bool:
        """Whether nothing else is asked for."""
        return len(self.revocations) == len(self.parts)


def opened(content_type: ObjectIdentifier, content: bytes) -> PkiData:
    """The content of a signed message, taken apart; nothing in it is proved yet.

    Raises:
        UnreadableRequest: it is no PKIData.
    """
    if content_type != PKI_DATA:
        raise UnreadableRequest("the content of the message must be a PKIData (RFC 5272, 3.2.1)")
    try:
        return asn1.decode_der(PkiData, content)
    except (ValueError, TypeError):
        raise UnreadableRequest(UNREADABLE) from None


def echo(data: PkiData) -> Echo:
    """What the answer repeats, whatever else it says.

    Raises:
        UnreadableRequest: it is not what is repeated.
    """
    try:
        return controls.echo(controls.singles(data.controls))
    except (ValueError, TypeError):
        raise UnreadableRequest(UNREADABLE) from None


def read(data: PkiData) -> FullRequest:
    """Read what is asked for.

    Raises:
        UnreadableRequest: identifiers that are not unique, a control twice, nothing asked for, or too much.
        UnknownControls, PossessionNotDelegated, RequestsNotServed: what is not served.
        UnknownAlgorithm: an identity proof by algorithms off the list.
    """
    try:
        return _parsed(data)
    except (ValueError, TypeError):
        raise UnreadableRequest(UNREADABLE) from None


def _parsed(data: PkiData) -> FullRequest:
    requests = [asn1.encode_der(request) for request in data.requests]
    numbered = [_numbered(request) for request in requests]
    _require_unique(
        [
            *(number for number, _ in numbered),
            *(control.body_part_id for control in data.controls),
            *(message.body_part_id for message in data.cms),
            *(other.body_part_id for other in data.others),
        ]
    )
    controls.require_served(data.controls)
    if unserved := tuple(number for number, der in numbered if der is None):
        raise RequestsNotServed("requests of this kind are not served; send PKCS #10 or CRMF", body_parts=unserved)
    certifications = [Certification(number, der) for number, der in numbered if der is not None]
    parts = (*certifications, *controls.asking(data.controls))
    if not 1 <= len(parts) <= MOST_PARTS:
        raise UnreadableRequest(f"ask for 1 to {MOST_PARTS} things at once: certificates, revocations, queries")
    singles = controls.singles(data.controls)
    return FullRequest(
        parts=parts,
        request_sequence=encoding.sequence(*requests),
        account=controls.account(singles),
        proofs=controls.proofs(singles),
        link_random=controls.link_random(singles),
    )


def _numbered(request: bytes) -> tuple[int, bytes | None]:
    """A TaggedRequest's bodyPartID and the request in it; None where its kind is not served.

    PKCS #10 stands under [0], CRMF under [1], others under [2].
    """
    inner = _SEQUENCE_TAG + request[1:]
    if request[0] == _PKCS_10:
        read = asn1.decode_der(TaggedCertificationRequest, inner)
        return read.body_part_id, asn1.encode_der(read.request)
    if request[0] == _CRMF:
        return crmf.request_id(inner), inner
    return asn1.decode_der(OtherRequest, inner).body_part_id, None


def _require_unique(body_parts: Sequence[int]) -> None:
    """RFC 5272, 3.2.2: 0 means the whole request, and no other number is used twice."""
    if len(set(body_parts)) != len(body_parts) or not all(1 <= one <= _LAST_BODY_PART for one in body_parts):
        raise UnreadableRequest(f"each bodyPartID must be another number from 1 to {_LAST_BODY_PART} (RFC 5272, 3.2.2)")
