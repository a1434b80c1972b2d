"""A registration's own certificates, whatever became of them."""

from __future__ import annotations

from collections.abc import Sequence

from ca_core.errors import NotFound
from ca_core.store import certificates
from ca_core.store.certificates import Certificate
from ca_core.store.database import Transaction

_OF_PROFILES = (
    "SELECT c.serial, c.issuer, c.registration_id, c.profile, c.names, c.spki_sha256, c.not_before, c.not_after,"
    " c.replaces, c.issued_at, c.der, r.revoked_at, r.reason, c.shard, c.recalled_at, c.credential_id"
    " FROM certificates c LEFT JOIN revocations r ON r.serial = c.serial"
    " WHERE c.registration_id = :registration_id AND c.issued_at IS NOT NULL AND c.profile IN ({})"
)
_LIVE = " AND c.not_after >= :now ORDER BY c.not_after, c.serial LIMIT :most"
_ENDED = " AND c.not_after < :now AND c.not_after >= :since ORDER BY c.not_after DESC, c.serial DESC LIMIT :most"


async def one(tx: Transaction, registration_id: str, serial: str) -> Certificate:
    """The certificate of a serial, 40 hex digits.

    Raises:
        NotFound: there is none, or it is another registration's.
    """
    found = await certificates.by_serial(tx, serial)
    if found is None or found.registration_id != registration_id:
        raise NotFound("there is no such certificate")
    return found


async def of_profiles(
    tx: Transaction, registration_id: str, profiles: Sequence[str], *, since: int, now: int, most: int
) -> list[Certificate]:
    """Those of some profiles: the live ones, the first to end first, and those that have ended since a time.

    Args:
        since, now: UTC seconds.
        most: so many live ones, and so many others, the last to end first.
    """
    if not profiles:
        return []
    values = {f"p{number}": profile for number, profile in enumerate(profiles)}
    select = _OF_PROFILES.format(", ".join(f":{name}" for name in values))
    live = await tx.all(select + _LIVE, registration_id=registration_id, now=now, most=most, **values)
    ended = await tx.all(select + _ENDED, registration_id=registration_id, since=since, now=now, most=most, **values)
    return [Certificate(*row) for row in (*live, *ended)]
