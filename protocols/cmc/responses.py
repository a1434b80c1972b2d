"""Full PKI responses: what became of each part, and what the answer repeats (RFC 5272, 4.2 and 6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum

import msgspec
from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from ca_core import der as encoding
from ca_core.errors import Refusal
from protocols.cmc.errors import RequestsNotServed
from protocols.cmc.failures import fail_info
from protocols.cmc.parts import Echo
from protocols.cmc.structures import (
    DATA_RETURN,
    RECIPIENT_NONCE,
    SENDER_NONCE,
    STATUS_INFO_V2,
    TRANSACTION_ID,
    PendInfo,
    PkiResponse,
    StatusInfoV2,
    TaggedAttribute,
)

WHOLE_REQUEST = 0
"""The body part that means all of it."""
_MOST_TEXT = 500


class Status(IntEnum):
    """CMCStatus, those that are given here."""

    SUCCESS = 0
    FAILED = 2
    PENDING = 3
    NO_SUPPORT = 4


class Done(msgspec.Struct, frozen=True):
    """A part was carried out.

    Attributes:
        certificate: what was issued, in DER; None where nothing was to be.
    """

    body_part: int
    certificate: bytes | None = None


class Pending(msgspec.Struct, frozen=True):
    """Somebody must look at it first.

    Attributes:
        token: what a query says to ask what became of it.
        retry_after_seconds: when to ask.
        text: one sentence.
        since: when it was asked for, UTC seconds.
    """

    body_part: int
    token: bytes
    retry_after_seconds: int
    text: str
    since: int

    @property
    def moment(self) -> int:
        """When to ask, as the first answer said it: whatever is said later must be the same (RFC 5272, 6.13)."""
        return self.since + self.retry_after_seconds


class Failed(msgspec.Struct, frozen=True):
    """A part was refused.

    Attributes:
        others: further parts, refused for the same reason.
    """

    body_part: int
    refusal: Refusal
    others: tuple[int, ...] = ()


Outcome = Done | Pending | Failed


def content(outcomes: Sequence[Outcome], echo: Echo, *, nonce: bytes) -> bytes:
    """A PKIResponse in DER.

    Args:
        nonce: fresh octets: our own senderNonce, where the request has one.
    """
    infos = [(STATUS_INFO_V2, asn1.encode_der(_status_info(outcome))) for outcome in outcomes]
    values = [*infos, *_echoed(echo, nonce)]
    controls = [
        TaggedAttribute(body_part_id=number, type=kind, values=asn1.SetOf([encoding.tlv(value)]))
        for number, (kind, value) in enumerate(values, start=1)
    ]
    return asn1.encode_der(PkiResponse(controls=controls, cms=[], others=[]))


def _echoed(echo: Echo, nonce: bytes) -> list[tuple[ObjectIdentifier, bytes]]:
    """RFC 5272, 6.4 and 6.6: what must come back as it was sent, and a nonce for a nonce."""
    values = (
        (TRANSACTION_ID, echo.transaction_id),
        (RECIPIENT_NONCE, echo.sender_nonce),
        (SENDER_NONCE, nonce if echo.sender_nonce is not None else None),
        (DATA_RETURN, echo.data_return),
    )
    return [(kind, asn1.encode_der(value)) for kind, value in values if value is not None]


def _status_info(outcome: Outcome) -> StatusInfoV2:
    match outcome:
        case Done():
            return _info([outcome.body_part], Status.SUCCESS)
        case Pending():
            moment = asn1.GeneralizedTime(datetime.fromtimestamp(outcome.moment, UTC))
            pend_info = PendInfo(token=outcome.token, time=moment)
            return _info([outcome.body_part], Status.PENDING, outcome.text, pend_info=pend_info)
        case Failed(refusal=RequestsNotServed()):
            # RFC 5272, 6.1.1: a failInfo stands beside the status failed only.
            status, fail = Status.NO_SUPPORT, None
        case _:
            status, fail = Status.FAILED, fail_info(outcome.refusal).value
    return _info([outcome.body_part, *outcome.others], status, str(outcome.refusal), fail_info=fail)


def _info(
    body_parts: list[int],
    status: Status,
    text: str | None = None,
    *,
    fail_info: int | None = None,
    pend_info: PendInfo | None = None,
) -> StatusInfoV2:
    return StatusInfoV2(
        status=status.value,
        body_list=body_parts,
        text=None if text is None else text[:_MOST_TEXT],
        fail_info=fail_info,
        pend_info=pend_info,
    )
