"""Certificates that are related to one: of the same names, of the same key, in its place."""

from __future__ import annotations

import msgspec

from ca_core.revocation.reason import Reason
from ca_core.store.certificates import names_digest
from ca_core.store.database import Transaction

_SELECT = (
    "SELECT c.serial, c.registration_id, c.profile, c.names, c.spki_sha256, c.not_before, c.not_after, c.issued_at,"
    " r.revoked_at, r.reason FROM certificates c LEFT JOIN revocations r ON r.serial = c.serial"
    " WHERE c.state = 'issued' AND "
)
_NEWEST_FIRST = " ORDER BY c.issued_at DESC, c.serial LIMIT :most"


class Related(msgspec.Struct, frozen=True):
    """An issued certificate, as far as a list of related ones says it.

    Attributes:
        serial: 40 hex digits.
        names: one a line, as `names.canonical` writes them.
        not_before, not_after, issued_at: UTC seconds.
        revoked_at, reason: None while it is neither revoked nor on hold.
    """

    serial: str
    registration_id: str
    profile: str
    names: str
    spki_sha256: bytes
    not_before: int
    not_after: int
    issued_at: int
    revoked_at: int | None
    reason: int | None

    @property
    def is_on_hold(self) -> bool:
        """Whether it is not to be relied on for now, and can come back."""
        return self.reason == Reason.CERTIFICATE_HOLD


async def of_names(tx: Transaction, registration_id: str, profile: str, names: str, *, most: int) -> list[Related]:
    """Those of one registration, profile and set of names, the newest first.

    Args:
        names: as `names.canonical` writes them.
    """
    rows = await tx.all(
        _SELECT + "c.registration_id = :registration_id AND c.profile = :profile AND c.names_digest = :names_digest"
        " AND c.names = :names" + _NEWEST_FIRST,
        registration_id=registration_id,
        profile=profile,
        names_digest=names_digest(names),
        names=names,
        most=most,
    )
    return [Related(*row) for row in rows]


async def of_key(tx: Transaction, spki_sha256: bytes, *, most: int) -> list[Related]:
    """Those of one public key, the newest first."""
    rows = await tx.all(_SELECT + "c.spki_sha256 = :spki_sha256" + _NEWEST_FIRST, spki_sha256=spki_sha256, most=most)
    return [Related(*row) for row in rows]


async def in_place_of(tx: Transaction, serial: str, *, most: int) -> list[Related]:
    """Those that say to replace one certificate, the newest first."""
    rows = await tx.all(_SELECT + "c.replaces = :serial" + _NEWEST_FIRST, serial=serial, most=most)
    return [Related(*row) for row in rows]


class Happening(msgspec.Struct, frozen=True):
    """A row of the journal about one certificate.

    Attributes:
        at: UTC seconds.
        detail: JSON of the event's own members.
    """

    at: int
    event: str
    actor: str
    detail: str


async def happenings(tx: Transaction, serial: str, *, most: int) -> list[Happening]:
    """What the journal holds of one certificate, the first one first."""
    rows = await tx.all(
        "SELECT at, event, actor, detail FROM journal WHERE serial = :serial ORDER BY at, id LIMIT :most",
        serial=serial,
        most=most,
    )
    return [Happening(*row) for row in rows]
