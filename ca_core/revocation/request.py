"""A revocation request that waits for an officer, or waited."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker


class RequestState(StrEnum):
    """What became of a request."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    OVERTAKEN = "overtaken"
    """The certificate was revoked by somebody else meanwhile."""
    LAPSED = "lapsed"
    """The certificate expired meanwhile."""


class Escalation(msgspec.Struct, frozen=True):
    """A request that has waited too long, as a log line says it."""

    number: int
    serial: str
    due_at: int
    is_overdue: bool


class RevocationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it is stored.

    Attributes:
        number: how people call it.
        actor: who asked, as the journal writes it.
        holds: whether it was this request that put the certificate on hold.
        requested_at, due_at, decided_at: UTC seconds.
        note: what the officer wrote when deciding.
    """

    number: int
    serial: str
    registration_id: str
    reason: Reason
    asker: Asker
    actor: str
    state: RequestState
    holds: bool
    requested_at: int
    due_at: int
    decided_at: int | None = None
    decided_by: str | None = None
    note: str = ""

    def is_overdue(self, now: int) -> bool:
        """Whether it should have been decided by now."""
        return self.state is RequestState.PENDING and now >= self.due_at
