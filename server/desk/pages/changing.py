"""Changing what is registered: amended, or confirmed and renewed with a new sheet (RULES, S10)."""

from __future__ import annotations

from collections.abc import Iterable

from ca_core.errors import BadForm, FieldFault
from ca_core.registration.account import Registration
from ca_core.registration.changes import Changes
from ca_core.staff.request import COLLECTED, Pending
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk import registration_form
from server.desk.handing_over import hand_over, require_printable
from server.desk.registration_form import Asked
from server.desk.route import Route
from server.desk.subscribers import place_of, seen
from server.desk.visit import Visit, see_other
from server.desk.words import phrase
from server.web.forms import Posted

_CONFIRMED = "confirmed"
_UNCONFIRMED = FieldFault(_CONFIRMED, phrase("must be ticked: the data were compared with the subscriber's papers"))


async def amend_form(visit: Visit) -> Reply:
    """The form with what is registered."""
    was = await seen(visit)
    return _form(visit, "amend.html", was, registration_form.filled_with(was))


async def amend(visit: Visit) -> Reply:
    """Change it, or have it wait.

    Raises:
        ChangedMeanwhile, WrongState: as they say.
    """
    was = await seen(visit)
    wanted = _asked(visit, was)
    try:
        changes = _changes(visit, was, wanted, with_subject=False)
        made = await visit.office.staff.amendments.amend(
            was.account, changes, actor=visit.actor, version=_version(visit.form)
        )
    except BadForm as bad:
        return _form(visit, "amend.html", was, visit.form, bad.faults)
    if isinstance(made, Pending):
        return see_other(f"/requests/{made.number}")
    return see_other(place_of(was.account), done="amended")


async def renew_form(visit: Visit) -> Reply:
    """The form with what is registered, to be confirmed."""
    was = await seen(visit)
    return _form(visit, "renew.html", was, registration_form.filled_with(was))


async def renew(visit: Visit) -> Reply:
    """Renew the registration, and hand the new sheet over.

    Raises:
        ChangedMeanwhile, WrongState, NotPrintable: as they say.
    """
    was = await seen(visit)
    wanted = _asked(visit, was)
    try:
        if not visit.form.get(_CONFIRMED):
            raise BadForm([_UNCONFIRMED])
        changes = _changes(visit, was, wanted, with_subject=True)
        contact, language = changes.contact or was.contact, changes.language or was.language
        await require_printable(visit, changes.subject or was.subject, contact)
        sheet = await visit.office.staff.approvals.renew(
            was.account, changes, actor=visit.actor, version=_version(visit.form)
        )
    except BadForm as bad:
        return _form(visit, "renew.html", was, visit.form, bad.faults)
    if isinstance(sheet, Pending):
        asked = await visit.office.staff.approvals.find(sheet.number, actor=visit.actor)
        return see_other(f"/{'sheets' if asked.action in COLLECTED else 'requests'}/{sheet.number}")
    return await hand_over(visit, sheet, contact, language)


def _changes(visit: Visit, was: Registration, wanted: Asked, *, with_subject: bool) -> Changes:
    filled = registration_form.read(visit.form, wanted, had=was.grants)
    return registration_form.changes_of(filled, was, wanted, with_subject=with_subject)


def _asked(visit: Visit, was: Registration) -> Asked:
    return registration_form.asked(visit.office.kinds.named(was.kind), visit.office.profiles, visit.form, was)


def _version(form: Posted) -> int:
    """The version that was looked at; of a form without one, a version that there never is."""
    text = form.get("version")
    return int(text) if text.isascii() and text.isdigit() and len(text) < len("9" * 19) else 0


def _form(visit: Visit, template: str, was: Registration, values: Posted, faults: Iterable[FieldFault] = ()) -> Reply:
    wanted = _asked(visit, was)
    shown = registration_form.beside_fields(faults, wanted)
    return visit.render(
        template,
        status=422 if shown else 200,
        kind=visit.office.kinds.named(was.kind),
        registration=was,
        asked=wanted,
        values=values,
        faults=shown,
    )


ROUTES = (
    Route("GET", "/registrations/{account}/amend", amend_form, Action.CHANGE_REGISTRATION),
    Route("POST", "/registrations/{account}/amend", amend, Action.CHANGE_REGISTRATION),
    Route("GET", "/registrations/{account}/renew", renew_form, Action.RENEW_REGISTRATION),
    Route("POST", "/registrations/{account}/renew", renew, Action.RENEW_REGISTRATION),
)
