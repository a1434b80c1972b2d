"""Registrations: who is vetted, what for, and whether all doors are open to them."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from ca_core.errors import (
    AccountTaken,
    BadForm,
    ChangedMeanwhile,
    NotPrintable,
    WrongState,
)
from ca_core.registration.account import Registration, Status
from ca_core.staff.lines import RegistrationLine
from ca_core.staff.request import Pending
from ca_core.staff.role import Action
from server.api.finding import etag, registration_of, version_meant
from server.api.forms import Amendment, RegistrationForm, Renewal, changes_of, form_of
from server.api.handing_over import SHEET_MEDIA, handed_over, require_printable, waits
from server.api.operation import Answer, Call, IfMatch, Operation, any_of
from server.api.paging import USUAL_LINES, After, Limit, next_link
from server.api.shapes import Moment, Registered, RegistrationShape, Text, Waits, moment, registration_shape

_LIST = "/registrations"
_ONE = "/registrations/{account}"


class RegistrationQuery(msgspec.Struct, frozen=True):
    """Which registrations are listed."""

    text: Text | None = None
    kind: Text | None = None
    status: Status | None = None
    after: After | None = None
    limit: Limit = USUAL_LINES


class RegistrationItem(msgspec.Struct, frozen=True):
    """One registration of a list."""

    account: str
    kind: str
    status: Status
    subject: str
    contact_name: str
    realm: str
    profiles: tuple[str, ...]
    version: int
    created_at: Moment
    expires_at: Moment


class RegistrationList(msgspec.Struct, frozen=True):
    """A page of registrations.

    Attributes:
        next: where the next page is; null behind the last one.
    """

    items: tuple[RegistrationItem, ...]
    next: str | None


class Activated(msgspec.Struct, frozen=True):
    """The sheet whose secrets work from now on."""

    account: str
    sheet: int


def item(line: RegistrationLine) -> RegistrationItem:
    """A line of a list, as the API shows it."""
    return RegistrationItem(
        account=line.account,
        kind=line.kind,
        status=line.status,
        subject=line.subject,
        contact_name=line.contact_name,
        realm=line.realm,
        profiles=line.profiles,
        version=line.version,
        created_at=moment(line.created_at),
        expires_at=moment(line.expires_at),
    )


async def _listed(call: Call) -> Answer:
    asked = call.asked(RegistrationQuery)
    found = await call.office.staff.looking.registrations(
        call.actor, text=asked.text or "", kind=asked.kind, status=asked.status, after=asked.after, most=asked.limit
    )
    return Answer(RegistrationList(tuple(map(item, found)), next_link(_LIST, asked, found.more)))


async def _register(call: Call) -> Answer:
    sent = call.sent(RegistrationForm)
    form = form_of(sent, call.office)
    await require_printable(call, form.subject, form.contact)
    made = await call.office.staff.approvals.register(form, actor=call.actor, note=sent.note)
    if isinstance(made, Pending):
        return waits(made)
    registration, sheet = made
    return await handed_over(call, sheet, registration, status=HTTPStatus.CREATED)


async def _read(call: Call) -> Answer:
    return _shown(call, await registration_of(call))


async def _amend(call: Call) -> Answer:
    was = await registration_of(call)
    version = version_meant(call, was)
    changes = changes_of(call.sent(Amendment), was, call.office)
    made = await call.office.staff.amendments.amend(was.account, changes, actor=call.actor, version=version)
    return waits(made) if isinstance(made, Pending) else _shown(call, made)


async def _renew(call: Call) -> Answer:
    was = await registration_of(call)
    # What was confirmed is what was seen: where nobody says which version that was, it is the one of this moment.
    version = version_meant(call, was) or was.version
    changes = changes_of(call.sent(Renewal), was, call.office)
    await require_printable(call, changes.subject or was.subject, changes.contact or was.contact)
    made = await call.office.staff.approvals.renew(was.account, changes, actor=call.actor, version=version)
    if isinstance(made, Pending):
        return waits(made)
    return await handed_over(call, made, await registration_of(call))


async def _suspend(call: Call) -> Answer:
    was = await registration_of(call)
    await call.office.desk.suspend(was.account, actor=call.actor.journal_name)
    return await _read(call)


async def _resume(call: Call) -> Answer:
    was = await registration_of(call)
    await call.office.desk.resume(was.account, actor=call.actor.journal_name)
    return await _read(call)


async def _close(call: Call) -> Answer:
    was = await registration_of(call)
    await call.office.desk.close(was.account, actor=call.actor.journal_name)
    return await _read(call)


async def _activate(call: Call) -> Answer:
    was = await registration_of(call)
    number = await call.office.activations.activate(was.account, actor=call.actor.journal_name)
    return Answer(Activated(was.account, number))


def _shown(call: Call, registration: Registration) -> Answer:
    shown = registration_shape(registration, now=call.office.clock.now())
    return Answer(shown, headers=(("ETag", etag(registration)),))


OPERATIONS = (
    Operation(
        name="listRegistrations",
        method="GET",
        path=_LIST,
        about="List registrations, or search them.",
        more="`text` finds words of account, subject and contact. Newest first, unless a status or a text is asked for."
        " Go on with `next`.",
        permitted=any_of(Action.READ_REGISTRATIONS),
        handler=_listed,
        query=RegistrationQuery,
        answers={200: RegistrationList},
    ),
    Operation(
        name="register",
        method="POST",
        path=_LIST,
        about="Register a subscriber, and get the first password sheet.",
        more="The sheet is handed over once, in this answer: as JSON, or as a PDF to print. Where the kind wants other"
        " officers to agree, 202 names the request; once they have, collect the sheet from it.",
        permitted=any_of(Action.REGISTER),
        handler=_register,
        body=RegistrationForm,
        answers={201: Registered, 202: Waits},
        media=SHEET_MEDIA,
        refusals=frozenset({BadForm, AccountTaken, NotPrintable}),
    ),
    Operation(
        name="readRegistration",
        method="GET",
        path=_ONE,
        about="Read a registration.",
        more="Its ETag is what If-Match wants when it is changed.",
        permitted=any_of(Action.READ_REGISTRATIONS),
        handler=_read,
        answers={200: RegistrationShape},
    ),
    Operation(
        name="amendRegistration",
        method="PATCH",
        path=_ONE,
        about="Change what is registered.",
        more="Certificates and sheets that exist stay as they are. The subject changes only with a renewal. Where the"
        " kind wants other officers to agree to registrations, changes of names and profiles wait for them: 202 names"
        " the request.",
        permitted=any_of(Action.CHANGE_REGISTRATION),
        handler=_amend,
        body=Amendment,
        answers={200: RegistrationShape, 202: Waits},
        refusals=frozenset({BadForm, ChangedMeanwhile, WrongState}),
        if_match=IfMatch.REQUIRED,
    ),
    Operation(
        name="suspendRegistration",
        method="POST",
        path=f"{_ONE}/suspend",
        about="Stop a registration on every door within a second.",
        permitted=any_of(Action.SUSPEND),
        handler=_suspend,
        answers={200: RegistrationShape},
        refusals=frozenset({WrongState}),
    ),
    Operation(
        name="resumeRegistration",
        method="POST",
        path=f"{_ONE}/resume",
        about="Let a suspended registration go on.",
        permitted=any_of(Action.RESUME),
        handler=_resume,
        answers={200: RegistrationShape},
        refusals=frozenset({WrongState}),
    ),
    Operation(
        name="closeRegistration",
        method="POST",
        path=f"{_ONE}/close",
        about="Close a registration for good.",
        more="Its certificates stay as they are; revoke them where that is wanted.",
        permitted=any_of(Action.CLOSE),
        handler=_close,
        answers={200: RegistrationShape},
        refusals=frozenset({WrongState}),
    ),
    Operation(
        name="renewRegistration",
        method="POST",
        path=f"{_ONE}/renew",
        about="Renew the vetting of a registration, expired or not, and get a new sheet.",
        more="What is not sent was confirmed to be as it is registered. The new sheet voids the one before. Where the"
        " kind wants other officers to agree to sheets, it is renewed at once, and 202 names the request for that."
        " Where it wants them to agree to registrations, another subject, names or profiles wait with the renewal: 202"
        " names that request, and once they have agreed, make a new sheet.",
        permitted=any_of(Action.RENEW_REGISTRATION),
        handler=_renew,
        body=Renewal,
        answers={200: Registered, 202: Waits},
        media=SHEET_MEDIA,
        refusals=frozenset({BadForm, ChangedMeanwhile, WrongState, NotPrintable}),
        if_match=IfMatch.HEEDED,
    ),
    Operation(
        name="activateSheet",
        method="POST",
        path=f"{_ONE}/activate",
        about="Activate the newest sheet, where its kind needs it.",
        more="Until then its enrollment code and its EAB key open nothing.",
        permitted=any_of(Action.PRINT_SHEET),
        handler=_activate,
        answers={200: Activated},
        refusals=frozenset({WrongState}),
    ),
)
