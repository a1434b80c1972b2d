"""Sheets that leave the house: as JSON, or as the PDF that is printed; once, and nothing of them is kept."""

from __future__ import annotations

from http import HTTPStatus

from ca_core.registration.account import Registration
from ca_core.registration.contact import Contact
from ca_core.registration.sheet import Sheet
from ca_core.staff.request import Pending
from server.api.finding import etag
from server.api.operation import JSON, PDF, ROOT, Answer, Call
from server.api.shapes import Registered, Waits, registration_shape, sheet_shape
from server.sheets import printing

SHEET_MEDIA = (JSON, PDF)


async def require_printable(call: Call, subject: str, contact: Contact) -> None:
    """Where a PDF is wanted, let only a subscriber pass whose sheet can be printed; asked before the sheet is made.

    Raises:
        NotPrintable: no installed font has a character of it.
    """
    if call.accepts == PDF:
        await printing.require_printable_aside(subject, contact)


async def handed_over(call: Call, sheet: Sheet, registration: Registration, *, status: int = HTTPStatus.OK) -> Answer:
    """A sheet and whose it is; of a PDF, the headers say whose.

    Args:
        registration: as it is now, with its contact.
    """
    office, now = call.office, call.office.clock.now()
    place = ("Location", f"{ROOT}/registrations/{registration.account}")
    headers = (place, ("ETag", etag(registration)))
    if call.accepts == PDF:
        octets = await printing.pdf(
            [sheet], [registration.contact], office.places, [registration.language], now=office.clock.now()
        )
        name = ("Content-Disposition", f'inline; filename="{registration.account}-{sheet.number}.pdf"')
        return Answer(octets, status, (*headers, name), holds_secret=True)
    shown = Registered(registration_shape(registration, now=now), sheet_shape(sheet, office.places))
    return Answer(shown, status, headers, holds_secret=True)


def waits(pending: Pending) -> Answer:
    """What is said of what other officers must agree to."""
    place = ("Location", f"{ROOT}/requests/{pending.number}")
    return Answer(Waits(pending.number, pending.needed), HTTPStatus.ACCEPTED, (place,))
