"""The desks' turns: calling for what waits too long, and issuing what officers have approved."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from ca_core.clock import rfc3339
from ca_core.referral.request import EnrollmentRequest
from ca_core.store.database import Transaction
from ca_core.work.item import ISSUE_APPROVED, Item
from ca_core.work.queue import Pace, work_by_subject
from protocols.acme.permission import Permission
from protocols.acme.records import orders
from server.assembly import Strongroom
from server.office import Office

_LOG = logging.getLogger("soapstone")
_LONGEST_DELAY_SECONDS = 60


def revocation_desk(opened: Office) -> Callable[[], Awaitable[None]]:
    """The revocation desk's turn, with a line in the log for each request that waits too long."""

    async def turn() -> None:
        for late in await opened.revocations.turn():
            _LOG.warning(
                "event=%s request=%d serial=%s due_at=%s",
                "revocation-request-overdue" if late.is_overdue else "revocation-request-half-time",
                late.number,
                late.serial,
                rfc3339(late.due_at),
            )

    return turn


def referral_desk(opened: Office) -> Callable[[], Awaitable[None]]:
    """The referral desk's turn, with a line in the log for each request that waits too long."""

    async def turn() -> None:
        for late in await opened.referrals.turn():
            _LOG.warning(
                "event=%s request=%d registration=%s due_at=%s",
                "enrollment-request-overdue" if late.is_overdue else "enrollment-request-half-time",
                late.number,
                late.registration_id,
                rfc3339(late.due_at),
            )

    return turn


def approval_desk(opened: Office) -> Callable[[], Awaitable[None]]:
    """The turn of what officers ask each other for, with a line in the log for each that waits too long or lapses."""

    async def turn() -> None:
        for late in await opened.staff.approvals.turn():
            _LOG.warning(
                "event=desk-request-%s request=%d what=%s asked_by=%s due_at=%s",
                late.loudness,
                late.number,
                late.what,
                late.asked_by,
                rfc3339(late.due_at),
            )

    return turn


def issuing_approved(opened: Office, room: Strongroom, permission: Permission | None) -> Callable[[], Awaitable[None]]:
    """Issue what officers have approved; what cannot be issued now is tried again, and stops nothing else.

    Args:
        permission: asks the DNS once more; None where nobody does.
    """

    async def issue(items: list[Item]) -> None:
        number = int(items[0].subject)
        # Before the transaction that decides: it must not span a wait for name servers.
        refusal = await permission.of_approved(number) if permission else None

        async def still_wanted(tx: Transaction, asked: EnrollmentRequest, now: int) -> None:
            await orders.still_wanted(tx, asked, now)
            if refusal is not None:
                raise refusal

        await room.enrollment.issue_approved(number, still_wanted)

    async def turn() -> None:
        pace = Pace(longest_delay_seconds=_LONGEST_DELAY_SECONDS)
        await work_by_subject(opened.database, opened.clock, ISSUE_APPROVED, issue, pace=pace)

    return turn
