"""Credentials: the secrets of sheets, hashed or sealed."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ca_core.errors import WrongSecret
from ca_core.registration.credential import Credential, CredentialKind
from ca_core.store.database import Row, Transaction, Value

_SELECT = (
    "SELECT id, registration_id, sheet, kind, kid, secret, uses_left, expires_at, voided_at, networks, profiles, line,"
    " successor, revoked_at, proof_key, dormant, names, note FROM credentials WHERE "
)
_INSERT = (
    "INSERT INTO credentials"
    " (id, registration_id, sheet, kind, kid, secret, uses_left, expires_at, voided_at, created_at, networks,"
    " profiles, line, successor, revoked_at, proof_key, dormant, made_by, names, note)"
    " VALUES (:id, :registration_id, :sheet, :kind, :kid, :secret, :uses_left, :expires_at, NULL, :now, :networks,"
    " :profiles, :line, NULL, NULL, :proof_key, :dormant, :made_by, :names, :note)"
)
_LIST = msgspec.json.Decoder(tuple[str, ...])


def _from_row(row: Row) -> Credential:
    id_, registration_id, sheet, kind, kid, secret, uses_left, expires_at, voided_at, *limits = row
    networks, profiles, line, successor, revoked_at, proof_key, dormant, names, note = limits
    return Credential(
        id=id_,
        registration_id=registration_id,
        sheet=sheet,
        kind=CredentialKind(kind),
        kid=kid,
        secret=secret,
        uses_left=uses_left,
        expires_at=expires_at,
        voided_at=voided_at,
        networks=_LIST.decode(networks),
        profiles=_LIST.decode(profiles),
        line=line,
        successor=successor,
        revoked_at=revoked_at,
        proof_key=proof_key,
        dormant=dormant == 1,
        names=_LIST.decode(names),
        note=note,
    )


async def insert(tx: Transaction, credential: Credential, *, now: int, made_by: str = "") -> None:
    """Store a new credential.

    Args:
        made_by: who has seen its secret beside its holder, as the journal writes it.
    """
    await tx.execute(_INSERT, **_values(credential, now=now, made_by=made_by))


async def insert_each(tx: Transaction, made: Iterable[Credential], *, now: int, made_by: str) -> None:
    """Store new credentials, in one hop."""
    await tx.execute_each(_INSERT, [_values(credential, now=now, made_by=made_by) for credential in made])


async def makers(tx: Transaction, registration_id: str, credential_id: str | None, *, at: int) -> list[str]:
    """Who has made a credential; where none is named, whoever made those of the newest sheet that there was then.

    Args:
        at: UTC seconds.
    """
    rows = await tx.all(
        "SELECT DISTINCT made_by FROM credentials WHERE registration_id = :registration_id AND created_at <= :at"
        " AND made_by <> '' AND (id = :id OR (:is_named = 0 AND sheet = (SELECT MAX(c.sheet) FROM credentials c"
        " WHERE c.registration_id = :registration_id AND c.created_at <= :at))) ORDER BY made_by",
        registration_id=registration_id,
        id=credential_id or "",
        is_named=int(credential_id is not None),
        at=at,
    )
    return [str(made_by) for (made_by,) in rows]


async def void_all(tx: Transaction, registration_id: str, *, now: int) -> None:
    """Void every credential of a registration at once."""
    await tx.execute(
        "UPDATE credentials SET voided_at = :now WHERE registration_id = :id AND voided_at IS NULL",
        id=registration_id,
        now=now,
    )


async def wake(tx: Transaction, registration_id: str) -> bool:
    """Let what is dormant of the newest sheet work; False when nothing is."""
    changed = await tx.execute(
        "UPDATE credentials SET dormant = 0 WHERE registration_id = :id AND dormant = 1 AND voided_at IS NULL",
        id=registration_id,
    )
    return changed > 0


async def sleep(tx: Transaction, registration_id: str) -> bool:
    """Whether anything of the newest sheet is dormant."""
    row = await tx.one(
        "SELECT 1 FROM credentials WHERE registration_id = :id AND dormant = 1 AND voided_at IS NULL LIMIT 1",
        id=registration_id,
    )
    return row is not None


async def current(tx: Transaction, registration_id: str, kind: CredentialKind) -> Credential | None:
    """The credential of one kind that the newest sheet has brought, unless it is void."""
    row = await tx.one(
        _SELECT + "registration_id = :registration_id AND kind = :kind AND voided_at IS NULL ORDER BY id LIMIT 1",
        registration_id=registration_id,
        kind=kind.value,
    )
    return _from_row(row) if row else None


async def codes(tx: Transaction, registration_id: str) -> list[tuple[str, bytes, bytes | None]]:
    """Of every enrollment code that is not void, the revoked ones among them: identity, hash, sealed keys of a proof.

    Neither sorted nor read any further: the time would tell whether there are any.
    """
    rows = await tx.all(
        "SELECT id, secret, proof_key FROM credentials"
        " WHERE registration_id = :registration_id AND kind = 'enrollment-code' AND voided_at IS NULL",
        registration_id=registration_id,
    )
    return [(id_, secret, proof_key) for id_, secret, proof_key in rows]


async def count_machines(tx: Transaction, registration_id: str, *, now: int) -> tuple[int, int]:
    """How many machine credentials of a registration there are.

    Returns:
        Those that can be used, at once or when their sheet is activated; and all that the newest sheet has brought.
    """
    ((live, every),) = await tx.all(
        "SELECT COUNT(CASE WHEN revoked_at IS NULL AND expires_at >= :now AND (uses_left IS NULL OR uses_left > 0)"
        " THEN 1 END), COUNT(*) FROM credentials WHERE registration_id = :registration_id AND voided_at IS NULL"
        " AND kind IN ('eab-key', 'enrollment-code')",
        registration_id=registration_id,
        now=now,
    )
    return int(live), int(every)


async def by_id(tx: Transaction, credential_id: str) -> Credential | None:
    """Find by identity, void or not."""
    row = await tx.one(
        _SELECT + "id = :id",
        id=credential_id,
    )
    return _from_row(row) if row else None


async def by_kid(tx: Transaction, kid: str) -> Credential | None:
    """The EAB key of this key identifier, unless it is void."""
    row = await tx.one(
        _SELECT + "kid = :kid AND voided_at IS NULL",
        kid=kid,
    )
    return _from_row(row) if row else None


async def eab_key(tx: Transaction, kid: str) -> Credential | None:
    """The EAB key of this key identifier, void or not."""
    row = await tx.one(_SELECT + "kid = :kid", kid=kid)
    return _from_row(row) if row else None


async def eab_keys(tx: Transaction, registration_id: str) -> list[Credential]:
    """Every EAB key that a registration ever had, oldest first."""
    rows = await tx.all(
        _SELECT + "registration_id = :registration_id AND kind = 'eab-key' ORDER BY id", registration_id=registration_id
    )
    return [_from_row(row) for row in rows]


async def every(tx: Transaction, registration_id: str) -> list[Credential]:
    """Every credential that a registration ever had, oldest first."""
    rows = await tx.all(_SELECT + "registration_id = :registration_id ORDER BY id", registration_id=registration_id)
    return [_from_row(row) for row in rows]


async def succeed(tx: Transaction, credential_id: str, *, successor: str, expires_at: int) -> bool:
    """Name the one successor of an EAB key, and when the key ends; False when it has one already."""
    changed = await tx.execute(
        "UPDATE credentials SET successor = :successor, expires_at = :expires_at WHERE id = :id AND successor IS NULL",
        id=credential_id,
        successor=successor,
        expires_at=expires_at,
    )
    return changed == 1


async def replace_secret(tx: Transaction, credential_id: str, secret: bytes, proof_key: bytes) -> None:
    """Put another secret in the place of an enrollment code's; the caller holds the registration."""
    await tx.execute(
        "UPDATE credentials SET secret = :secret, proof_key = :proof_key WHERE id = :id AND kind = 'enrollment-code'",
        id=credential_id,
        secret=secret,
        proof_key=proof_key,
    )


async def revoke(tx: Transaction, credential_id: str, *, now: int) -> bool:
    """Revoke by compare-and-set; False when it is revoked already."""
    changed = await tx.execute(
        "UPDATE credentials SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL", id=credential_id, now=now
    )
    return changed == 1


async def restore(tx: Transaction, credential_id: str) -> bool:
    """Take a revocation back by compare-and-set; False when there is none."""
    changed = await tx.execute(
        "UPDATE credentials SET revoked_at = NULL WHERE id = :id AND revoked_at IS NOT NULL", id=credential_id
    )
    return changed == 1


async def any_eab_key(tx: Transaction) -> Credential | None:
    """Some EAB key that is not void, to see whether sealed secrets open."""
    row = await tx.one(_SELECT + "kind = 'eab-key' AND voided_at IS NULL LIMIT 1")
    return _from_row(row) if row else None


async def spend(tx: Transaction, credential_id: str, *, now: int) -> None:
    """Take one use by compare-and-set, also from the other keys of its line; what cannot be taken is explained.

    The caller holds the registration, so that a sheet is not voided meanwhile. What is unlimited is only looked at:
    whoever comes with it need not wait for each other.

    Raises:
        CredentialRevoked, CredentialSpent, CredentialExpired: it is revoked, no use is left, it is past its date.
        NotActivated: its sheet waits for that.
        WrongSecret: a newer sheet has voided it since it was checked.
    """
    changed = await tx.execute(
        "UPDATE credentials SET uses_left = uses_left - 1"
        # Said of the row as well: who waited for it looks at it once more, and not at the others.
        " WHERE uses_left > 0 AND line = (SELECT line FROM credentials WHERE id = :id AND voided_at IS NULL"
        " AND revoked_at IS NULL AND dormant = 0 AND expires_at >= :now AND uses_left > 0)",
        id=credential_id,
        now=now,
    )
    if changed:
        return
    credential = await by_id(tx, credential_id)
    if credential is None or credential.voided_at is not None:
        raise WrongSecret
    credential.require_usable(now)
    if credential.uses_left is not None:
        raise WrongSecret


def _text(values: tuple[str, ...]) -> str:
    return msgspec.json.encode(values).decode()


def _values(credential: Credential, *, now: int, made_by: str) -> dict[str, Value]:
    return {
        "id": credential.id,
        "registration_id": credential.registration_id,
        "sheet": credential.sheet,
        "kind": credential.kind.value,
        "kid": credential.kid,
        "secret": credential.secret,
        "uses_left": credential.uses_left,
        "expires_at": credential.expires_at,
        "networks": _text(credential.networks),
        "profiles": _text(credential.profiles),
        "line": credential.line or credential.id,
        "proof_key": credential.proof_key,
        "dormant": int(credential.dormant),
        "made_by": made_by,
        "names": _text(credential.names),
        "note": credential.note,
        "now": now,
    }
