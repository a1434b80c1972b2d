"""Whose device is it? Registrations found by their marks."""

from __future__ import annotations

import msgspec

from ca_core.registration import mark, search_terms
from ca_core.registration.account import Registration
from ca_core.store import holds, registration_marks, registrations
from ca_core.store import search_terms as stored_terms
from ca_core.store.database import Database, Transaction

_MARKED_AT_ONCE = 500


async def recognized(database: Database, marks: frozenset[str], profile: str | None) -> Registration | None:
    """The one registration that bears some of the marks and holds a profile.

    Args:
        profile: None means any.

    Returns:
        None where there is none, and where there are several: then nobody can say whose device it is.
    """
    if not marks or len(marks) > mark.MOST_MARKS:
        return None
    await complete(database)
    async with database.read() as tx:
        found = [await registrations.by_id(tx, id_) for id_ in sorted(await registration_marks.bearing(tx, marks))]
    holding = [one for one in found if profile is None or profile in one.profiles]
    return holding[0] if len(holding) == 1 else None


async def complete(database: Database) -> None:
    """Write down by what those registrations are found that are older than marks and search terms."""
    async with database.read() as tx:
        is_whole = not await registration_marks.unmarked(tx, most=1)
    if not is_whole:
        await _mark_all(database)


async def remember(tx: Transaction, registration: Registration) -> None:
    """Write down by what a registration is found, when it is made and when it changes."""
    if registration.contact_read is None:
        contact = await registrations.contact_of(tx, registration.id)
        registration = msgspec.structs.replace(registration, contact_read=contact)
    await registration_marks.put(tx, registration.id, mark.of_registration(registration))
    await stored_terms.put(tx, registration, search_terms.terms_of(registration))


async def _mark_all(database: Database) -> None:
    while True:
        async with database.write() as tx:
            found = await registration_marks.unmarked(tx, most=_MARKED_AT_ONCE)
            await tx.hold(*map(holds.registration, found))
            for id_ in found:
                await remember(tx, await registrations.by_id(tx, id_))
        if not found:
            return
