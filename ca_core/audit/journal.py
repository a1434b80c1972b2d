"""Writing the journal: in the transaction of the change that it records, or not at all."""

from __future__ import annotations

import msgspec

from ca_core.audit.event import Event
from ca_core.identity import new_id
from ca_core.store.database import Transaction


async def record(
    tx: Transaction,
    event: Event,
    *,
    now: int,
    actor: str,
    registration_id: str | None = None,
    serial: str | None = None,
) -> None:
    """Append one event.

    Args:
        actor: who did it, such as `acme:acme-account:192.0.2.7` or `cli:operator:root`.
        serial: the certificate concerned, as 40 hex digits.
    """
    await tx.execute(
        "INSERT INTO journal (id, at, event, actor, registration_id, serial, detail)"
        " VALUES (:id, :at, :event, :actor, :registration_id, :serial, :detail)",
        id=new_id(now),
        at=now,
        event=str(type(event).__struct_config__.tag),
        actor=actor,
        registration_id=registration_id,
        serial=serial,
        detail=msgspec.json.encode(event).decode(),
    )
