"""Keys that accounts had before: records of dns-persist-01 that name one go on being good (draft, section 4.2)."""

from __future__ import annotations

from ca_core.store.database import Transaction


async def remember(tx: Transaction, account_id: str, thumbprint: str, *, now: int) -> None:
    """Keep the thumbprint of a key that an account gives up; an account may have had it twice."""
    await tx.execute(
        "INSERT INTO acme_past_keys (account_id, thumbprint, given_up_at) VALUES (:account_id, :thumbprint, :now)"
        " ON CONFLICT (account_id, thumbprint) DO UPDATE SET given_up_at = excluded.given_up_at",
        account_id=account_id,
        thumbprint=thumbprint,
        now=now,
    )


async def of_account(tx: Transaction, account_id: str) -> tuple[str, ...]:
    """The thumbprints of an account's earlier keys, the newest first."""
    rows = await tx.all(
        "SELECT thumbprint FROM acme_past_keys WHERE account_id = :account_id ORDER BY given_up_at DESC",
        account_id=account_id,
    )
    return tuple(thumbprint for (thumbprint,) in rows)
