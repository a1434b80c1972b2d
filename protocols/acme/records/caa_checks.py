"""When the DNS was last asked whether it permits a certificate (RFC 8659)."""

from __future__ import annotations

from collections.abc import Iterable

from ca_core.store.database import Transaction


async def note(tx: Transaction, authorization_id: str, names: Iterable[str], *, now: int) -> None:
    """Remember that these names, which an authorization covers, may be certified as of now."""
    await tx.execute_each(
        "INSERT INTO acme_caa_checks (authorization_id, name, checked_at) VALUES (:authorization_id, :name, :now)"
        " ON CONFLICT (authorization_id, name) DO UPDATE SET checked_at = excluded.checked_at",
        [{"authorization_id": authorization_id, "name": name, "now": now} for name in names],
    )


async def since(tx: Transaction, authorization_id: str, *, moment: int) -> frozenset[str]:
    """The names of an authorization that were found permitted since a moment."""
    rows = await tx.all(
        "SELECT name FROM acme_caa_checks WHERE authorization_id = :id AND checked_at >= :moment",
        id=authorization_id,
        moment=moment,
    )
    return frozenset(name for (name,) in rows)
