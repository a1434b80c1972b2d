"""Writing the journal: in the transaction of the change that it records, or not at all."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from ca_core.audit.event import Event
from ca_core.identity import new_ordered_id
from ca_core.store.database import Transaction, Value

_INSERT = (
    "INSERT INTO journal (id, at, event, actor, registration_id, serial, detail)"
    " VALUES (:id, :at, :event, :actor, :registration_id, :serial, :detail)"
)

_MICROSECOND_BITS = 10


async def record(
    tx: Transaction,
    event: Event,
    *,
    now: int,
    actor: str,
    registration_id: str | None = None,
    serial: str | None = None,
) -> None:
    """Append one event, by the end of the transaction: one INSERT, which waits for no other writer.

    The sequencer chains it within a second.

    Args:
        actor: who did it, such as `acme:acme-account:192.0.2.7` or `cli:operator:root`.
        serial: the certificate concerned, as 40 hex digits.
    """
    row = _row(event, now=now, actor=actor, registration_id=registration_id, serial=serial)
    await tx.later_each(_INSERT, [row])


async def record_each(
    tx: Transaction, events: Sequence[tuple[Event, str | None, str | None]], *, now: int, actor: str
) -> None:
    """Append many events of one actor, each with the registration and the serial concerned, in one hop."""
    await tx.execute_each(
        _INSERT,
        [
            _row(event, now=now, actor=actor, registration_id=registration_id, serial=serial)
            for event, registration_id, serial in events
        ],
    )


def _row(event: Event, *, now: int, actor: str, registration_id: str | None, serial: str | None) -> dict[str, Value]:
    return {
        # What happens in one second stays in its order, also between the processes of a machine; the clock that
        # tells the time may stand still or go back, and this one does not.
        "id": new_ordered_id(now, time.monotonic_ns() >> _MICROSECOND_BITS),
        "at": now,
        "event": str(type(event).__struct_config__.tag),
        "actor": actor,
        "registration_id": registration_id,
        "serial": serial,
        "detail": msgspec.json.encode(event).decode(),
    }
