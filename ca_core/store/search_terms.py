"""The words by which registrations are found (`ca_core.registration.search_terms`)."""

from __future__ import annotations

from collections.abc import Iterable

from ca_core.registration.account import Registration
from ca_core.store.database import Transaction, Value

_INSERT = "INSERT INTO search_terms (registration_id, term, realm, owner) VALUES (:id, :term, :realm, :owner)"


async def put(tx: Transaction, registration: Registration, terms: Iterable[str]) -> None:
    """Replace the terms of a registration."""
    await tx.execute("DELETE FROM search_terms WHERE registration_id = :id", id=registration.id)
    await put_each(tx, [(registration, terms)])


async def put_each(tx: Transaction, terms_of: Iterable[tuple[Registration, Iterable[str]]]) -> None:
    """Write down the terms of registrations that have none yet."""
    rows: list[dict[str, Value]] = [
        {"id": registration.id, "term": term, "realm": registration.realm, "owner": registration.owner}
        for registration, terms in terms_of
        for term in sorted(terms)
    ]
    await tx.execute_each(_INSERT, rows)
