"""Sheets: a new one, and those that other officers must agree to first, to be collected by whoever asked."""

from __future__ import annotations

import msgspec

from ca_core.errors import NotFound
from ca_core.registration.contact import Contact
from ca_core.registration.form import Form
from ca_core.staff.request import COLLECTED, DeskAction, DeskRequest, Pending, reprinting
from ca_core.staff.role import Action, name_in
from protocols.wire import Reply
from server.desk.handing_over import hand_over, require_printable
from server.desk.notes import note_in
from server.desk.route import Route
from server.desk.subscribers import seen
from server.desk.visit import NavItem, Visit, see_other
from server.desk.words import phrase

NAV = (NavItem("/sheets", phrase("Sheets to collect"), Action.PRINT_SHEET),)
_MOST_DIGITS = 18


class Addressee(msgspec.Struct, frozen=True):
    """Whose sheet it is.

    Attributes:
        account: empty where it is yet to be drawn.
    """

    account: str
    subject: str
    contact: Contact
    language: str


async def ask(visit: Visit) -> Reply:
    """Say what a new sheet does."""
    registration = await seen(visit)
    needed = visit.office.kinds.named(registration.kind).approvals.reprint
    return visit.render("new_sheet.html", registration=registration, needed=needed)


async def make(visit: Visit) -> Reply:
    """Make it, or have it wait.

    Raises:
        ChangedMeanwhile, NotPrintable, WrongState: as they say.
    """
    registration = await seen(visit)
    if not visit.office.kinds.named(registration.kind).approvals.reprint:
        await require_printable(visit, registration.subject, registration.contact)
    account, note = registration.account, note_in(visit)
    made = await visit.office.staff.approvals.reprint(account, actor=visit.actor, replaces=_replaced(visit), note=note)
    if isinstance(made, Pending):
        return see_other(f"/sheets/{made.number}")
    return await hand_over(visit, made, registration.contact, registration.language)


async def mine(visit: Visit) -> Reply:
    """What this officer has asked for and not collected."""
    asked = await visit.office.staff.approvals.requests(visit.actor)
    return visit.render(
        "sheets.html",
        requests=[(one, await _addressee(visit, one)) for one in asked if _is_mine(visit, one)],
    )


async def one(visit: Visit) -> Reply:
    """One of them: who has agreed, and the sheet where all have."""
    request = await _found(visit)
    votes = await visit.office.staff.waiting.votes(request.number)
    return visit.render("sheet_request.html", request=request, whose=await _addressee(visit, request), votes=votes)


async def collect(visit: Visit) -> Reply:
    """Make the sheet that all have agreed to, and hand it over.

    Raises:
        ChangedMeanwhile, NotPrintable, WrongState, AccountTaken: as they say.
    """
    request = await _found(visit)
    whose = await _addressee(visit, request)
    await require_printable(visit, whose.subject, whose.contact)
    sheet = await visit.office.staff.approvals.collect(request.number, actor=visit.actor)
    return await hand_over(visit, sheet, whose.contact, whose.language)


async def withdraw(visit: Visit) -> Reply:
    """Take the request back.

    Raises:
        WrongState: it does not wait any more.
    """
    request = await _found(visit)
    await visit.office.staff.approvals.reject(request.number, actor=visit.actor, note=note_in(visit))
    return see_other(f"/sheets/{request.number}")


def _replaced(visit: Visit) -> int:
    """The sheet that was looked at; of a form without one, a number that no sheet has."""
    text = visit.form.get("sheet")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else -1


async def _found(visit: Visit) -> DeskRequest:
    text = visit.path["number"]
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise NotFound("there is no such request")
    request = await visit.office.staff.approvals.find(int(text), actor=visit.actor)
    if not _is_mine(visit, request):
        raise NotFound(f"there is no request {text} of yours")
    return request


def _is_mine(visit: Visit, request: DeskRequest) -> bool:
    return request.action in COLLECTED and name_in(request.asked_by) == visit.actor.name


async def _addressee(visit: Visit, request: DeskRequest) -> Addressee:
    if request.action is DeskAction.REGISTER:
        form = msgspec.json.decode(request.payload, type=Form)
        return Addressee(form.account or "", form.subject, form.contact, form.language)
    registration = await visit.office.desk.show(reprinting(request.payload).account)
    return Addressee(registration.account, registration.subject, registration.contact, registration.language)


ROUTES = (
    Route("GET", "/registrations/{account}/sheet", ask, Action.PRINT_SHEET),
    Route("POST", "/registrations/{account}/sheet", make, Action.PRINT_SHEET),
    Route("GET", "/sheets", mine, Action.PRINT_SHEET),
    Route("GET", "/sheets/{number}", one, Action.PRINT_SHEET),
    Route("POST", "/sheets/{number}/collect", collect, Action.PRINT_SHEET),
    Route("POST", "/sheets/{number}/withdraw", withdraw, Action.PRINT_SHEET),
)
