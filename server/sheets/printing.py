"""Sheets on paper, for processes most of which print none: the typesetter is loaded with the first one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ca_core.registration.contact import Contact
from ca_core.registration.sheet import Places, Sheet


def require_printable(subject: str, contact: Contact) -> None:
    """As `document.require_printable`."""
    # Typesetter, fonts and the maker of QR codes take 20 ms, which a command that prints nothing need not spend.
    from server.sheets import document  # noqa: PLC0415

    document.require_printable(subject, contact)


async def require_printable_aside(subject: str, contact: Contact) -> None:
    """The same in a thread: to load the typesetter, and a font that nobody has looked into yet, takes 0.1 s.

    Raises:
        NotPrintable: as it says.
    """
    await asyncio.to_thread(require_printable, subject, contact)


async def pdf(
    sheets: Sequence[Sheet], contacts: Sequence[Contact], places: Places, languages: Sequence[str], *, now: int
) -> bytes:
    """As `document.pdf`."""
    from server.sheets import document  # noqa: PLC0415  # as above

    return await document.pdf(sheets, contacts, places, languages, now=now)
