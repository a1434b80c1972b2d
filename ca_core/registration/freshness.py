"""Whether a session is so fresh that a new secret may come of it: else whoever sits there types the password again."""

from __future__ import annotations

from ca_core.clock import Clock
from ca_core.registration.password_proof import PasswordProof
from ca_core.registration.session import Session
from ca_core.secret import Secret
from ca_core.store import holds
from ca_core.store.database import Database

FRESH_SECONDS = 10 * 60
"""For how long after a sign-in a key, a code or a passkey is made without the password."""


class Freshness:
    """Asks again for the password in a session that was begun long ago: somebody may have left it open."""

    def __init__(self, database: Database, clock: Clock, proof: PasswordProof) -> None:
        self._database = database
        self._clock = clock
        self._proof = proof

    def needs_password(self, session: Session) -> bool:
        """Whether the sign-in was too long ago."""
        return self._clock.now() - session.begun_at > FRESH_SECONDS

    async def require(self, session: Session, typed: Secret, *, source: str) -> None:
        """Let only a fresh session pass, or one whose holder types the password.

        Args:
            typed: the password, where it is needed.
            source: textual IP address.

        Raises:
            WrongSecret, Throttled, SignInsCrowded: it is needed, and not right; as `PasswordProof.prove` says.
        """
        if not self.needs_password(session):
            return
        registration = session.registration
        proved = await self._proof.prove(registration.account, typed, source=source)
        async with self._database.write() as tx:
            await tx.hold(holds.registration(registration.id))
            await self._proof.settle(tx, proved)
