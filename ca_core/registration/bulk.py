"""Registering many at once: looked through first, then in batches that can be taken up again where a run was cut off.

What loses nothing: a batch is stored, its sheets are put where they stay, and only then its lines count as handed over.
Secrets are in memory in between. Where that is lost, the next run finds lines that are registered and not handed over,
and makes them new sheets, which void those that nobody may have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

import msgspec

from ca_core.audit import journal
from ca_core.audit.event import Event, SheetIssued
from ca_core.clock import Clock
from ca_core.errors import ChangedMeanwhile, FieldFault, NotFound, WrongState
from ca_core.identity import new_id
from ca_core.policy.profile import Profile
from ca_core.policy.subject import subject_der
from ca_core.registration import making, mark, search_terms, vetting
from ca_core.registration.account import MAIN, Registration, Status, checked_realm
from ca_core.registration.credential import Credential, SecretKeeper
from ca_core.registration.desk import Desk
from ca_core.registration.events import ImportBegun, ImportEnded
from ca_core.registration.form import Form
from ca_core.registration.kind import Kind, Kinds
from ca_core.registration.line import Became, FirstSeen, Import, Line, Outcome
from ca_core.registration.sheet import Sheet
from ca_core.staff.events import DeskRequestMade
from ca_core.staff.request import DUE_SECONDS, DeskAction, DeskRequest, DeskState
from ca_core.staff.role import EVERY_REALM, Action, Actor
from ca_core.store import credentials, desk_requests, imports, registration_marks, registrations
from ca_core.store import search_terms as stored_terms
from ca_core.store.database import Database, Transaction
from ca_core.store.imports import KnownLine, NewLine
from ca_core.store.registrations import AT_ONCE
from ca_core.store.request_numbers import next_numbers

MOST_LINES = AT_ONCE
"""In one batch: a commit costs little for each, and whoever else writes does not wait for long."""

# What is wrong with a line of no known kind is still said, as far as no kind has a say in it.
_ANY_KIND = Kind("any", (), has_password=False, has_enrollment_code=False, has_eab_key=False)


class _New(msgspec.Struct, frozen=True):
    """A line as it is to be stored."""

    line: Line
    registration: Registration
    sheet: Sheet
    credentials: tuple[Credential, ...]
    marks: frozenset[str]
    terms: frozenset[str]


class BulkRegistration:
    """Registers line after line, each as an officer's form would be.

    Args:
        profiles: all that there are, by name.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keeper: SecretKeeper,
        *,
        desk: Desk,
        kinds: Kinds,
        profiles: Mapping[str, Profile],
    ) -> None:
        self._database = database
        self._clock = clock
        self._keeper = keeper
        self._desk = desk
        self._kinds = kinds
        self._grantable = [name for name, profile in profiles.items() if profile.is_grantable]

    async def find(self, key: str, *, actor: Actor, realm: str = MAIN) -> Import | None:
        """The import that an earlier run has begun; None where there was none.

        Args:
            key: what makes it the same one; of a file, the digest of its content.
            realm: for an actor who sees all of them; others import into their own.

        Raises:
            NotPermitted, BadName: as they say.
        """
        actor.require(Action.IMPORT)
        async with self._database.read() as tx:
            return await imports.find(tx, key, realm=_realm(actor, realm), owner=actor.owner)

    async def look(
        self, lines: Sequence[Line], seen: FirstSeen, *, actor: Actor, earlier: Import | None = None
    ) -> list[Line]:
        """Judge a batch and change nothing; returns its bad lines, with all that is wrong with them.

        Args:
            seen: what the batches before have asked for.
            earlier: as `find` returned it; what it has done is right.

        Raises:
            NotPermitted: as it says.
        """
        actor.require(Action.IMPORT)
        judged = [line.with_faults([*self._faults(line.form), *seen.faults_of(line)]) for line in lines]
        named = [line for line in judged if not _has(line, "account")]
        async with self._database.read() as tx:
            done = await imports.known(tx, earlier.id, _digests(lines)) if earlier else {}
            taken = await registrations.taken(tx, [account for line in named if (account := _account(line))])
        judged = [line.with_faults(_taken(line, taken)) for line in judged]
        return [line for line in judged if line.faults and not (line.form and line.digest in done)]

    async def begin(self, key: str, *, actor: Actor, realm: str = MAIN) -> Import:
        """Begin an import or take it up again; an earlier run that is still at it is refused from now on.

        Args:
            key, realm: as of `find`.

        Raises:
            NotPermitted, BadName: as they say.
        """
        actor.require(Action.IMPORT)
        now = self._clock.now()
        new = Import(new_id(now), key, _realm(actor, realm), actor.owner, 1)
        async with self._database.write() as tx:
            begun = await imports.begin(tx, new, asked_by=actor.journal_name, now=now)
            event = ImportBegun(key=key, realm=begun.realm, run=begun.run)
            await journal.record(tx, event, now=now, actor=actor.journal_name)
        return begun

    async def import_lines(self, lines: Sequence[Line], one: Import, *, actor: Actor) -> list[Outcome]:
        """Register a batch in one transaction; bad lines are left out.

        Whoever has put the sheets where they stay says so by `hand_over`.

        Raises:
            NotPermitted: as it says.
            ChangedMeanwhile: a later run has taken the import up.
            ValueError: more than `MOST_LINES`.
        """
        actor.require(Action.IMPORT)
        if len(lines) > MOST_LINES:
            raise ValueError(f"a batch has at most {MOST_LINES} lines")
        async with self._database.read() as tx:
            done = await imports.known(tx, one.id, _digests(lines))
        outcomes: dict[int, Outcome] = {}
        new: list[_New] = []
        asking: list[Line] = []
        for line in lines:
            # A server that imports for a program goes on with what others ask.
            await asyncio.sleep(0)
            judged = line.with_faults(self._faults(line.form))
            if line.form is not None and line.digest in done:
                outcomes[line.number] = await self._done(line, done[line.digest], one, actor=actor)
            elif judged.faults or line.form is None:
                outcomes[line.number] = Outcome(judged, Became.BAD)
            elif self._kinds.offered(line.form.kind).approvals.register:
                asking.append(line)
            else:
                new.append(self._made(line, _placed(line.form, one)))
        outcomes |= await self._store(new, asking, one, actor=actor)
        return [outcomes[line.number] for line in lines]

    async def hand_over(self, one: Import, outcomes: Sequence[Outcome]) -> None:
        """Say that sheets are where they should be, on the disk: no later run makes them anew."""
        sheets = [(outcome.line.digest, outcome.sheet.number) for outcome in outcomes if outcome.sheet]
        if sheets:
            async with self._database.write() as tx:
                await imports.hand_over(tx, one.id, sheets)

    async def end(self, one: Import, became: Mapping[Became, int], *, actor: Actor) -> None:
        """Say that a run has come to its end.

        Args:
            became: how many lines became what.
        """
        now = self._clock.now()
        event = ImportEnded(
            key=one.key,
            run=one.run,
            registered=became[Became.REGISTERED],
            waiting=became[Became.WAITS],
            new_sheets=became[Became.NEW_SHEET],
            passed_over=became[Became.DONE],
            bad=became[Became.BAD],
        )
        async with self._database.write() as tx:
            await _require_newest(tx, one, ended_at=now)
            await journal.record(tx, event, now=now, actor=actor.journal_name)

    def _faults(self, form: Form | None) -> list[FieldFault]:
        if form is None:
            return []
        faults: list[FieldFault] = []
        try:
            kind = self._kinds.offered(form.kind)
        except NotFound as refusal:
            kind = _ANY_KIND
            faults.append(FieldFault("kind", str(refusal)))
        why = f"is no profile; choose among {', '.join(self._grantable)}"
        faults += [
            FieldFault("profiles", f"{name[:64]!r} {why}")
            for name in form.profiles
            # What a kind names, it judges itself.
            if name not in self._grantable and not kind.grantable
        ]
        return faults + vetting.of_form(form, kind)

    def _made(self, line: Line, form: Form) -> _New:
        now, kind = self._clock.now(), self._kinds.offered(form.kind)
        made = making.new_registration(form, kind, subject_der(form.subject), now=now)
        registration = msgspec.structs.replace(made, sheet=1, version=1)
        sheet, kept = making.new_sheet(registration, kind, self._keeper, number=1, now=now)
        found_by = mark.of_registration(registration), search_terms.terms_of(registration)
        return _New(line, registration, sheet, kept, *found_by)

    async def _store(
        self, new: Sequence[_New], asking: Sequence[Line], one: Import, *, actor: Actor
    ) -> dict[int, Outcome]:
        now = self._clock.now()
        async with self._database.write() as tx:
            await _require_newest(tx, one)
            stored = await registrations.insert_each(tx, [made.registration for made in new])
            fresh = [made for made in new if made.registration.id in stored]
            drawn = [kept for made in fresh for kept in made.credentials]
            await credentials.insert_each(tx, drawn, now=now, made_by=actor.journal_name)
            await registration_marks.put_each(tx, {made.registration.id: made.marks for made in fresh})
            await stored_terms.put_each(tx, [(made.registration, made.terms) for made in fresh])
            events: list[Event] = [making.registered(made.registration) for made in fresh]
            events += [SheetIssued(number=1) for _ in fresh]
            whose = [made.registration.id for made in fresh] * 2
            rows = [(event, id_, None) for event, id_ in zip(events, whose, strict=True)]
            await journal.record_each(tx, rows, now=now, actor=actor.journal_name)
            waiting = await self._ask(tx, asking, one, actor=actor, now=now)
            done = [NewLine(made.line.digest, made.registration.id) for made in fresh]
            done += [NewLine(outcome.line.digest, None, outcome.request) for outcome in waiting if outcome.request]
            await imports.add_each(tx, one.id, done)
        outcomes = [_outcome(made, is_new=made.registration.id in stored) for made in new] + waiting
        return {outcome.line.number: outcome for outcome in outcomes}

    async def _ask(
        self, tx: Transaction, lines: Sequence[Line], one: Import, *, actor: Actor, now: int
    ) -> list[Outcome]:
        """Put down what other officers must agree to; its sheets are made when they are collected."""
        taken = await registrations.taken(tx, [account for line in lines if (account := _account(line))])
        judged = [line.with_faults(_taken(line, taken)) for line in lines]
        good = [(line, _placed(line.form, one)) for line in judged if line.form and not line.faults]
        if not good:
            return [Outcome(line, Became.BAD) for line in judged]
        asked = {
            line.number: DeskRequest(
                number=number,
                action=DeskAction.REGISTER,
                registration_id=None,
                realm=one.realm,
                payload=msgspec.json.encode(form).decode(),
                asked_by=actor.journal_name,
                needed=self._kinds.offered(form.kind).approvals.register,
                state=DeskState.PENDING,
                requested_at=now,
                due_at=now + DUE_SECONDS,
                note=line.note,
            )
            for (line, form), number in zip(good, await next_numbers(tx, len(good)), strict=True)
        }
        await desk_requests.insert_each(tx, list(asked.values()))
        events = [(_told(request), None, None) for request in asked.values()]
        await journal.record_each(tx, events, now=now, actor=actor.journal_name)
        return [
            _waiting(line, asked[line.number].number) if line.number in asked else Outcome(line, Became.BAD)
            for line in judged
        ]

    async def _done(self, line: Line, known: KnownLine, one: Import, *, actor: Actor) -> Outcome:
        """What an earlier run has done, and whether there is a sheet that nobody may have."""
        if known.account is None:
            return _as_requested(line, known)
        is_lost = not known.handed_over and known.sheet == known.newest_sheet and known.status is not Status.CLOSED
        if is_lost:

            async def claim(tx: Transaction) -> None:
                await _require_newest(tx, one)
                if not await imports.take(tx, one.id, known.digest):
                    raise WrongState("another sheet was made meanwhile")

            try:
                sheet = await self._desk.new_sheet(known.account, actor=actor.journal_name, claim=claim)
            except WrongState as refusal:
                return Outcome(line, Became.DONE, known.account, None, known.newest_sheet, None, str(refusal))
            note = "registered by an earlier run; this sheet voids every earlier one"
            return Outcome(line, Became.NEW_SHEET, known.account, sheet, sheet.number, None, note)
        note = (
            f"done by an earlier run, whose result has the sheet; where that is lost: soapstone sheet {known.account}"
        )
        return Outcome(line, Became.DONE, known.account, None, known.newest_sheet, None, note)


def _realm(actor: Actor, wanted: str) -> str:
    return checked_realm(wanted) if actor.realm == EVERY_REALM else actor.realm


def _placed(form: Form, one: Import) -> Form:
    return msgspec.structs.replace(form, realm=one.realm, owner=one.owner)


def _digests(lines: Sequence[Line]) -> list[str]:
    return [line.digest for line in lines if line.form is not None]


def _has(line: Line, field: str) -> bool:
    return any(fault.field == field for fault in line.faults)


def _account(line: Line) -> str | None:
    return line.form.account if line.form else None


def _taken(line: Line, taken: Collection[str]) -> list[FieldFault]:
    account = _account(line)
    return [FieldFault("account", f"{account} exists already")] if account in taken else []


async def _require_newest(tx: Transaction, one: Import, *, ended_at: int | None = None) -> None:
    if not await imports.is_newest(tx, one, ended_at=ended_at):
        raise ChangedMeanwhile("this import was taken up by another command, which goes on with it")


def _outcome(made: _New, *, is_new: bool) -> Outcome:
    account = made.registration.account
    if is_new:
        return Outcome(made.line, Became.REGISTERED, account, made.sheet, made.sheet.number)
    return Outcome(made.line.with_faults([FieldFault("account", f"{account} exists already")]), Became.BAD)


def _told(asked: DeskRequest) -> DeskRequestMade:
    return DeskRequestMade(asked.number, asked.action.value, asked.needed, asked.due_at, asked.note, asked.realm)


def _waiting(line: Line, number: int) -> Outcome:
    note = f"other officers must agree; then: soapstone requests collect {number}"
    return Outcome(line, Became.WAITS, _account(line), request=number, note=note)


def _as_requested(line: Line, known: KnownLine) -> Outcome:
    number = known.request or 0
    if known.state in {DeskState.PENDING, DeskState.APPROVED}:
        return _waiting(line, number)
    became = Became.DONE if known.state == DeskState.DONE else Became.BAD
    return Outcome(line, became, request=number, note=f"request {number} is {known.state}")
