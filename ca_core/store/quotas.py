"""How many certificates a registration has, as far as the quota of its kind counts them."""

# ruff: noqa: S608  # columns and tables are our own words, and values are bound

from __future__ import annotations

from ca_core.revocation.reason import Reason
from ca_core.store.certificates import names_digest
from ca_core.store.database import Transaction

_COLUMNS = "serial, profile, names_digest, not_after, recalled_at, intended_at"
# By two indexes, for of what has expired there may be a million; intentions are few.
_LIVE = (
    f"SELECT {_COLUMNS} FROM certificates"
    " WHERE registration_id = :registration_id AND issued_at IS NOT NULL AND not_after >= :now"
    f" UNION ALL SELECT {_COLUMNS} FROM certificates"
    " WHERE state = 'intended' AND registration_id = :registration_id AND not_after >= :now"
)
_IS_OPEN = "({0} >= c.not_after - :window OR {0} >= COALESCE(c.recalled_at, c.not_after))"
# A second certificate is a second one unless it was made in the window of the first, and only while it is good.
_RENEWS_IT = (
    "n.state <> 'abandoned' AND n.not_after >= c.not_after AND (n.intended_at, n.serial) > (c.intended_at, c.serial)"
    f" AND {_IS_OPEN.format('n.intended_at')} AND NOT EXISTS"
    " (SELECT 1 FROM revocations q WHERE q.serial = n.serial AND q.reason <> :hold)"
)
COUNT = (
    f"SELECT COUNT(*) FROM ({_LIVE}) c WHERE NOT EXISTS"
    " (SELECT 1 FROM revocations r WHERE r.serial = c.serial AND r.reason <> :hold)"
    " AND NOT ((c.serial = :replaces OR (c.profile = :profile AND c.names_digest = :names_digest))"
    f" AND {_IS_OPEN.format(':now')})"
    f" AND NOT EXISTS (SELECT 1 FROM certificates n WHERE n.replaces = c.serial AND {_RENEWS_IT})"
    " AND NOT EXISTS (SELECT 1 FROM certificates n WHERE n.registration_id = :registration_id"
    f" AND n.profile = c.profile AND n.names_digest = c.names_digest AND {_RENEWS_IT})"
)


async def beside(
    tx: Transaction,
    registration_id: str,
    profile: str,
    names: str,
    *,
    replaces: str | None = None,
    window_seconds: int,
    now: int,
) -> int:
    """How many live certificates there are, or are about to be, beside a further one of a profile and a set of names.

    Not counted is what that one would renew, and what another one has renewed that is still good: of the same profile
    and names, or said to replace it, and made while its renewal window was open.

    Args:
        names: as `names.canonical` writes them.
        replaces: what the further one is said to replace.
        window_seconds: for how long before its end a certificate may be renewed.
    """
    ((count,),) = await tx.all(
        COUNT,
        registration_id=registration_id,
        profile=profile,
        names_digest=names_digest(names),
        replaces=replaces or "",
        window=window_seconds,
        now=now,
        hold=Reason.CERTIFICATE_HOLD.value,
    )
    return int(count)
