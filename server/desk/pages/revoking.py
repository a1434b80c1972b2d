"""Revoking a certificate, putting it on hold and releasing it, in plain words and with what follows."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from ca_core.errors import BadReason
from ca_core.registration.kind import Approvals
from ca_core.revocation import reason as reason_module
from ca_core.revocation.reason import FINAL_REASONS, Reason
from ca_core.revocation.rules import MAY_GIVE, Asker
from ca_core.staff.request import Pending, Revoking
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk.notes import note_in
from server.desk.pages.certificates import serial_in
from server.desk.route import Route
from server.desk.visit import NavItem, Visit, see_other
from server.desk.words import phrase

_ALLOWED = MAY_GIVE[Asker.OFFICER] & FINAL_REASONS
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
_NO_REASON = phrase("Choose a reason.")
_NO_MOMENT = phrase("The time has to be written like 2027-01-24T08:30, in UTC.")


class Choice(msgspec.Struct, frozen=True):
    """A reason as an officer chooses it.

    Attributes:
        name: the standard's.
        meaning, consequence: English source texts.
    """

    name: str
    meaning: str
    consequence: str


_NOBODY_SUFFERS = phrase("Signatures from before stay good.")
CHOICES = (
    Choice(
        Reason.KEY_COMPROMISE.text,
        phrase("The private key is lost, stolen, copied or shown to somebody, or may be."),
        phrase("Every other certificate with this key is revoked with it, and the key is certified never again."),
    ),
    Choice(
        Reason.SUPERSEDED.text,
        phrase("Another certificate has taken its place, or it was not issued as it should have been."),
        _NOBODY_SUFFERS,
    ),
    Choice(
        Reason.AFFILIATION_CHANGED.text,
        phrase("The subscriber's name or organization has changed."),
        phrase("Amend the registration, too: the next certificate has what is registered then."),
    ),
    Choice(
        Reason.CESSATION_OF_OPERATION.text,
        phrase("The subscriber does not use it, or its names, any more."),
        _NOBODY_SUFFERS,
    ),
    Choice(
        Reason.PRIVILEGE_WITHDRAWN.text,
        phrase("The subscriber misused it, broke the agreement, or was never entitled to it."),
        phrase("Suspend the registration, too: else the subscriber gets another certificate."),
    ),
    Choice(Reason.UNSPECIFIED.text, phrase("None of these, or nobody says why."), _NOBODY_SUFFERS),
)
"""Every reason that an officer may give, those first that are given most."""


async def show_form(visit: Visit) -> Reply:
    """What revoking means, and the form for it."""
    return await _page(visit)


async def revoke(visit: Visit) -> Reply:
    """Revoke, or ask other officers to agree to it."""
    serial, note = serial_in(visit), note_in(visit)
    # Whose it is comes first, whatever is wrong with the form.
    await visit.office.staff.dossiers.certificate(serial, actor=visit.actor)
    try:
        reason = reason_module.parse(visit.form.get("reason"), allowed=_ALLOWED)
        since = _since(visit.form.get("since"))
    except BadReason:
        return await _page(visit, fault=_NO_REASON, status=422)
    except ValueError:
        return await _page(visit, fault=_NO_MOMENT, status=422)
    revoking = Revoking(serial, reason, since)
    try:
        outcome = await visit.office.staff.approvals.revoke(revoking, actor=visit.actor, note=note)
    except BadReason as refusal:
        return await _page(visit, detail=str(refusal), status=422)
    if isinstance(outcome, Pending):
        return see_other(f"/requests/{outcome.number}", said="asked")
    return see_other(f"/certificates/{serial}", said="revoked" if len(outcome.serials) == 1 else "revoked-all")


async def hold(visit: Visit) -> Reply:
    """Put a certificate on hold."""
    serial = serial_in(visit)
    await visit.office.staff.holding.hold(serial, actor=visit.actor, note=note_in(visit))
    return see_other(f"/certificates/{serial}", said="held")


async def release(visit: Visit) -> Reply:
    """Let a certificate come back."""
    serial = serial_in(visit)
    await visit.office.staff.holding.release(serial, actor=visit.actor, note=note_in(visit))
    return see_other(f"/certificates/{serial}", said="released")


async def _page(visit: Visit, *, fault: str = "", detail: str = "", status: int = 200) -> Reply:
    dossier = await visit.office.staff.dossiers.certificate(serial_in(visit), actor=visit.actor)
    kind = visit.office.kinds.get(dossier.registration.kind)
    return visit.render(
        "revoke.html",
        status=status,
        certificate=dossier.certificate,
        registration=dossier.registration,
        same_key=dossier.same_key,
        choices=CHOICES,
        needed=(kind.approvals if kind else Approvals()).revoke,
        fault=fault,
        detail=detail,
        chosen=visit.form.get("reason"),
        since=visit.form.get("since"),
        note=visit.form.get("note"),
    )


def _since(text: str) -> int | None:
    """The time since which it is not to be trusted, UTC seconds; None where nothing was filled in.

    Raises:
        ValueError: it is no time.
    """
    if not text:
        return None
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC).timestamp())


NAV: tuple[NavItem, ...] = ()
ROUTES = (
    Route("GET", "/certificates/{serial}/revoke", show_form, Action.REVOKE),
    Route("POST", "/certificates/{serial}/revoke", revoke, Action.REVOKE),
    Route("POST", "/certificates/{serial}/hold", hold, Action.HOLD),
    Route("POST", "/certificates/{serial}/release", release, Action.RELEASE),
)
