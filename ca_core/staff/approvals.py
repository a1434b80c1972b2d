"""What needs other officers' consent, by the registration's kind: registering, renewing, reprints and revocations."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from ca_core.clock import Clock
from ca_core.errors import AlreadyRevoked, BadReason, CertificateExpired, NotFound, WrongState
from ca_core.registration import vetting
from ca_core.registration.account import Registration
from ca_core.registration.changes import Changes
from ca_core.registration.desk import Desk, require_sheet
from ca_core.registration.form import Form
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.registration.kind import Approvals as Policy
from ca_core.registration.lookup import require_open
from ca_core.registration.sheet import Sheet
from ca_core.revocation.desk import RevocationDesk, Revoked, require_revocable
from ca_core.revocation.rules import Asker
from ca_core.staff import asking, overdue, votes
from ca_core.staff.amendments import Amendments
from ca_core.staff.overdue import Late, Loudness
from ca_core.staff.request import (
    CLOCKWORK,
    COLLECTED,
    LAPSE_SECONDS,
    Agreed,
    DeskAction,
    DeskRequest,
    DeskState,
    Pending,
    Reprinting,
    Revoking,
    reprinting,
)
from ca_core.staff.role import EVERY_REALM, Action, Actor, Via, name_in
from ca_core.store import certificates, desk_requests, holds, registrations
from ca_core.store.database import Claim, Database, Transaction

# Of the database's BIGINT; people type any number.
_NUMBER_BITS = 63


class Approvals:
    """Does at once what needs nobody's consent, and has the rest wait; whoever asks is an actor who was proved."""

    def __init__(
        self, database: Database, clock: Clock, desk: Desk, revocations: RevocationDesk, kinds: Kinds = PRESETS
    ) -> None:
        self._database = database
        self._clock = clock
        self._desk = desk
        self._revocations = revocations
        self._kinds = kinds
        self._amendments = Amendments(database, clock, desk, kinds)

    async def register(self, form: Form, *, actor: Actor, note: str = "") -> tuple[Registration, Sheet] | Pending:
        """Register a subscriber in the actor's realm, as its own where the actor is an integrator.

        Raises:
            NotFound: no such kind, or one of which nobody is registered by hand.
            BadForm: names every wrong field.
            AccountTaken: the account exists; of what waits, once it is collected.
            NotPermitted: as it says.
        """
        actor.require(Action.REGISTER)
        realm = form.realm if actor.realm == EVERY_REALM else actor.realm
        form = msgspec.structs.replace(form, realm=realm, owner=actor.owner)
        kind = self._kinds.offered(form.kind)
        needed = kind.approvals.register
        if not needed:
            return await self._desk.register(form, actor=actor.journal_name)
        # Before others look at it; who collects is checked once more.
        vetting.require_sound(form, kind)
        payload = msgspec.json.encode(form).decode()
        return await self._put_down(DeskAction.REGISTER, None, realm, payload, needed, actor=actor, note=note)

    async def reprint(
        self, account: str, *, actor: Actor, replaces: int | None = None, note: str = ""
    ) -> Sheet | Pending:
        """Make a new sheet of a registration.

        Args:
            replaces: the number of the sheet that it voids; None is the newest of this moment.

        Raises:
            NotPermitted, NotFound, WrongState: as they say.
            ChangedMeanwhile: another sheet is the newest one.
        """
        actor.require(Action.PRINT_SHEET)
        registration = await self._seen(account, actor)
        needed = self._kinds.named(registration.kind).approvals.reprint
        # Of two who ask at once, the second one would void what the first one has just been handed.
        replaces = registration.sheet if replaces is None else replaces
        if not needed:
            return await self._desk.new_sheet(account, actor=actor.journal_name, replaces=replaces)
        require_open(registration)
        require_sheet(registration, replaces)
        payload = _reprinting(registration)
        return await self._put_down(
            DeskAction.REPRINT, registration, registration.realm, payload, needed, actor=actor, note=note
        )

    async def renew(
        self, account: str, changes: Changes, *, actor: Actor, version: int | None = None, note: str = ""
    ) -> Sheet | Pending:
        """Renew the vetting of a registration; its new sheet is made as a reprint is, at once or once others agree.

        Where others had to agree to what was vetted, and it is another one now, the renewal itself waits for them; a
        new sheet is asked for once it is done.

        Raises:
            NotPermitted, NotFound: as they say.
            Refusal: as `Desk.renew_registration` says.
        """
        actor.require(Action.RENEW_REGISTRATION)
        registration, name = await self._seen(account, actor), actor.journal_name
        changes, others = self._amendments.judged(registration, changes)
        if others:
            return await self._amendments.put_down(
                registration, changes, others, actor=actor, version=version, note=note, renews=True
            )
        needed = self._kinds.named(registration.kind).approvals.reprint
        if not needed:
            return await self._desk.renew_registration(account, changes, actor=name, version=version)
        number = 0

        async def ask(tx: Transaction) -> None:
            nonlocal number
            payload = _reprinting(registration)
            number = await asking.put_down(
                tx,
                DeskAction.REPRINT,
                registration,
                registration.realm,
                payload,
                needed=needed,
                actor=actor,
                note=note,
                now=self._clock.now(),
            )

        await self._desk.renew_registration(account, changes, actor=name, version=version, instead=ask)
        return Pending(number, needed)

    async def revoke(self, revoking: Revoking, *, actor: Actor, note: str = "") -> Revoked | Pending:
        """Revoke a certificate for good. Whoever cannot wait puts it on hold meanwhile, which needs nobody's consent.

        Raises:
            NotPermitted, NotFound: as they say.
            Refusal: as `RevocationDesk.revoke` says.
        """
        actor.require(Action.REVOKE)
        async with self._database.read() as tx:
            certificate = await certificates.by_serial(tx, revoking.serial)
            if certificate is None:
                raise NotFound("there is no such certificate")
            registration = await registrations.by_id(tx, certificate.registration_id)
        if not actor.sees(registration):
            raise NotFound("there is no such certificate")
        known = self._kinds.get(registration.kind)
        # Of a kind that settings have no more, certificates can be revoked all the same.
        needed = (known.approvals if known else Policy()).revoke
        if not needed:
            return await self._revoke(revoking, actor=actor.journal_name, note=note)
        # Before others look at it: nobody is to agree to what cannot be done.
        require_revocable(
            certificate,
            revoking.reason,
            asker=_asker(actor.journal_name),
            invalid_since=revoking.invalid_since,
            now=self._clock.now(),
        )
        payload = msgspec.json.encode(revoking).decode()
        return await self._put_down(
            DeskAction.REVOKE, registration, registration.realm, payload, needed, actor=actor, note=note
        )

    async def approve(self, number: int, *, actor: Actor, note: str = "") -> DeskRequest | Agreed:
        """Agree. The last approval carries out a revocation or a change, and lets who asked collect a sheet.

        Raises:
            NotPermitted, NotFound: as they say.
            OwnRequest: the actor has asked for it.
            WrongState: it does not wait any more, or the actor has voted on it already.
        """
        actor.require(Action.APPROVE)
        now, name = self._clock.now(), actor.journal_name
        async with self._database.write() as tx:
            asked = await self._waiting(tx, number, actor)
            agreed = await votes.agree(
                tx, number, asked_by=asked.asked_by, needed=asked.needed, actor=name, note=note, now=now
            )
            if agreed is not None:
                return agreed
            await self._move(tx, asked, DeskState.PENDING, DeskState.APPROVED, actor=name, said=note)
        if asked.action not in COLLECTED:
            await self._carry_out(asked, actor=name)
        return await self.find(number, actor=actor)

    async def reject(self, number: int, *, actor: Actor, note: str = "") -> DeskRequest:
        """Turn a request down, or take one's own back; what is agreed to and not collected yet, too.

        Raises:
            NotPermitted, NotFound: as they say.
            WrongState: it does not wait any more.
        """
        now, name = self._clock.now(), actor.journal_name
        async with self._database.write() as tx:
            asked = await self._open(tx, number, actor)
            if name_in(asked.asked_by) != actor.name:
                actor.require(Action.REJECT)
            await votes.disagree(tx, number, actor=name, note=note, now=now)
            await self._move(tx, asked, asked.state, DeskState.REJECTED, actor=name, note=note)
        return await self.find(number, actor=actor)

    async def collect(self, number: int, *, actor: Actor) -> Sheet:
        """Have done what all have agreed to, and get its sheet, once; only who asked can.

        Raises:
            NotFound: there is no such request, or somebody else asked.
            WrongState: it waits still, or is collected.
            Refusal: as `Desk.register` and `Desk.new_sheet` say.
        """
        async with self._database.read() as tx:
            asked = await self._known(tx, number, actor)
        if name_in(asked.asked_by) != actor.name or asked.action not in COLLECTED:
            raise NotFound(f"there is no request {number} of yours with a sheet to collect")

        async def claim(tx: Transaction) -> None:
            await self._move(tx, asked, DeskState.APPROVED, DeskState.DONE, actor=actor.journal_name)

        if asked.action is DeskAction.REPRINT:
            wanted = reprinting(asked.payload)
            return await self._desk.new_sheet(
                wanted.account, actor=actor.journal_name, replaces=wanted.sheet, claim=claim
            )
        form = msgspec.json.decode(asked.payload, type=Form)
        return (await self._desk.register(form, actor=actor.journal_name, claim=claim))[1]

    async def find(self, number: int, *, actor: Actor) -> DeskRequest:
        """Look a request up.

        Raises:
            NotFound: there is none in the actor's realm.
        """
        async with self._database.read() as tx:
            return await self._known(tx, number, actor)

    async def requests(self, actor: Actor, *, every: bool = False) -> list[DeskRequest]:
        """What officers ask for in the actor's realm and is open, the most urgent first; or all of it, oldest first."""
        async with self._database.read() as tx:
            found = await (desk_requests.every if every else desk_requests.open_ones)(tx, actor.realm)
        return [asked for asked in found if actor.owner is None or name_in(asked.asked_by) == actor.name]

    async def turn(self) -> list[Late]:
        """One turn of the worker: call for what waits too long, have it lapse then, and do what a crash left undone."""
        now = self._clock.now()
        async with self._database.read() as tx:
            lapsing = await desk_requests.lapsing(tx, before=now - LAPSE_SECONDS)
            late = await desk_requests.late(tx, now=now)
            left = await desk_requests.undone(tx)
        called: list[Late | None] = []
        for asked in lapsing:
            # Unless an officer, or another server, decides it at this moment.
            with suppress(WrongState):
                async with self._database.write() as tx:
                    note = overdue.why_lapsed(asked.state)
                    await self._move(tx, asked, asked.state, DeskState.LAPSED, actor=CLOCKWORK, note=note)
                called.append(overdue.late(asked, Loudness.LAPSED))
        for asked in late:
            async with self._database.write() as tx:
                called.append(await overdue.call(tx, asked, now=now))
        for asked in left:
            await self._carry_out(asked, actor=CLOCKWORK)
        return [one for one in called if one is not None]

    async def _put_down(
        self,
        action: DeskAction,
        registration: Registration | None,
        realm: str,
        payload: str,
        needed: int,
        *,
        actor: Actor,
        note: str,
    ) -> Pending:
        async with self._database.write() as tx:
            number = await asking.put_down(
                tx, action, registration, realm, payload, needed=needed, actor=actor, note=note, now=self._clock.now()
            )
        return Pending(number, needed)

    async def _seen(self, account: str, actor: Actor) -> Registration:
        registration = await self._desk.show(account)
        if not actor.sees(registration):
            raise NotFound(f"there is no account {account[:64]}")
        return registration

    async def _known(self, tx: Transaction, number: int, actor: Actor) -> DeskRequest:
        asked = await desk_requests.by_number(tx, number) if number.bit_length() <= _NUMBER_BITS else None
        is_hidden = actor.owner is not None and asked is not None and name_in(asked.asked_by) != actor.name
        if asked is None or is_hidden or actor.realm not in {EVERY_REALM, asked.realm}:
            raise NotFound(f"there is no request {number}; see: soapstone requests")
        return asked

    async def _open(self, tx: Transaction, number: int, actor: Actor) -> DeskRequest:
        """A request as it stays until it is changed here: of two who vote at once, the second one sees the first."""
        if number.bit_length() <= _NUMBER_BITS:
            await tx.hold(holds.request(number))
        asked = await self._known(tx, number, actor)
        if asked.state not in {DeskState.PENDING, DeskState.APPROVED}:
            raise asking.decided(asked)
        return asked

    async def _waiting(self, tx: Transaction, number: int, actor: Actor) -> DeskRequest:
        asked = await self._open(tx, number, actor)
        if asked.state is not DeskState.PENDING:
            raise asking.decided(asked)
        return asked

    async def _carry_out(self, asked: DeskRequest, *, actor: str) -> None:
        """Change, or revoke, what all have agreed to; where that cannot be done any more, it ends too."""
        if asked.action is DeskAction.AMEND:
            await self._amendments.carry_out(asked, actor=actor)
            return

        async def claim(tx: Transaction) -> None:
            await self._move(tx, asked, DeskState.APPROVED, DeskState.DONE, actor=actor)

        revoking = msgspec.json.decode(asked.payload, type=Revoking)
        # Unless the worker, or who has agreed last, is at it at this moment; or somebody has rejected it.
        with suppress(WrongState):
            try:
                await self._revoke(revoking, actor=asked.asked_by, note=asked.note, claim=claim)
            except (AlreadyRevoked, CertificateExpired, BadReason) as refusal:
                async with self._database.write() as tx:
                    await self._move(
                        tx, asked, DeskState.APPROVED, DeskState.LAPSED, actor=CLOCKWORK, note=str(refusal)
                    )

    async def _revoke(self, revoking: Revoking, *, actor: str, note: str, claim: Claim | None = None) -> Revoked:
        return await self._revocations.revoke(
            revoking.serial,
            revoking.reason,
            actor=actor,
            asker=_asker(actor),
            invalid_since=revoking.invalid_since,
            note=note,
            claim=claim,
        )

    async def _move(
        self,
        tx: Transaction,
        asked: DeskRequest,
        was: DeskState,
        to: DeskState,
        *,
        actor: str,
        note: str | None = None,
        said: str = "",
    ) -> None:
        await asking.move(tx, asked, was, to, actor=actor, now=self._clock.now(), note=note, said=said)


def _reprinting(registration: Registration) -> str:
    return msgspec.json.encode(Reprinting(registration.account, registration.sheet)).decode()


def _asker(journal_name: str) -> Asker:
    """As what somebody revokes: commands are the operator's, and everything else is the registration authority's."""
    return Asker.OPERATOR if journal_name.startswith(f"{Via.CLI}:") else Asker.OFFICER
