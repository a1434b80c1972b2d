"""EAB keys beside those of sheets: another one, its successor, revoked and restored (RFC 8555, 7.3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from ca_core.errors import BadName, BadRequest, FieldFault, NameNotGranted, NotFound
from ca_core.registration import limits as limits_module
from ca_core.registration import spelling
from ca_core.registration.account import Registration
from ca_core.registration.credential import Credential
from ca_core.registration.eab_desk import MOST_NOTE, EabForm
from ca_core.registration.sheet import EabKey
from ca_core.registration.vetting import MOST_USES
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk.registration_form import UNLIMITED
from server.desk.route import Route
from server.desk.subscribers import place_of, seen
from server.desk.visit import Handler, Visit, see_other
from server.desk.words import phrase
from server.web.forms import Posted

_DAY_SECONDS = 86_400
_HOUR_SECONDS = 3600
_MOST_DAYS = 3650
_MOST_HOURS = 366 * 24
_MOST_DIGITS = 12
_NEWLY = Posted({UNLIMITED: ("yes",), "days": ("365",)})
_SUCCESSOR = Posted({"overlap": ("24",)})


class Question(msgspec.Struct, frozen=True):
    """What is asked before something is done with a key; `%(account)s` is its key identifier."""

    title: str
    effect: str
    button: str


_REVOKE = Question(
    phrase("Revoke the EAB key %(account)s"),
    phrase("Neither the key nor any ACME account that it bound can do anything from now on. This can be taken back."),
    phrase("Revoke"),
)
_RESTORE = Question(
    phrase("Restore the EAB key %(account)s"),
    phrase("The ACME accounts that it bound go on, and the key too unless it is void, used up or expired."),
    phrase("Restore"),
)


async def ask(visit: Visit) -> Reply:
    """The form for a further key."""
    return _form(visit, await seen(visit), _NEWLY)


async def add(visit: Visit) -> Reply:
    """Make it, and show it once.

    Raises:
        WrongState: as it says.
    """
    registration, form, faults = await seen(visit), visit.form, list[FieldFault]()
    uses = None if UNLIMITED in form else _number(form, "uses", range(1, MOST_USES + 1), faults)
    days = _number(form, "days", range(1, _MOST_DAYS + 1), faults)
    profiles = form.every("profiles")
    faults += [
        FieldFault("profiles", f"there is no profile {name[:64]!r} to grant")
        for name in profiles
        if name not in registration.profiles
    ]
    names, called = form.lines("names"), form.get("called").strip()
    faults += [*_wrong_names(names, registration), *_wrong_call(called)]
    if faults:
        return _form(visit, registration, form, faults)
    limits = EabForm(uses, visit.now + (days or 1) * _DAY_SECONDS, form.lines("networks"), profiles, names, called)
    try:
        made, key = await visit.office.eab_desk.add(registration.account, limits, actor=visit.actor.journal_name)
    except BadRequest as refusal:
        return _form(visit, registration, form, [FieldFault("networks", str(refusal))])
    return _shown(visit, registration, made, key)


async def ask_rotate(visit: Visit) -> Reply:
    """The form for a successor."""
    registration, key = await _key(visit)
    return _rotation(visit, registration, key, _SUCCESSOR)


async def rotate(visit: Visit) -> Reply:
    """Make a successor, and show it once.

    Raises:
        WrongState: as it says.
    """
    registration, key = await _key(visit)
    faults: list[FieldFault] = []
    hours = _number(visit.form, "overlap", range(_MOST_HOURS + 1), faults)
    if hours is None:
        return _rotation(visit, registration, key, visit.form, faults)
    _, made, secret = await visit.office.eab_desk.rotate(
        visit.path["kid"], overlap_seconds=hours * _HOUR_SECONDS, actor=visit.actor.journal_name
    )
    return _shown(visit, registration, made, secret)


def _asking(question: Question) -> Handler:
    async def ask_first(visit: Visit) -> Reply:
        registration, _ = await _key(visit)
        return visit.render("confirm.html", step=question, name=visit.path["kid"], back=place_of(registration.account))

    return ask_first


async def revoke(visit: Visit) -> Reply:
    """Stop a key, and what it bound.

    Raises:
        WrongState: as it says.
    """
    registration, _ = await _key(visit)
    await visit.office.eab_desk.revoke(visit.path["kid"], actor=visit.actor.journal_name)
    return see_other(place_of(registration.account), done="key-revoked")


async def restore(visit: Visit) -> Reply:
    """Let it, and what it bound, go on.

    Raises:
        WrongState: as it says.
    """
    registration, _ = await _key(visit)
    await visit.office.eab_desk.restore(visit.path["kid"], actor=visit.actor.journal_name)
    return see_other(place_of(registration.account), done="key-restored")


async def _key(visit: Visit) -> tuple[Registration, Credential]:
    """The registration, and a key of it.

    Raises:
        NotFound: it is another one's.
    """
    registration = await seen(visit)
    key = await visit.office.eab_desk.find(visit.path["kid"])
    if key.registration_id != registration.id:
        raise NotFound(f"there is no EAB key {visit.path['kid'][:64]} of this registration")
    return registration, key


def _number(form: Posted, field: str, within: range, faults: list[FieldFault]) -> int | None:
    text = form.get(field)
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) in within:
        return int(text)
    faults.append(FieldFault(field, f"must be a number from {within[0]} to {within[-1]}"))
    return None


def _wrong_names(names: Iterable[str], registration: Registration) -> Iterator[FieldFault]:
    try:
        limits_module.checked(names, registration)
    except (BadName, NameNotGranted, BadRequest) as refusal:
        yield FieldFault("names", str(refusal))


def _wrong_call(called: str) -> Iterator[FieldFault]:
    if len(called) > MOST_NOTE:
        yield FieldFault("called", f"has more than {MOST_NOTE} characters")
    elif (why := spelling.fault_of(called)) is not None:
        yield FieldFault("called", why)


def _beside(faults: Iterable[FieldFault]) -> Mapping[str, tuple[str, ...]]:
    return {fault.field: (fault.why,) for fault in faults}


def _form(visit: Visit, registration: Registration, values: Posted, faults: Iterable[FieldFault] = ()) -> Reply:
    shown = _beside(faults)
    status = 422 if shown else 200
    return visit.render("eab_add.html", status=status, registration=registration, values=values, faults=shown)


def _rotation(
    visit: Visit, registration: Registration, key: Credential, values: Posted, faults: Iterable[FieldFault] = ()
) -> Reply:
    shown = _beside(faults)
    status = 422 if shown else 200
    return visit.render(
        "eab_rotate.html", status=status, registration=registration, key=key, values=values, faults=shown
    )


def _shown(visit: Visit, registration: Registration, made: Credential, key: EabKey) -> Reply:
    directory = visit.office.places.acme_directory
    return visit.render("eab_key.html", registration=registration, made=made, key=key, directory=directory)


_ADD, _REVOKING = Action.ADD_CREDENTIAL, Action.REVOKE_CREDENTIAL
ROUTES = (
    Route("GET", "/registrations/{account}/eab", ask, _ADD),
    Route("POST", "/registrations/{account}/eab", add, _ADD),
    Route("GET", "/registrations/{account}/eab/{kid}/rotate", ask_rotate, _ADD),
    Route("POST", "/registrations/{account}/eab/{kid}/rotate", rotate, _ADD),
    Route("GET", "/registrations/{account}/eab/{kid}/revoke", _asking(_REVOKE), _REVOKING),
    Route("POST", "/registrations/{account}/eab/{kid}/revoke", revoke, _REVOKING),
    Route("GET", "/registrations/{account}/eab/{kid}/restore", _asking(_RESTORE), _REVOKING),
    Route("POST", "/registrations/{account}/eab/{kid}/restore", restore, _REVOKING),
)
