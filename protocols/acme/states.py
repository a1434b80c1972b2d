"""Where ACME's objects stand, and what moves them: the figures of RFC 8555, 7.1.6 as data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from ca_core.errors import WrongState


class AccountStatus(StrEnum):
    """RFC 8555, 7.1.2."""

    VALID = "valid"
    DEACTIVATED = "deactivated"
    REVOKED = "revoked"


class OrderStatus(StrEnum):
    """RFC 8555, 7.1.3."""

    PENDING = "pending"
    READY = "ready"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"


class AuthorizationStatus(StrEnum):
    """RFC 8555, 7.1.4."""

    PENDING = "pending"
    VALID = "valid"
    INVALID = "invalid"
    DEACTIVATED = "deactivated"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ChallengeStatus(StrEnum):
    """RFC 8555, 8."""

    PENDING = "pending"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"


class Event(StrEnum):
    """What happens to an object."""

    ANSWERED = "answered"
    """The client says that a challenge is ready to be looked at."""
    PROVED = "proved"
    """A challenge was met; of an order, the last one."""
    FAILED = "failed"
    """A challenge was not met, or an authorization was given up."""
    FINALIZED = "finalized"
    ISSUED = "issued"
    ABANDONED = "abandoned"
    """The core gave the intention up: no certificate comes."""
    EXPIRED = "expired"
    DEACTIVATED = "deactivated"
    """By the client."""


S = TypeVar("S", bound=StrEnum)
Table = Mapping[tuple[S, Event], S]

ACCOUNT: Table[AccountStatus] = MappingProxyType({(AccountStatus.VALID, Event.DEACTIVATED): AccountStatus.DEACTIVATED})
ORDER: Table[OrderStatus] = MappingProxyType(
    {
        (OrderStatus.PENDING, Event.PROVED): OrderStatus.READY,
        (OrderStatus.PENDING, Event.FAILED): OrderStatus.INVALID,
        (OrderStatus.PENDING, Event.EXPIRED): OrderStatus.INVALID,
        (OrderStatus.READY, Event.FAILED): OrderStatus.INVALID,
        (OrderStatus.READY, Event.EXPIRED): OrderStatus.INVALID,
        (OrderStatus.READY, Event.FINALIZED): OrderStatus.PROCESSING,
        (OrderStatus.PROCESSING, Event.ISSUED): OrderStatus.VALID,
        (OrderStatus.PROCESSING, Event.ABANDONED): OrderStatus.INVALID,
    }
)
AUTHORIZATION: Table[AuthorizationStatus] = MappingProxyType(
    {
        (AuthorizationStatus.PENDING, Event.PROVED): AuthorizationStatus.VALID,
        (AuthorizationStatus.PENDING, Event.FAILED): AuthorizationStatus.INVALID,
        (AuthorizationStatus.PENDING, Event.EXPIRED): AuthorizationStatus.INVALID,
        (AuthorizationStatus.PENDING, Event.DEACTIVATED): AuthorizationStatus.DEACTIVATED,
        (AuthorizationStatus.VALID, Event.EXPIRED): AuthorizationStatus.EXPIRED,
        (AuthorizationStatus.VALID, Event.DEACTIVATED): AuthorizationStatus.DEACTIVATED,
    }
)
CHALLENGE: Table[ChallengeStatus] = MappingProxyType(
    {
        (ChallengeStatus.PENDING, Event.ANSWERED): ChallengeStatus.PROCESSING,
        (ChallengeStatus.PROCESSING, Event.PROVED): ChallengeStatus.VALID,
        (ChallengeStatus.PROCESSING, Event.FAILED): ChallengeStatus.INVALID,
    }
)


def after(table: Table[S], status: S, event: Event) -> S:
    """Where an event takes an object.

    Raises:
        WrongState: nowhere; in this status the event cannot happen.
    """
    try:
        return table[status, event]
    except KeyError:
        raise WrongState(f"what is {status} cannot be {event}") from None


def at(table: Table[S], status: S, *, expires_at: int, now: int) -> S:
    """The status at a time, both in UTC seconds: what is past its date has expired, if it can."""
    return table.get((status, Event.EXPIRED), status) if now > expires_at else status
