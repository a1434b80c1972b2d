"""The marks of registrations (`ca_core.registration.mark`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ca_core.store.database import Transaction, Value

_INSERT = "INSERT INTO registration_marks (mark, registration_id) VALUES (:mark, :id)"
_MARKED = "UPDATE registrations SET marked = 1 WHERE id = :id"


async def put(tx: Transaction, registration_id: str, marks: Iterable[str]) -> None:
    """Replace the marks of a registration."""
    await tx.execute("DELETE FROM registration_marks WHERE registration_id = :id", id=registration_id)
    await put_each(tx, {registration_id: marks})


async def put_each(tx: Transaction, marks_of: Mapping[str, Iterable[str]]) -> None:
    """Write down the marks of registrations that have none yet, by their ids."""
    rows: list[dict[str, Value]] = [
        {"mark": mark, "id": id_} for id_, marks in marks_of.items() for mark in sorted(marks)
    ]
    await tx.execute_each(_INSERT, rows)
    marked: list[dict[str, Value]] = [{"id": id_} for id_ in marks_of]
    await tx.execute_each(_MARKED, marked)


async def unmarked(tx: Transaction, *, most: int) -> list[str]:
    """Some of the registrations that were made before there were marks."""
    rows = await tx.all("SELECT id FROM registrations WHERE marked = 0 LIMIT :most", most=most)
    return [str(row[0]) for row in rows]


async def bearing(tx: Transaction, marks: Iterable[str]) -> set[str]:
    """The registrations that bear at least one of some marks and are not closed."""
    found: set[str] = set()
    for mark in marks:
        rows = await tx.all(
            "SELECT m.registration_id FROM registration_marks m JOIN registrations r ON r.id = m.registration_id"
            " WHERE m.mark = :mark AND r.status <> 'closed'",
            mark=mark,
        )
        found |= {str(row[0]) for row in rows}
    return found
