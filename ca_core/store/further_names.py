"""The names of a certificate beyond its first one, each of which it is found by."""

from __future__ import annotations

from ca_core.store.database import Transaction

KEPT_CHARACTERS = 256
"""By which a name is found: PostgreSQL indexes nothing of more than 2,700 octets."""
_INSERT = (
    "INSERT INTO further_names (realm, name, serial)"
    " SELECT g.realm, :name, :serial FROM registrations g WHERE g.id = :registration_id"
)


async def put(tx: Transaction, registration_id: str, serial: str, names: str) -> None:
    """Write them down, by the end of the transaction.

    Args:
        names: of the certificate, one a line; an index has the first one.
    """
    further = dict.fromkeys(name[:KEPT_CHARACTERS] for name in names.splitlines()[1:])
    if further:
        await tx.later_each(
            _INSERT, [{"name": name, "serial": serial, "registration_id": registration_id} for name in further]
        )
