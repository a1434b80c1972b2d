"""The page of one registration: what is registered, its credentials and certificates, its history, what can be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from ca_core.registration.account import Registration, Status
from ca_core.registration.credential import Credential
from ca_core.staff.lines import CertificateFilter, CertificateLine, Page
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk import credentials
from server.desk.route import Route
from server.desk.subscribers import place_of, seen
from server.desk.visit import Visit
from server.desk.words import phrase

_MOST_EVENTS = 25
_MOST_CERTIFICATES = 25
_MOST_KEYS = 25
_MOST_DIGITS = 6
DONE: Mapping[str, str] = {
    "amended": phrase("The registration was changed."),
    "suspend": phrase("The registration is suspended: every door is shut to it."),
    "resume": phrase("The registration goes on."),
    "close": phrase("The registration is closed for good."),
    "activate": phrase("The sheet is activated."),
    "key-revoked": phrase("The EAB key is revoked."),
    "key-restored": phrase("The EAB key is restored."),
}
"""What a page says of what was just done; the address carries the key, and never a text."""


class Way(msgspec.Struct, frozen=True):
    """A link to what can be done now."""

    place: str
    label: str


async def show(visit: Visit) -> Reply:
    """All of it."""
    registration = await seen(visit)
    held = await _held(visit, registration.account) if visit.may(Action.READ_CERTIFICATES) else Page()
    keys = await credentials.of(visit, registration) if visit.may(Action.READ_CREDENTIALS) else []
    events = await visit.office.staff.looking.history(visit.actor, registration.account, most=_MOST_EVENTS)
    now, kind = visit.now, visit.office.kinds.named(registration.kind)
    shown, older_keys = _shown(visit, keys)
    return visit.render(
        "registration.html",
        has_keys=_has_keys(visit, registration),
        registration=registration,
        kind=kind,
        state=registration.status_at(now).value,
        done=DONE.get(visit.query.get("done"), ""),
        ways=list(_ways(visit, registration, keys)),
        credentials=[(one, credentials.status_of(one, now)) for one in shown],
        older_keys=older_keys,
        certificates=held,
        events=events,
        more=events.more or "",
    )


async def history(visit: Visit) -> Reply:
    """What the journal has about it, page by page.

    Raises:
        BadRequest: there is no such page.
    """
    account = (await seen(visit)).account
    after = visit.query.get("after") or None
    events = await visit.office.staff.looking.history(visit.actor, account, after=after, most=_MOST_EVENTS)
    return visit.render("registration_history.html", account=account, lines=events, more=events.more or "")


def _shown(visit: Visit, found: list[Credential]) -> tuple[list[Credential], int | None]:
    """Some of the EAB keys, the newest first, and how many come before the rest: a program may make thousands."""
    text = visit.query.get("keys")
    start = int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else 0
    keys = [one for one in reversed(found) if one.kid is not None]
    end = start + _MOST_KEYS
    return [one for one in found if one.kid is None] + keys[start:end], end if len(keys) > end else None


async def _held(visit: Visit, account: str) -> Page[CertificateLine]:
    """Not all: a partner may hold a hundred thousand."""
    wanted = CertificateFilter(account=account)
    return await visit.office.staff.looking.certificates(visit.actor, wanted, most=_MOST_CERTIFICATES)


def _has_keys(visit: Visit, registration: Registration) -> bool:
    """Whether keys are made beside its sheets: not where others must agree to those."""
    kind = visit.office.kinds.named(registration.kind)
    return kind.has_eab_key and not kind.approvals.reprint


def _ways(visit: Visit, registration: Registration, keys: list[Credential]) -> Iterator[Way]:
    """What can be done with it, by whom it is asked."""
    place, status = place_of(registration.account), registration.status
    is_dormant = any(one.dormant and one.voided_at is None for one in keys)
    is_open = status is not Status.CLOSED
    has_keys = _has_keys(visit, registration)
    for action, path, label, is_possible in (
        (Action.CHANGE_REGISTRATION, "amend", phrase("Change the data"), is_open),
        (Action.PRINT_SHEET, "sheet", phrase("New password sheet"), is_open),
        (Action.CHANGE_REGISTRATION, "activate", phrase("Activate the sheet"), is_open and is_dormant),
        (Action.ADD_CREDENTIAL, "eab", phrase("Add an EAB key"), is_open and has_keys),
        (Action.RENEW_REGISTRATION, "renew", phrase("Renew the registration"), is_open),
        (Action.SUSPEND, "suspend", phrase("Suspend"), status is Status.ACTIVE),
        (Action.RESUME, "resume", phrase("Resume"), status is Status.SUSPENDED),
        (Action.CLOSE, "close", phrase("Close"), is_open),
    ):
        if is_possible and visit.may(action):
            yield Way(f"{place}/{path}", label)


ROUTES = (
    Route("GET", "/registrations/{account}", show, Action.READ_REGISTRATIONS),
    Route("GET", "/registrations/{account}/history", history, Action.READ_REGISTRATIONS),
)
