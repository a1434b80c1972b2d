"""Changes of what is registered: at once, or once others agree where they had to agree to what was vetted."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from ca_core.clock import Clock
from ca_core.errors import BadForm, ChangedMeanwhile, FieldFault, NotFound, WrongState
from ca_core.registration import changes as changes_module
from ca_core.registration.account import Registration
from ca_core.registration.changes import Changes
from ca_core.registration.desk import Desk, require_version
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.registration.lookup import require_open
from ca_core.staff import asking
from ca_core.staff.request import CLOCKWORK, Amending, DeskAction, DeskRequest, DeskState, Pending
from ca_core.staff.role import Action, Actor
from ca_core.store.database import Database, Transaction


class Amendments:
    """What was vetted by several is changed by several; contact, language and uses by one."""

    def __init__(self, database: Database, clock: Clock, desk: Desk, kinds: Kinds = PRESETS) -> None:
        self._database = database
        self._clock = clock
        self._desk = desk
        self._kinds = kinds

    async def amend(
        self, account: str, changes: Changes, *, actor: Actor, version: int | None = None, note: str = ""
    ) -> Registration | Pending:
        """Change what is registered; where other officers must agree to it, all of the changes wait.

        Args:
            version: the one that the officer has seen; None means that it does not matter.

        Raises:
            NotPermitted, NotFound: as they say.
            Refusal: as `Desk.amend` says.
        """
        actor.require(Action.CHANGE_REGISTRATION)
        was = await self._desk.show(account)
        if not actor.sees(was):
            raise NotFound(f"there is no account {account[:64]}")
        if changes.subject is not msgspec.UNSET:
            raise BadForm([FieldFault("subject", "changes only when the registration is renewed")])
        changes, needed = self.judged(was, changes)
        if not needed:
            return await self._desk.amend(account, changes, actor=actor.journal_name, version=version)
        return await self.put_down(was, changes, needed, actor=actor, version=version, note=note)

    def judged(self, was: Registration, changes: Changes) -> tuple[Changes, int]:
        """What is really new of some changes, and how many others must agree to it."""
        kind = self._kinds.get(was.kind)
        if kind is None or not kind.approvals.register:
            return changes, 0
        # What is as it is registered is taken out: written later, it could undo what others have agreed to since.
        changes = changes_module.without_known(was, changes, kind)
        return changes, kind.approvals.register if changes_module.are_vetted(changes) else 0

    async def put_down(
        self,
        was: Registration,
        changes: Changes,
        needed: int,
        *,
        actor: Actor,
        version: int | None,
        note: str,
        renews: bool = False,
    ) -> Pending:
        """Have changes wait for others.

        Raises:
            ChangedMeanwhile, WrongState, BadForm: as `Desk.amend` says.
        """
        require_version(was, version)
        require_open(was)
        # Before others look at it: nobody is to agree to what cannot be done.
        changed = changes_module.amended(was, changes, self._kinds.named(was.kind))
        amending = Amending(was.account, changes, was.version, changes_module.told(was, changed), renews)
        payload = msgspec.json.encode(amending).decode()
        async with self._database.write() as tx:
            number = await asking.put_down(
                tx,
                DeskAction.AMEND,
                was,
                was.realm,
                payload,
                needed=needed,
                actor=actor,
                note=note,
                now=self._clock.now(),
            )
        return Pending(number, needed)

    async def carry_out(self, asked: DeskRequest, *, actor: str) -> None:
        """Change what all have agreed to, unless the registration is not what they looked at: then it lapses."""

        async def claim(tx: Transaction) -> None:
            await asking.move(tx, asked, DeskState.APPROVED, DeskState.DONE, actor=actor, now=self._clock.now())

        wanted = msgspec.json.decode(asked.payload, type=Amending)
        account, changes, version, by = wanted.account, wanted.changes, wanted.version, asked.asked_by
        # Unless the worker, or who has agreed last, is at it at this moment; or somebody has rejected it.
        with suppress(WrongState):
            try:
                if wanted.renews:
                    await self._desk.renew_registration(account, changes, actor=by, version=version, instead=claim)
                else:
                    await self._desk.amend(account, changes, actor=by, version=version, claim=claim)
            except (ChangedMeanwhile, BadForm) as refusal:
                async with self._database.write() as tx:
                    await asking.move(
                        tx,
                        asked,
                        DeskState.APPROVED,
                        DeskState.LAPSED,
                        actor=CLOCKWORK,
                        now=self._clock.now(),
                        note=str(refusal),
                    )
