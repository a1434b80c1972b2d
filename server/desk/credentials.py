"""What a registration has to sign in with, as pages show it: never a secret, for there is none to be had."""

from __future__ import annotations

from ca_core.registration.account import Registration
from ca_core.registration.credential import Credential, CredentialKind
from ca_core.store import credentials
from server.desk.visit import Visit


async def of(visit: Visit, registration: Registration) -> list[Credential]:
    """The password and the code of the newest sheet, and every EAB key that it ever had, oldest first."""
    async with visit.office.database.read() as tx:
        once = [
            await credentials.current(tx, registration.id, kind)
            for kind in (CredentialKind.PASSWORD, CredentialKind.ENROLLMENT_CODE)
        ]
        keys = await credentials.eab_keys(tx, registration.id)
    return [*filter(None, once), *keys]


def status_of(credential: Credential, now: int) -> str:
    """Whether it opens anything, as a code of `server.desk.words`."""
    if credential.revoked_at is not None:
        return "revoked"
    if credential.voided_at is not None:
        return "void"
    if credential.uses_left == 0:
        return "spent"
    if now > credential.expires_at:
        return "expired"
    return "dormant" if credential.dormant else "active"
