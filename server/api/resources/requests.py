"""Requests: what waits for officers, or waited; certificates, revocations, and what officers ask for themselves."""

from __future__ import annotations

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import (
    AccountTaken,
    AlreadyRevoked,
    BadForm,
    CertificateExpired,
    NotPrintable,
    OwnRequest,
    RegistrationClosed,
    RegistrationExpired,
    RegistrationSuspended,
    WrongState,
)
from ca_core.referral.request import EnrollmentRequest
from ca_core.registration.form import Form
from ca_core.revocation.request import RevocationRequest
from ca_core.staff.decisions import Decided
from ca_core.staff.dossiers import RequestDossier
from ca_core.staff.request import Amending, DeskAction, DeskRequest, Revoking, Verdict, reprinting
from ca_core.staff.role import Action
from ca_core.staff.waiting import Waiting
from server.api.forms import RegistrationForm
from server.api.handing_over import SHEET_MEDIA, handed_over, require_printable
from server.api.operation import Answer, Call, Operation, any_of
from server.api.paging import USUAL_LINES, After, Limit, next_link, numbers_at, place_of
from server.api.shapes import Moment, Note, Registered, contact_shape, moment, moment_or_none, name_shape

_LIST = "/requests"
_ONE = "/requests/{number}"


class RequestQuery(msgspec.Struct, frozen=True):
    """Which page of them is listed."""

    after: After | None = None
    limit: Limit = USUAL_LINES


class RequestItem(msgspec.Struct, frozen=True):
    """One request of the list.

    Attributes:
        what: `enrollment`, `revocation`, `register`, `reprint`, `revoke` or `amend`.
        state: `pending`, or `approved` of a sheet that is not collected yet.
        account: null of a registration that is yet to be made.
        asked_by: as the journal writes it; empty where a subscriber asks for a certificate.
        given: how many officers have agreed.
        needed: how many must.
    """

    number: int
    what: str
    state: str
    requested_at: Moment
    due_at: Moment
    account: str | None
    realm: str
    asked_by: str
    given: int
    needed: int


class RequestList(msgspec.Struct, frozen=True):
    """A page of requests, the most urgent first.

    Attributes:
        next: where the next page is; null behind the last one.
    """

    items: tuple[RequestItem, ...]
    next: str | None


class VoteShape(msgspec.Struct, frozen=True):
    """How an officer has voted."""

    officer: str
    verdict: Verdict
    note: str
    at: Moment


class WantedCertificate(msgspec.Struct, frozen=True):
    """What a request for a certificate asks for.

    Attributes:
        csr: the certification request, in PEM.
        replaces: the serial of the certificate that it is to renew.
        serial: of the certificate that came of it.
    """

    profile: str
    names: tuple[str, ...]
    csr: str
    replaces: str | None
    serial: str | None


class WantedRevocation(msgspec.Struct, frozen=True):
    """What a request for a revocation asks for.

    Attributes:
        reason: as the standard spells it.
        holds: whether the certificate is on hold because of it.
    """

    serial: str
    reason: str
    invalid_since: Moment | None
    holds: bool


class WantedChange(msgspec.Struct, frozen=True):
    """A field of a registration that is to be changed.

    Attributes:
        was: as it was when it was asked for.
        now: as it is to be.
    """

    field: str
    was: str
    now: str


class RequestShape(msgspec.Struct, frozen=True, kw_only=True):
    """A request with what it asks for, and who has voted on it.

    Attributes:
        state: `pending`, `approved`, `rejected`, `issued`, `overtaken`, `lapsed` or `done`.
        note: why it is asked for; once it is decided, why so.
        certificate, revocation, registration, changes: what is asked for; null where it is another thing.
    """

    number: int
    what: str
    state: str
    asked_by: str
    account: str | None
    requested_at: Moment
    due_at: Moment
    decided_at: Moment | None
    decided_by: str | None
    note: str
    given: int
    needed: int
    votes: tuple[VoteShape, ...]
    certificate: WantedCertificate | None = None
    revocation: WantedRevocation | None = None
    registration: RegistrationForm | None = None
    changes: tuple[WantedChange, ...] | None = None


class Decision(msgspec.Struct, frozen=True):
    """What became of a request.

    Attributes:
        state: `pending` while more officers must agree.
        serials: of certificates that it revoked, or released.
        given: how many officers have agreed; null where no more are needed.
        needed: how many must; null where no more are needed.
    """

    number: int
    what: str
    state: str
    serials: tuple[str, ...]
    given: int | None
    needed: int | None


async def _listed(call: Call) -> Answer:
    asked = call.asked(RequestQuery)
    found = await call.office.staff.waiting.page(call.actor, after=numbers_at(asked.after), most=asked.limit)
    more = place_of((found[-1].due_at, found[-1].number)) if len(found) == asked.limit else None
    return Answer(RequestList(tuple(map(_item, found)), next_link(_LIST, asked, more)))


async def _read(call: Call) -> Answer:
    return Answer(_shape(await call.office.staff.dossiers.request(_number(call), actor=call.actor)))


async def _approve(call: Call) -> Answer:
    note = call.sent(Note).note
    return _decided(await call.office.staff.decisions.approve(_number(call), actor=call.actor, note=note))


async def _reject(call: Call) -> Answer:
    note = call.sent(Note).note
    return _decided(await call.office.staff.decisions.reject(_number(call), actor=call.actor, note=note))


async def _collect(call: Call) -> Answer:
    approvals = call.office.staff.approvals
    asked = await approvals.find(_number(call), actor=call.actor)
    if asked.action is DeskAction.REGISTER:
        call.actor.require(Action.REGISTER)
        form = msgspec.json.decode(asked.payload, type=Form)
        await require_printable(call, form.subject, form.contact)
    elif asked.action is DeskAction.REPRINT:
        call.actor.require(Action.PRINT_SHEET)
        whose = await call.office.desk.show(reprinting(asked.payload).account)
        await require_printable(call, whose.subject, whose.contact)
    sheet = await approvals.collect(asked.number, actor=call.actor)
    return await handed_over(call, sheet, await call.office.desk.show(sheet.account))


def _number(call: Call) -> int:
    return int(call.place["number"])


def _item(one: Waiting) -> RequestItem:
    return RequestItem(
        number=one.number,
        what=one.what,
        state=one.state,
        requested_at=moment(one.requested_at),
        due_at=moment(one.due_at),
        account=one.account,
        realm=one.realm,
        asked_by=one.asked_by,
        given=one.given,
        needed=one.needed,
    )


def _shape(dossier: RequestDossier) -> RequestShape:
    asked = dossier.asked
    return RequestShape(
        number=asked.number,
        what=dossier.what,
        state=asked.state.value,
        asked_by=dossier.asked_by,
        account=dossier.registration.account if dossier.registration else None,
        requested_at=moment(asked.requested_at),
        due_at=moment(asked.due_at),
        decided_at=moment_or_none(asked.decided_at),
        decided_by=asked.decided_by,
        note=asked.note,
        given=dossier.given,
        needed=dossier.needed,
        votes=tuple(VoteShape(vote.officer, vote.verdict, vote.note, moment(vote.at)) for vote in dossier.votes),
        certificate=_certificate(asked) if isinstance(asked, EnrollmentRequest) else None,
        revocation=_revocation(asked),
        registration=_registration(asked),
        changes=_changes(asked),
    )


def _certificate(asked: EnrollmentRequest) -> WantedCertificate:
    pem = x509.load_der_x509_csr(asked.csr).public_bytes(Encoding.PEM).decode()
    return WantedCertificate(asked.profile, tuple(asked.names.splitlines()), pem, asked.replaces, asked.serial)


def _revocation(asked: EnrollmentRequest | RevocationRequest | DeskRequest) -> WantedRevocation | None:
    match asked:
        case RevocationRequest():
            return WantedRevocation(asked.serial, asked.reason.text, None, asked.holds)
        case DeskRequest(action=DeskAction.REVOKE):
            wanted = msgspec.json.decode(asked.payload, type=Revoking)
            return WantedRevocation(
                wanted.serial, wanted.reason.text, moment_or_none(wanted.invalid_since), holds=False
            )
        case _:
            return None


def _changes(asked: EnrollmentRequest | RevocationRequest | DeskRequest) -> tuple[WantedChange, ...] | None:
    if not isinstance(asked, DeskRequest) or asked.action is not DeskAction.AMEND:
        return None
    told = msgspec.json.decode(asked.payload, type=Amending).told
    return tuple(WantedChange(change.field, change.was, change.now) for change in told)


def _registration(asked: EnrollmentRequest | RevocationRequest | DeskRequest) -> RegistrationForm | None:
    if not isinstance(asked, DeskRequest) or asked.action is not DeskAction.REGISTER:
        return None
    form = msgspec.json.decode(asked.payload, type=Form)
    return RegistrationForm(
        kind=form.kind,
        subject=form.subject,
        account=form.account,
        names=tuple(map(name_shape, form.grants)),
        profiles=form.profiles,
        uses=form.uses,
        language=form.language,
        contact=contact_shape(form.contact),
    )


def _decided(decided: Decided) -> Answer:
    agreed = decided.agreed
    return Answer(
        Decision(
            number=decided.number,
            what=decided.what,
            state=decided.state,
            serials=decided.serials,
            given=agreed.given if agreed else None,
            needed=agreed.needed if agreed else None,
        )
    )


OPERATIONS = (
    Operation(
        name="listRequests",
        method="GET",
        path=_LIST,
        about="List what waits for officers, the most urgent first.",
        permitted=any_of(Action.READ_REQUESTS),
        handler=_listed,
        query=RequestQuery,
        answers={200: RequestList},
    ),
    Operation(
        name="readRequest",
        method="GET",
        path=_ONE,
        about="Read a request, waiting or decided, with all votes.",
        permitted=any_of(Action.READ_REQUESTS),
        handler=_read,
        answers={200: RequestShape},
    ),
    Operation(
        name="approveRequest",
        method="POST",
        path=f"{_ONE}/approve",
        about="Agree to a request.",
        more="Nobody agrees to what they have asked for, and nobody twice. A certificate is issued within seconds.",
        permitted=any_of(Action.APPROVE),
        handler=_approve,
        body=Note,
        answers={200: Decision},
        refusals=frozenset(
            {
                OwnRequest,
                WrongState,
                AlreadyRevoked,
                CertificateExpired,
                RegistrationSuspended,
                RegistrationExpired,
                RegistrationClosed,
            }
        ),
    ),
    Operation(
        name="rejectRequest",
        method="POST",
        path=f"{_ONE}/reject",
        about="Turn a request down, or take your own back.",
        more="One is enough. Who asked for a certificate is shown the note; a hold that it brought is released.",
        permitted=any_of(Action.REJECT, Action.REGISTER, Action.PRINT_SHEET, Action.REVOKE),
        handler=_reject,
        body=Note,
        answers={200: Decision},
        refusals=frozenset({WrongState}),
    ),
    Operation(
        name="collectSheet",
        method="POST",
        path=f"{_ONE}/collect",
        about="Get the sheet of your request, once, after other officers have agreed to it.",
        more="It is made at this moment and is in this answer only: as JSON, or as a PDF to print.",
        permitted=any_of(Action.REGISTER, Action.PRINT_SHEET),
        handler=_collect,
        answers={200: Registered},
        media=SHEET_MEDIA,
        refusals=frozenset({WrongState, AccountTaken, BadForm, NotPrintable}),
    ),
)
