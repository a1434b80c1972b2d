"""A sheet in the answer to the form that had it made: on paper or on the screen, once, and kept nowhere."""

from __future__ import annotations

from ca_core.registration.contact import Contact
from ca_core.registration.sheet import Sheet
from protocols.wire import Reply
from server.desk.visit import Visit
from server.sheets import printing
from server.web.frame import HEADERS

AS = "as"
PRINT = "print"
"""The button that wants a PDF; any other one wants the sheet on the screen."""


async def require_printable(visit: Visit, subject: str, contact: Contact) -> None:
    """To be asked before a sheet is made, which voids the one before.

    Raises:
        NotPrintable: it was asked for on paper, and no installed font has a character of it.
    """
    if visit.form.get(AS) == PRINT:
        await printing.require_printable_aside(subject, contact)


async def hand_over(visit: Visit, sheet: Sheet, contact: Contact, language: str) -> Reply:
    """The sheet, in the subscriber's language."""
    places = visit.office.places
    if visit.form.get(AS) != PRINT:
        return visit.render("sheet.html", sheet=sheet, places=places)
    octets = await printing.pdf([sheet], [contact], places, [language], now=visit.now)
    name = f"sheet-{sheet.account}-{sheet.number}.pdf"
    headers = (
        ("Content-Type", "application/pdf"),
        ("Content-Disposition", f'attachment; filename="{name}"'),
        *HEADERS,
    )
    return Reply(200, headers, octets)
