"""The desk: what an RA officer does with registrations and sheets."""

from __future__ import annotations

from typing import overload

import msgspec

from ca_core.audit import journal
from ca_core.audit.event import (
    Event,
    NamesChanged,
    RegistrationRenewed,
    SheetIssued,
    StatusChanged,
)
from ca_core.clock import Clock
from ca_core.errors import AccountTaken, BadForm, ChangedMeanwhile, FieldFault, WrongState
from ca_core.registration import changes as changes_module
from ca_core.registration import making, recognition, vetting
from ca_core.registration.account import Grant, Registration, Status
from ca_core.registration.changes import NO_CHANGES, Changes
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.events import Amended, PasskeyRemoved
from ca_core.registration.form import Form
from ca_core.registration.kind import OFFICER, PRESETS, Kind, Kinds
from ca_core.registration.lookup import found, held, held_subscriber, held_vetted, require_open
from ca_core.registration.sheet import Sheet
from ca_core.store import credentials, passkeys, registrations, sessions
from ca_core.store.database import Claim, Database, Transaction

__all__ = ["Desk", "Form"]


class Desk:
    """The RA's own place."""

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper, kinds: Kinds = PRESETS) -> None:
        self._database = database
        self._clock = clock
        self._keeper = keeper
        self._kinds = kinds

    async def register(self, form: Form, *, actor: str, claim: Claim | None = None) -> tuple[Registration, Sheet]:
        """Register a subscriber and make the first sheet.

        Raises:
            BadForm: names every wrong field.
            NotFound: no such kind.
            AccountTaken: the account exists.
        """
        now = self._clock.now()
        kind = self._kinds.named(form.kind)
        subject_der = vetting.require_sound(form, kind)
        registration = making.new_registration(form, kind, subject_der, now=now)
        async with self._database.write() as tx:
            if claim is not None:
                await claim(tx)
            if not await registrations.insert(tx, registration):
                raise AccountTaken(f"the account {registration.account} exists already; choose another")
            await recognition.remember(tx, registration)
            await journal.record(
                tx, making.registered(registration), now=now, actor=actor, registration_id=registration.id
            )
            sheet = await self._make_sheet(tx, registration, kind, actor=actor, now=now)
        return msgspec.structs.replace(registration, sheet=sheet.number, version=1), sheet

    async def new_sheet(
        self, account: str, *, actor: str, replaces: int | None = None, claim: Claim | None = None
    ) -> Sheet:
        """Make a new sheet; every secret of the one before is void at once, and passkeys are gone.

        Args:
            replaces: the number of the sheet before, as the officer has seen it; None means that it does not matter.

        Raises:
            NotFound: no such account.
            WrongState: the registration is closed.
            ChangedMeanwhile: another sheet was made meanwhile.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            registration = await held_subscriber(tx, account)
            require_sheet(registration, replaces)
            if claim is not None:
                await claim(tx)
            return await self._replace_sheet(tx, registration, actor=actor, now=now)

    async def suspend(self, account: str, *, actor: str) -> None:
        """Stop a registration on every door at once (DESIGN, invariant 5).

        Raises:
            NotFound, WrongState: no such account, or not an active one.
        """
        await self._move(account, was=(Status.ACTIVE,), to=Status.SUSPENDED, actor=actor)

    async def resume(self, account: str, *, actor: str) -> None:
        """Let a suspended registration go on.

        Raises:
            NotFound, WrongState: no such account, or not a suspended one.
        """
        await self._move(account, was=(Status.SUSPENDED,), to=Status.ACTIVE, actor=actor)

    async def close(self, account: str, *, actor: str) -> None:
        """Close a registration for good. Its certificates stay as they are; revoke them where that is wanted.

        Raises:
            NotFound, WrongState: no such account, or closed already.
        """
        await self._move(account, was=(Status.ACTIVE, Status.SUSPENDED), to=Status.CLOSED, actor=actor)

    @overload
    async def renew_registration(
        self, account: str, changes: Changes = NO_CHANGES, *, actor: str, version: int | None = None
    ) -> Sheet: ...

    @overload
    async def renew_registration(
        self, account: str, changes: Changes = NO_CHANGES, *, actor: str, version: int | None = None, instead: Claim
    ) -> None: ...

    async def renew_registration(
        self,
        account: str,
        changes: Changes = NO_CHANGES,
        *,
        actor: str,
        version: int | None = None,
        instead: Claim | None = None,
    ) -> Sheet | None:
        """Renew the vetting of a registration, expired or not, and make a new sheet (RULES, S10).

        Args:
            changes: what is not as it was registered; the subject may be among it.
            version: the one that the officer has seen; None means that it does not matter.
            instead: what is done in the place of a new sheet.

        Raises:
            NotFound, WrongState: no such account, or it is closed.
            ChangedMeanwhile: it is of another version.
            BadForm: names every wrong field.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            registration = await held_subscriber(tx, account)
            require_version(registration, version)
            expires_at = now + self._kinds.named(registration.kind).registration_seconds
            await registrations.extend(tx, registration.id, expires_at=expires_at)
            event = RegistrationRenewed(expires_at=expires_at)
            await journal.record(tx, event, now=now, actor=actor, registration_id=registration.id)
            registration = await self._change(tx, registration, changes, actor=actor, now=now)
            if instead is None:
                return await self._replace_sheet(tx, registration, actor=actor, now=now)
            require_open(registration)
            await instead(tx)
            return None

    async def amend(
        self, account: str, changes: Changes, *, actor: str, version: int | None = None, claim: Claim | None = None
    ) -> Registration:
        """Change what is registered; certificates and sheets that exist stay as they are.

        Args:
            version: the one that the officer has seen; None means that it does not matter.

        Raises:
            NotFound, WrongState: no such account, it is closed, or no subscriber's.
            ChangedMeanwhile: it is of another version.
            BadForm: names every wrong field; the subject among them, which only a renewal changes.
        """
        if changes.subject is not msgspec.UNSET:
            raise BadForm([FieldFault("subject", "changes only when the registration is renewed")])
        now = self._clock.now()
        async with self._database.write() as tx:
            registration = await held_vetted(tx, account)
            require_version(registration, version)
            require_open(registration)
            if claim is not None:
                await claim(tx)
            await self._change(tx, registration, changes, actor=actor, now=now)
            return await found(tx, account)

    async def regrant(self, account: str, grants: tuple[Grant, ...], *, actor: str) -> None:
        """Replace the registered names; certificates that exist stay as they are.

        Raises:
            NotFound: no such account.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            registration = await held(tx, account)
            await registrations.regrant(tx, registration.id, grants)
            await recognition.remember(tx, msgspec.structs.replace(registration, grants=grants))
            event = NamesChanged(names=_names(grants))
            await journal.record(tx, event, now=now, actor=actor, registration_id=registration.id)

    async def show(self, account: str) -> Registration:
        """Look one registration up, with its contact.

        Raises:
            NotFound: no such account.
        """
        async with self._database.read() as tx:
            return await found(tx, account)

    async def every(self) -> list[Registration]:
        """All registrations, oldest first."""
        async with self._database.read() as tx:
            return await registrations.every(tx)

    async def _move(self, account: str, *, was: tuple[Status, ...], to: Status, actor: str) -> None:
        now = self._clock.now()
        async with self._database.write() as tx:
            registration = await held_subscriber(tx, account)
            moved = [await registrations.move(tx, registration.id, was=status, to=to) for status in was]
            if not any(moved):
                raise WrongState(f"the registration {account} is {registration.status}; it cannot become {to}")
            if to is not Status.ACTIVE:
                # For good: what is resumed later begins with a password again.
                await sessions.end_all(tx, registration.id)
            event: Event = StatusChanged(status=to.value)
            await journal.record(tx, event, now=now, actor=actor, registration_id=registration.id)

    async def _change(
        self, tx: Transaction, was: Registration, changes: Changes, *, actor: str, now: int
    ) -> Registration:
        changed = changes_module.amended(was, changes, self._kinds.named(was.kind))
        told = changes_module.told(was, changed)
        if told:
            await registrations.amend(tx, changed)
            await recognition.remember(tx, changed)
            event = Amended((await found(tx, was.account)).version, told)
            await journal.record(tx, event, now=now, actor=actor, registration_id=was.id)
        return changed

    async def _replace_sheet(self, tx: Transaction, registration: Registration, *, actor: str, now: int) -> Sheet:
        require_open(registration)
        if registration.kind == OFFICER.name:
            raise WrongState(f"{registration.account} is an officer's, and has no sheet; see: soapstone officer --help")
        await credentials.void_all(tx, registration.id, now=now)
        await sessions.end_all(tx, registration.id)
        # Whoever has the old sheet may have registered one.
        for passkey in await passkeys.remove_all(tx, registration.id):
            removed = PasskeyRemoved(passkey.name, passkey.label)
            await journal.record(tx, removed, now=now, actor=actor, registration_id=registration.id)
        return await self._make_sheet(tx, registration, self._kinds.named(registration.kind), actor=actor, now=now)

    async def _make_sheet(
        self, tx: Transaction, registration: Registration, kind: Kind, *, actor: str, now: int
    ) -> Sheet:
        number = await registrations.next_sheet(tx, registration.id)
        sheet, made = making.new_sheet(registration, kind, self._keeper, number=number, now=now)
        await credentials.insert_each(tx, made, now=now, made_by=actor)
        await journal.record(tx, SheetIssued(number=number), now=now, actor=actor, registration_id=registration.id)
        return sheet


def require_version(registration: Registration, version: int | None) -> None:
    """Let only the version of a registration pass that was seen; None is any.

    Raises:
        ChangedMeanwhile: it is of another one.
    """
    if version is not None and registration.version != version:
        raise ChangedMeanwhile(
            f"the registration {registration.account} was changed meanwhile: it is of version {registration.version},"
            f" and not of {version}; look at it again"
        )


def require_sheet(registration: Registration, number: int | None) -> None:
    """Let only a registration pass whose newest sheet is of a number; None is any.

    Raises:
        ChangedMeanwhile: it has another one.
    """
    if number is not None and registration.sheet != number:
        raise ChangedMeanwhile(
            f"the newest sheet of {registration.account} is {registration.sheet}, and not {number}: one who asks for"
            " another one voids it; look at the registration again"
        )


def _names(grants: tuple[Grant, ...]) -> tuple[str, ...]:
    return tuple(str(grant) for grant in grants)
