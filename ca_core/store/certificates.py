"""Certificates: born as intentions, then issued or abandoned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import StrEnum

import msgspec

from ca_core import names as names_module
from ca_core.clock import rfc3339
from ca_core.errors import (
    CertificateExpired,
    CertificateNotAccepted,
    CertificateOnHold,
    CertificateRevoked,
    WrongState,
)
from ca_core.names import Identifier
from ca_core.policy.decision import Holding
from ca_core.registration.kind import SERVER
from ca_core.revocation.reason import Reason
from ca_core.revocation.selector import Selector
from ca_core.store import further_names
from ca_core.store.database import Row, Transaction


class State(StrEnum):
    """What became of an intention."""

    INTENDED = "intended"
    ISSUED = "issued"
    ABANDONED = "abandoned"


class Intention(msgspec.Struct, frozen=True):
    """The durable record that a certificate with this serial and these bytes is about to be signed.

    Attributes:
        serial: 40 hex digits.
        issuer: the issuing CA's name.
        request_key: what makes a repeated request find this one, such as `acme-order:ID`; None where nothing does.
        names: of the certificate.
        replaces: serial of the certificate that it renews.
        tbs: the to-be-signed bytes.
        shard: which CRL beside the full one will show it; 0 none.
        credential_id: the credential that it goes back to; None where none is known.
    """

    serial: str
    issuer: str
    request_key: str | None
    registration_id: str
    profile: str
    names: frozenset[Identifier]
    spki_sha256: bytes
    not_before: int
    not_after: int
    replaces: str | None
    door: str
    tbs: bytes
    shard: int = 0
    credential_id: str | None = None


class Certificate(msgspec.Struct, frozen=True):
    """One issued certificate as it is stored.

    Attributes:
        names: one a line, as `names.canonical` writes them.
        revoked_at, reason: None while it is neither revoked nor on hold.
        shard: which CRL beside the full one shows it; 0 none.
        recalled_at: since when it is to be replaced before its time, UTC seconds; None while it is not.
        credential_id: the enrollment code, or the EAB key, that it goes back to; None where none is known.
    """

    serial: str
    issuer: str
    registration_id: str
    profile: str
    names: str
    spki_sha256: bytes
    not_before: int
    not_after: int
    replaces: str | None
    issued_at: int
    der: bytes
    revoked_at: int | None = None
    reason: int | None = None
    shard: int = 0
    recalled_at: int | None = None
    credential_id: str | None = None

    @property
    def is_on_hold(self) -> bool:
        """Whether it is not to be relied on for now, and can come back."""
        return self.reason == Reason.CERTIFICATE_HOLD

    @property
    def is_revoked(self) -> bool:
        """Whether it is revoked for good."""
        return self.revoked_at is not None and not self.is_on_hold

    def require_live(self, now: int, *, grace_seconds: int = 0) -> None:
        """Let only a certificate pass that can still prove its holder.

        Args:
            grace_seconds: for how long after its end it still does.

        Raises:
            CertificateRevoked, CertificateExpired: it was good once.
            CertificateOnHold: it may be good again.
            CertificateNotAccepted: it will be good later.
        """
        if self.is_revoked:
            raise CertificateRevoked("the certificate is revoked and renews nothing; enroll with a new sheet's code")
        if now > self.not_after + grace_seconds:
            raise CertificateExpired(
                "the certificate has expired and renews nothing; ask your registration authority for a new sheet"
            )
        if self.is_on_hold:
            raise CertificateOnHold(
                "the certificate is on hold and proves nothing until your registration authority has released it"
            )
        if now < self.not_before:
            raise CertificateNotAccepted(f"the certificate is not valid yet; use it from {rfc3339(self.not_before)} on")


_CERTIFICATE = (
    "SELECT c.serial, c.issuer, c.registration_id, c.profile, c.names, c.spki_sha256, c.not_before, c.not_after,"
    " c.replaces, c.issued_at, c.der, r.revoked_at, r.reason, c.shard, c.recalled_at, c.credential_id"
    " FROM certificates c LEFT JOIN revocations r ON r.serial = c.serial WHERE c.state = 'issued' AND "
)

_LIVE = (
    "c.serial > :after AND c.not_after >= :now AND (r.serial IS NULL OR r.reason = :hold)"
    " AND c.registration_id = COALESCE(:registration_id, c.registration_id)"
    " AND c.profile = COALESCE(:profile, c.profile) AND c.issuer = COALESCE(:issuer, c.issuer)"
    " AND c.spki_sha256 = COALESCE(:spki_sha256, c.spki_sha256)"
    " AND c.issued_at >= :issued_since AND c.issued_at <= :issued_until AND (:is_for_servers = 1 OR NOT EXISTS"
    " (SELECT 1 FROM registrations g WHERE g.id = c.registration_id AND g.kind = :server))"
    " ORDER BY c.serial LIMIT :most"
)
_OF_SUBSCRIBERS = (
    "c.registration_id NOT IN (SELECT id FROM registrations WHERE kind = :server) ORDER BY c.issued_at, c.serial"
)

_GOOD = (
    "c.registration_id = :registration_id AND r.serial IS NULL AND c.not_before <= :now AND c.not_after >= :now"
    " ORDER BY c.issued_at DESC, c.serial LIMIT :most"
)

_ISSUE = (
    "UPDATE certificates SET state = 'issued', der = :der, tbs = NULL, issued_at = :now"
    " WHERE serial = :serial AND state = 'intended'"
)

_INTENTION = (
    "SELECT serial, issuer, request_key, registration_id, profile, names, spki_sha256, not_before, not_after,"
    " replaces, door, tbs, shard, credential_id FROM certificates WHERE state = 'intended' AND "
)


def _certificate(row: Row | None) -> Certificate | None:
    return Certificate(*row) if row else None


def _intention(row: Row) -> Intention:
    serial, issuer, request_key, registration_id, profile, names, *rest = row
    return Intention(serial, issuer, request_key, registration_id, profile, names_module.from_canonical(names), *rest)


def names_digest(names: str) -> bytes:
    """What certificates of one set of names are found by."""
    return hashlib.sha256(names.encode()).digest()


async def intend(tx: Transaction, intention: Intention, *, now: int) -> None:
    """Store an intention, by the end of the transaction.

    Raises:
        WrongState: its request key is taken already.
    """
    names = names_module.canonical(intention.names)
    await tx.later(
        "INSERT INTO certificates (serial, issuer, state, request_key, registration_id, profile, names, names_digest,"
        " spki_sha256, not_before, not_after, replaces, door, tbs, shard, intended_at, credential_id, realm, owner)"
        " VALUES (:serial, :issuer, 'intended', :request_key, :registration_id, :profile, :names, :names_digest,"
        " :spki_sha256, :not_before, :not_after, :replaces, :door, :tbs, :shard, :now, :credential_id,"
        " (SELECT realm FROM registrations WHERE id = :registration_id),"
        " (SELECT owner FROM registrations WHERE id = :registration_id)) ON CONFLICT (request_key) DO NOTHING",
        serial=intention.serial,
        issuer=intention.issuer,
        request_key=intention.request_key,
        registration_id=intention.registration_id,
        profile=intention.profile,
        names=names,
        names_digest=names_digest(names),
        spki_sha256=intention.spki_sha256,
        not_before=intention.not_before,
        not_after=intention.not_after,
        replaces=intention.replaces,
        door=intention.door,
        tbs=intention.tbs,
        shard=intention.shard,
        credential_id=intention.credential_id,
        now=now,
        or_else=lambda: WrongState("this order has a certificate already; fetch it"),
    )
    await further_names.put(tx, intention.registration_id, intention.serial, names)


async def issue(tx: Transaction, serial: str, der: bytes, *, now: int) -> None:
    """Turn an intention of the same transaction into a certificate."""
    await tx.execute(_ISSUE, serial=serial, der=der, now=now)


async def issue_once(tx: Transaction, serial: str, der: bytes, *, or_else: Callable[[], Exception], now: int) -> None:
    """Turn an intention into a certificate by compare-and-set, by the end of the transaction.

    Args:
        or_else: makes what is raised when it is no intention any more.
    """
    await tx.later(_ISSUE, serial=serial, der=der, now=now, or_else=or_else)


async def abandon(tx: Transaction, serial: str) -> bool:
    """Give an intention up by compare-and-set; its request key is free again. False when it is none any more."""
    changed = await tx.execute(
        "UPDATE certificates SET state = 'abandoned', request_key = NULL WHERE serial = :serial AND state = 'intended'",
        serial=serial,
    )
    return changed == 1


async def intentions(tx: Transaction, *, before: int) -> list[Intention]:
    """Intentions made before a time that nothing became of, oldest first."""
    rows = await tx.all(_INTENTION + "intended_at <= :before ORDER BY intended_at", before=before)
    return [_intention(row) for row in rows]


async def intention(tx: Transaction, serial: str) -> Intention | None:
    """Find an intention that nothing became of yet."""
    row = await tx.one(_INTENTION + "serial = :serial", serial=serial)
    return _intention(row) if row else None


async def holdings(tx: Transaction, registration_id: str, profile: str, names: str, *, now: int) -> list[Holding]:
    """What a registration holds of one profile and set of names: unexpired, not revoked, issued or intended.

    What is on hold counts: it can come back, and then there would be one more than the kind tolerates. The recalled
    ones come first, and then the first to expire.
    """
    rows = await tx.all(
        "SELECT c.serial, c.spki_sha256, c.not_before, c.not_after, c.intended_at, c.state, r.serial,"
        " c.recalled_at FROM certificates c LEFT JOIN revocations r ON r.serial = c.serial"
        " WHERE c.registration_id = :registration_id AND c.profile = :profile AND c.names_digest = :names_digest"
        " AND c.state <> 'abandoned' AND c.not_after >= :now AND (r.serial IS NULL OR r.reason = :hold)"
        " ORDER BY CASE WHEN c.recalled_at IS NULL THEN 1 ELSE 0 END, c.not_after",
        registration_id=registration_id,
        profile=profile,
        names_digest=names_digest(names),
        now=now,
        hold=Reason.CERTIFICATE_HOLD.value,
    )
    return [
        Holding(
            serial=serial,
            spki_sha256=spki_sha256,
            not_before=not_before,
            not_after=not_after,
            intended_at=intended_at,
            is_issued=State(state) is State.ISSUED,
            is_on_hold=held is not None,
            recalled_at=recalled_at,
        )
        for serial, spki_sha256, not_before, not_after, intended_at, state, held, recalled_at in rows
    ]


async def was_held(tx: Transaction, registration_id: str, profile: str, names: str, *, since: int) -> bool:
    """Whether a registration has a certificate of one profile and set of names, or had one until some time ago.

    One that was revoked does not count, unless another key had to take its place: any other reason, and a hold,
    asks anew whether it should have one.

    Args:
        since: when it must not have expired yet, UTC seconds.
    """
    row = await tx.one(
        "SELECT 1 FROM certificates c LEFT JOIN revocations r ON r.serial = c.serial"
        " WHERE c.registration_id = :registration_id AND c.profile = :profile AND c.names_digest = :names_digest"
        " AND c.state = 'issued' AND c.not_after >= :since"
        " AND (r.serial IS NULL OR r.reason IN (:key_compromise, :superseded)) LIMIT 1",
        registration_id=registration_id,
        profile=profile,
        names_digest=names_digest(names),
        since=since,
        key_compromise=Reason.KEY_COMPROMISE.value,
        superseded=Reason.SUPERSEDED.value,
    )
    return row is not None


async def by_serial(tx: Transaction, serial: str) -> Certificate | None:
    """Find an issued certificate."""
    return _certificate(await tx.one(_CERTIFICATE + "c.serial = :serial", serial=serial))


async def is_known(tx: Transaction, serial: str) -> bool:
    """Whether a serial was ever used, whatever became of it."""
    return await tx.one("SELECT 1 FROM certificates WHERE serial = :serial", serial=serial) is not None


async def recall(tx: Transaction, serial: str, *, at: int | None) -> bool:
    """Have a certificate replaced from a time on, UTC seconds, or no more; False when that was said before."""
    changed = await tx.execute(
        "UPDATE certificates SET recalled_at = :at WHERE serial = :serial AND state = 'issued'"
        " AND (recalled_at IS NULL) = (CAST(:at AS BIGINT) IS NOT NULL)",
        serial=serial,
        at=at,
    )
    return changed == 1


async def replaced_at(tx: Transaction, serial: str) -> int | None:
    """When a certificate was issued that says to replace this one, UTC seconds; None while there is none."""
    row = await tx.one(
        "SELECT MIN(issued_at) FROM certificates WHERE replaces = :serial AND state = 'issued'", serial=serial
    )
    return None if row is None else row[0]


async def every(tx: Transaction, *, registration_id: str | None) -> list[Certificate]:
    """All issued certificates, of one registration or of all but the server's own, oldest first."""
    if registration_id is None:
        rows = await tx.all(_CERTIFICATE + _OF_SUBSCRIBERS, server=SERVER.name)
    else:
        rows = await tx.all(_CERTIFICATE + "c.registration_id = :id ORDER BY c.issued_at, c.serial", id=registration_id)
    return [Certificate(*row) for row in rows]


async def good(tx: Transaction, registration_id: str, *, now: int, most: int) -> list[Certificate]:
    """The newest certificates of a registration that are good at this moment, the newest first."""
    rows = await tx.all(_CERTIFICATE + _GOOD, registration_id=registration_id, now=now, most=most)
    return [Certificate(*row) for row in rows]


async def with_key(tx: Transaction, spki_sha256: bytes, *, now: int) -> list[Certificate]:
    """Every issued certificate of one public key that has not expired, revoked or not."""
    rows = await tx.all(
        _CERTIFICATE + "c.spki_sha256 = :spki_sha256 AND c.not_after >= :now ORDER BY c.issued_at, c.serial",
        spki_sha256=spki_sha256,
        now=now,
    )
    return [Certificate(*row) for row in rows]


async def intentions_with_key(tx: Transaction, spki_sha256: bytes) -> list[Intention]:
    """What is being signed at this moment for one public key."""
    rows = await tx.all(_INTENTION + "spki_sha256 = :spki_sha256", spki_sha256=spki_sha256)
    return [_intention(row) for row in rows]


async def live(tx: Transaction, selector: Selector, *, after: str, now: int, most: int) -> list[Certificate]:
    """A page of what an officer could revoke: issued, not expired, not revoked for good; by serial, after one.

    The selector's dates, profile, issuer, registration and key are judged here, and whether it means the server's own;
    its names and serials are not.
    """
    rows = await tx.all(
        _CERTIFICATE + _LIVE,
        after=after,
        now=now,
        hold=Reason.CERTIFICATE_HOLD.value,
        registration_id=selector.registration_id,
        profile=selector.profile,
        issuer=selector.issuer,
        spki_sha256=selector.spki_sha256,
        issued_since=selector.issued_since if selector.issued_since is not None else 0,
        issued_until=selector.issued_until if selector.issued_until is not None else now,
        is_for_servers=int(selector.is_for_servers),
        server=SERVER.name,
        most=most,
    )
    return [Certificate(*row) for row in rows]
