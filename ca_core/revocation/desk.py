"""The revocation desk: may this be revoked for this reason? Then row, journal and work in one transaction."""

from __future__ import annotations

from ca_core.audit import journal
from ca_core.audit.event import CertificateRevoked
from ca_core.clock import Clock
from ca_core.errors import AlreadyRevoked, BadReason, NotFound
from ca_core.revocation import crl
from ca_core.revocation.reason import OFFICER_REASONS, Reason
from ca_core.store import certificates, publications, revocations
from ca_core.store.certificates import Certificate
from ca_core.store.database import Database


class RevocationDesk:
    """Revokes, and looks certificates up for those who may ask."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def revoke(self, serial: str, reason: Reason, *, actor: str, invalid_since: int | None = None) -> None:
        """Revoke an issued certificate at once; the CRL follows within a minute.

        Who may ask is for the caller to prove: a certificate's key, its registration, or an officer.

        Args:
            serial: 40 hex digits.
            invalid_since: since when it is not to be trusted, UTC seconds (RFC 5280, 5.3.2); None where nobody said.

        Raises:
            NotFound: no such certificate.
            AlreadyRevoked: it is revoked; the first reason and date stay.
            BadReason: one that would leave the certificate good, or not for ever bad.
        """
        if reason not in OFFICER_REASONS:
            raise BadReason(f"{reason.text} does not revoke a certificate for good; choose another reason")
        now = self._clock.now()
        async with self._database.write() as tx:
            certificate = await certificates.by_serial(tx, serial)
            if certificate is None:
                raise NotFound("there is no such certificate")
            inserted = await revocations.insert(
                tx,
                serial,
                certificate.issuer,
                shard=certificate.shard,
                not_after=certificate.not_after,
                reason=reason,
                entry=crl.entry(int(serial, 16), now, reason, invalid_since=invalid_since),
                now=now,
                invalid_since=invalid_since,
            )
            if not inserted:
                raise AlreadyRevoked("the certificate is revoked already")
            if reason is Reason.KEY_COMPROMISE:
                await certificates.block_key(tx, certificate.spki_sha256, registration_id=certificate.registration_id)
            await publications.request(tx, certificate.issuer, certificate.shard, now=now)
            await journal.record(
                tx,
                CertificateRevoked(reason=reason.text),
                now=now,
                actor=actor,
                registration_id=certificate.registration_id,
                serial=serial,
            )

    async def certificate(self, serial: str) -> Certificate | None:
        """Look an issued certificate up; None when there is none."""
        async with self._database.read() as tx:
            return await certificates.by_serial(tx, serial)

    async def every(self, registration_id: str | None) -> list[Certificate]:
        """All issued certificates, of one registration or of all, oldest first."""
        async with self._database.read() as tx:
            return await certificates.every(tx, registration_id=registration_id)
