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
from protocols.cmc.errors import UnsupportedPart
from protocols.cmc.failures import fail_info
from protocols.cmc.requests import Echo
from protocols.cmc.structures import (
    DATA_RETURN,
    RECIPIENT_NONCE,
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
    """

    body_part: int
    token: bytes
    retry_after_seconds: int
    text: str


class Failed(msgspec.Struct, frozen=True):
    """A part was refused."""

    body_part: int
    refusal: Refusal


Outcome = Done | Pending | Failed


def content(outcomes: Sequence[Outcome], echo: Echo, *, now: int) -> bytes:
    """A PKIResponse in DER.

    Args:
        now: UTC seconds.
    """
    infos = [(STATUS_INFO_V2, asn1.encode_der(_status_info(outcome, now))) for outcome in outcomes]
    values = [*infos, *_echoed(echo)]
    controls = [
        TaggedAttribute(body_part_id=number, type=kind, values=asn1.SetOf([encoding.tlv(value)]))
        for number, (kind, value) in enumerate(values, start=1)
    ]
    return asn1.encode_der(PkiResponse(controls=controls, cms=[], others=[]))


def _echoed(echo: Echo) -> list[tuple[ObjectIdentifier, bytes]]:
    """RFC 5272, 6.4 and 6.6: what must come back as it was sent."""
    values = (
        (TRANSACTION_ID, echo.transaction_id),
        (RECIPIENT_NONCE, echo.sender_nonce),
        (DATA_RETURN, echo.data_return),
    )
    return [(kind, asn1.encode_der(value)) for kind, value in values if value is not None]


def _status_info(outcome: Outcome, now: int) -> StatusInfoV2:
    match outcome:
        case Done():
            return _info(outcome.body_part, Status.SUCCESS)
        case Pending():
            moment = datetime.fromtimestamp(now + outcome.retry_after_seconds, UTC)
            pend_info = PendInfo(token=outcome.token, time=asn1.GeneralizedTime(moment))
            return _info(outcome.body_part, Status.PENDING, outcome.text, pend_info=pend_info)
        case Failed(refusal=UnsupportedPart()):
            status = Status.NO_SUPPORT
        case _:
            status = Status.FAILED
    refusal = outcome.refusal
    return _info(outcome.body_part, status, str(refusal), fail_info=fail_info(refusal).value)


def _info(
    body_part: int,
    status: Status,
    text: str | None = None,
    *,
    fail_info: int | None = None,
    pend_info: PendInfo | None = None,
) -> StatusInfoV2:
    return StatusInfoV2(
        status=status.value,
        body_list=[body_part],
        text=None if text is None else text[:_MOST_TEXT],
        fail_info=fail_info,
        pend_info=pend_info,
    )
