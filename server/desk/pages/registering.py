"""Registering somebody: the kind, the form, a look at all of it, and the sheet."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from ca_core.errors import AccountTaken, BadForm, FieldFault, NotFound
from ca_core.registration.form import Form
from ca_core.registration.kind import Kind
from ca_core.staff.request import Pending
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk import registration_form
from server.desk.handing_over import hand_over, require_printable
from server.desk.notes import note_in
from server.desk.route import Route
from server.desk.visit import NavItem, Visit, see_other
from server.desk.words import phrase
from server.web.forms import Posted

NAV = (NavItem("/register", phrase("Register"), Action.REGISTER),)
_STEP = "step"
_BACK, _REGISTER = "back", "register"
_ACCOUNT_OCTETS = 5


async def choose(visit: Visit) -> Reply:
    """Which kind of subscriber it is."""
    return visit.render("register_kind.html", kinds=list(visit.office.kinds.values()))


async def fill_in(visit: Visit) -> Reply:
    """The form of a kind."""
    kind = visit.office.kinds.offered(visit.path["kind"])
    return _form(visit, kind, registration_form.filled_newly(kind))


async def submit(visit: Visit) -> Reply:
    """Look at what was filled in, and show it to be confirmed; once it was, register it.

    Raises:
        NotPrintable: as it says.
    """
    kind = visit.office.kinds.offered(visit.path["kind"])
    if visit.form.get(_STEP) == _BACK:
        return _form(visit, kind, visit.form)
    filled = registration_form.read(visit.form, registration_form.asked(kind, visit.office.profiles, visit.form))
    try:
        form = registration_form.form_of(filled, kind, visit.actor.realm)
        if visit.form.get(_STEP) != _REGISTER:
            return await _check(visit, kind, form)
        return await _register(visit, kind, form)
    except BadForm as bad:
        return _form(visit, kind, visit.form, bad.faults)
    except AccountTaken as taken:
        return _form(visit, kind, visit.form, (FieldFault("account", str(taken)),))


async def _check(visit: Visit, kind: Kind, form: Form) -> Reply:
    # Drawn now: whoever sends the next form twice registers nobody twice.
    account = form.account or f"{kind.name[:3]}-{secrets.token_hex(_ACCOUNT_OCTETS)}"
    await _require_free(visit, account)
    kept = [(name, value) for name, value in visit.form.items() if name not in {_STEP, "account"}]
    return visit.render("register_check.html", kind=kind, form=form, account=account, kept=kept)


async def _register(visit: Visit, kind: Kind, form: Form) -> Reply:
    if not kind.approvals.register:
        await require_printable(visit, form.subject, form.contact)
    made = await visit.office.staff.approvals.register(form, actor=visit.actor, note=note_in(visit))
    if isinstance(made, Pending):
        return see_other(f"/sheets/{made.number}")
    return await hand_over(visit, made[1], form.contact, form.language)


async def _require_free(visit: Visit, account: str) -> None:
    try:
        await visit.office.desk.show(account)
    except NotFound:
        return
    raise AccountTaken(f"the account {account} exists already; choose another")


def _form(visit: Visit, kind: Kind, values: Posted, faults: Iterable[FieldFault] = ()) -> Reply:
    wanted = registration_form.asked(kind, visit.office.profiles, values)
    shown = registration_form.beside_fields(faults, wanted)
    status = 422 if shown else 200
    return visit.render("register_form.html", status=status, kind=kind, asked=wanted, values=values, faults=shown)


ROUTES = (
    Route("GET", "/register", choose, Action.REGISTER),
    Route("GET", "/register/{kind}", fill_in, Action.REGISTER),
    Route("POST", "/register/{kind}", submit, Action.REGISTER),
)
