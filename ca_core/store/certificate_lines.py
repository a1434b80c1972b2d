"""What lists show of certificates whose serials are known."""

from __future__ import annotations

from collections.abc import Sequence

from ca_core.store.database import Row, Transaction

_LEAST_AT_ONCE = 8
_WHOLE = (
    "SELECT c.serial, g.account, g.kind, g.realm, g.owner, g.subject, g.subject_der, c.profile, c.names, c.issuer,"
    " c.not_before, c.not_after, c.issued_at, r.revoked_at, r.reason, c.replaces, c.recalled_at, c.spki_sha256, c.der"
    " FROM certificates c LEFT JOIN registrations g ON g.id = c.registration_id"
    " LEFT JOIN revocations r ON r.serial = c.serial WHERE c.issued_at IS NOT NULL AND c.serial IN ({})"
)


async def of(tx: Transaction, serials: Sequence[str]) -> dict[str, Row]:
    """The rows of issued certificates by their serials; what was not issued is not among them."""
    if not serials:
        return {}
    # As few different statements as can be, for each is planned anew: of 8, 16, 32 serials and so on.
    count = max(_LEAST_AT_ONCE, 1 << (len(serials) - 1).bit_length())
    padded = [*serials, *[serials[-1]] * (count - len(serials))]
    rows = await tx.all(statement(count), **{f"s{number}": serial for number, serial in enumerate(padded)})
    return {row[0]: row for row in rows}


def statement(count: int) -> str:
    """What reads so many at once, by `s0`, `s1` and on."""
    return _WHOLE.format(", ".join(f":s{number}" for number in range(count)))
