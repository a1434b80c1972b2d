"""Deciding whatever waits under a number, by whoever may and sees it."""

from __future__ import annotations

import msgspec

from ca_core.errors import NotFound
from ca_core.referral.desk import ReferralDesk
from ca_core.revocation.desk import RevocationDesk
from ca_core.staff.approvals import Approvals
from ca_core.staff.request import Agreed
from ca_core.staff.role import Action, Actor
from ca_core.staff.waiting import ENROLLMENT, REVOCATION
from ca_core.store import enrollment_requests, registrations, revocation_requests
from ca_core.store.database import Database

_NUMBER_BITS = 63


class Decided(msgspec.Struct, frozen=True):
    """What became of a request.

    Attributes:
        what: as in `Waiting`.
        state: `pending` while more officers must agree.
        serials: revoked by it, or released.
        agreed: how many have agreed and how many must, where more are needed.
    """

    number: int
    what: str
    state: str
    serials: tuple[str, ...] = ()
    agreed: Agreed | None = None


class Decisions:
    """One way to decide, for the desk, its API and the command line."""

    def __init__(
        self, database: Database, referrals: ReferralDesk, revocations: RevocationDesk, approvals: Approvals
    ) -> None:
        self._database = database
        self._referrals = referrals
        self._revocations = revocations
        self._approvals = approvals

    async def approve(self, number: int, *, actor: Actor, note: str = "") -> Decided:
        """Agree to a request.

        Raises:
            NotPermitted, NotFound, OwnRequest, WrongState: as they say.
            Refusal: as the desk says whose request it is.
        """
        actor.require(Action.APPROVE)
        name, what = actor.journal_name, await self._what(number, actor)
        if what == ENROLLMENT:
            outcome = await self._referrals.approve(number, actor=name, note=note)
            return _decided(number, what, outcome)
        if what == REVOCATION:
            revoked = await self._revocations.approve(number, actor=name, note=note)
            return _decided(number, what, revoked, () if isinstance(revoked, Agreed) else revoked.serials)
        asked = await self._approvals.approve(number, actor=actor, note=note)
        if isinstance(asked, Agreed):
            return _decided(number, (await self._approvals.find(number, actor=actor)).action.value, asked)
        return Decided(number, asked.action.value, asked.state.value)

    async def reject(self, number: int, *, actor: Actor, note: str = "") -> Decided:
        """Turn a request down; one's own at the desk may be taken back by whoever asked.

        Raises:
            NotPermitted, NotFound, WrongState: as they say.
        """
        name, what = actor.journal_name, await self._what(number, actor)
        if what == ENROLLMENT:
            actor.require(Action.REJECT)
            await self._referrals.reject(number, actor=name, note=note)
            return Decided(number, what, "rejected")
        if what == REVOCATION:
            actor.require(Action.REJECT)
            request = await self._revocations.reject(number, actor=name, note=note)
            return Decided(number, what, "rejected", (request.serial,) if request.holds else ())
        asked = await self._approvals.reject(number, actor=actor, note=note)
        return Decided(number, asked.action.value, asked.state.value)

    async def _what(self, number: int, actor: Actor) -> str | None:
        """What a number is of a subscriber's; None where it is the desk's own, or nobody's.

        Raises:
            NotFound: the actor does not see it.
        """
        if number.bit_length() > _NUMBER_BITS:
            return None
        async with self._database.read() as tx:
            enrollment = await enrollment_requests.by_number(tx, number)
            found = enrollment or await revocation_requests.by_number(tx, number)
            if found is None:
                return None
            registration = await registrations.by_id(tx, found.registration_id)
        if not actor.sees(registration):
            raise NotFound(f"there is no request {number}; see: soapstone requests")
        return REVOCATION if enrollment is None else ENROLLMENT


def _decided(number: int, what: str, outcome: object, serials: tuple[str, ...] = ()) -> Decided:
    if isinstance(outcome, Agreed):
        return Decided(number, what, "pending", agreed=outcome)
    return Decided(number, what, "approved", serials)
