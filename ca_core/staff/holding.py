"""Certificates on hold: an officer's own act, without anybody's consent, for it can be taken back."""

from __future__ import annotations

from ca_core.errors import NotFound
from ca_core.registration.kind import RESERVED
from ca_core.revocation.desk import RevocationDesk
from ca_core.staff.role import Action, Actor
from ca_core.store import certificates, registrations
from ca_core.store.database import Database


class Holding:
    """Puts certificates on hold and releases them, by whoever may and sees them."""

    def __init__(self, database: Database, revocations: RevocationDesk) -> None:
        self._database = database
        self._revocations = revocations

    async def hold(self, serial: str, *, actor: Actor, note: str = "") -> None:
        """Put a certificate on hold until it is released or revoked.

        Args:
            serial: 40 hex digits.

        Raises:
            NotPermitted, NotFound: as they say.
            BadReason, AlreadyRevoked, CertificateExpired, WrongState: as `RevocationDesk.hold` says.
        """
        actor.require(Action.HOLD)
        await self._require_sight(serial, actor)
        await self._revocations.hold(serial, actor=actor.journal_name, note=note)

    async def release(self, serial: str, *, actor: Actor, note: str = "") -> None:
        """Let a certificate come back from hold.

        Args:
            serial: 40 hex digits.

        Raises:
            NotPermitted, NotFound: as they say.
            WrongState: it is not on hold.
        """
        actor.require(Action.RELEASE)
        await self._require_sight(serial, actor)
        await self._revocations.release(serial, actor=actor.journal_name, note=note)

    async def _require_sight(self, serial: str, actor: Actor) -> None:
        async with self._database.read() as tx:
            certificate = await certificates.by_serial(tx, serial)
            if certificate is None:
                raise NotFound("there is no such certificate")
            registration = await registrations.by_id(tx, certificate.registration_id)
        if registration.kind in RESERVED or not actor.sees(registration):
            raise NotFound("there is no such certificate")
