"""Signing in to the portal, and choosing a password (RULES, S3 to S5 and S13)."""

from __future__ import annotations

import msgspec

from ca_core.applicant import Door
from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.errors import CredentialExpired
from ca_core.identity import new_id
from ca_core.registration import password_policy
from ca_core.registration.account import Registration
from ca_core.registration.activation import activate
from ca_core.registration.credential import Credential, CredentialKind
from ca_core.registration.errors import BadPassword, PasswordFault
from ca_core.registration.events import PasswordChanged, SignedIn
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.registration.password import Passwords
from ca_core.registration.password_proof import PasswordProof, Proved
from ca_core.registration.session import Step
from ca_core.registration.sessions import Sessions
from ca_core.registration.sign_in import SignIn
from ca_core.secret import Secret
from ca_core.store import credentials, holds, registrations
from ca_core.store import passwords as passwords_store
from ca_core.store import sessions as sessions_store
from ca_core.store.database import Database, Transaction
from ca_core.store.passwords import Standing

_NEVER = 253_402_300_799
"""When a chosen password expires: it is good until it is changed, or a sheet voids it."""


class Begun(msgspec.Struct, frozen=True):
    """A session that was begun just now.

    Attributes:
        token: for the browser alone.
    """

    token: Secret
    step: Step


class Choice(msgspec.Struct, frozen=True):
    """What somebody types who changes a password: the old one, and twice the new one."""

    old: Secret
    new: Secret
    again: Secret


class PortalSignIn:
    """Passwords to sessions."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        proof: PasswordProof,
        sessions: Sessions,
        sign_in: SignIn,
        passwords: Passwords,
        kinds: Kinds = PRESETS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._proof = proof
        self._sessions = sessions
        self._sign_in = sign_in
        self._passwords = passwords
        self._kinds = kinds

    async def sign_in(self, account: str, typed: Secret, *, source: str) -> Begun:
        """Begin a session with a password; with an initial one, a session that is good for changing it.

        Args:
            source: textual IP address.

        Raises:
            WrongSecret: no such account, no password, a wrong or a suspended one: not told apart.
            Throttled, SignInsCrowded: come again.
            CredentialExpired: the password was right, and its sheet is too old.
            RegistrationSuspended, RegistrationExpired, RegistrationClosed: so it was, and its holder may not.
        """
        proved = await self._proof.prove(account, typed, source=source)
        standing, now = proved.standing, self._clock.now()
        async with self._sign_in.noting(
            source=source, door=Door.PORTAL, registration_id=standing.registration.id, account=account
        ):
            standing.registration.require_active(now)
            _require_unexpired(standing, now)
        step = Step.SIGNED_IN if standing.kind is CredentialKind.CHOSEN_PASSWORD else Step.CHANGE_PASSWORD
        async with self._database.write() as tx:
            # Suspended meanwhile: who suspends ends sessions, and this one is not begun behind their back.
            await tx.hold(holds.registration(standing.registration.id), shared=True)
            (await registrations.by_id(tx, standing.registration.id)).require_active(now)
            await self._proof.settle(tx, proved)
            token = await self._sessions.begin(
                tx, standing.registration.id, step, door=Door.PORTAL, credential_id=standing.credential_id
            )
            await journal.record(
                tx,
                SignedIn(step.value),
                now=now,
                actor=f"{Door.PORTAL}:{standing.kind}:{source}",
                registration_id=standing.registration.id,
            )
        return Begun(token, step)

    async def change(self, token: Secret, choice: Choice, *, source: str) -> Begun:
        """Change the password of who is signed in; every other session ends, and this one gets a new token.

        Where it is the first change, the machine secrets of the sheet work from now on.

        Args:
            source: textual IP address.

        Raises:
            SessionEnded: nobody is signed in with this token.
            BadPassword: the new one is not the same twice, the old one, or against the policy of the kind.
            WrongSecret: the old one is not right; it counts as a wrong guess.
            Throttled, SignInsCrowded: come again.
            CredentialExpired, RegistrationSuspended, RegistrationExpired, RegistrationClosed: as for `sign_in`.
        """
        session = await self._sessions.look(token, door=Door.PORTAL)
        registration = session.registration
        await self._require_good(registration, choice)
        proved = await self._proof.prove(registration.account, choice.old, source=source)
        _require_unexpired(proved.standing, self._clock.now())
        hashed = await self._passwords.hashed(registration.id, choice.new)
        now, actor = self._clock.now(), f"{Door.PORTAL}:session:{source}"
        async with self._database.write() as tx:
            await tx.hold(holds.registration(registration.id))
            current = await registrations.by_id(tx, registration.id)
            current.require_active(now)
            await self._proof.settle(tx, proved)
            chosen = await self._replace(tx, current, proved, hashed, now=now)
            fresh = await self._sessions.rotate(tx, session, Step.SIGNED_IN, credential_id=chosen.id)
            await sessions_store.end_others(tx, registration.id, credential_id=chosen.id)
            is_first = proved.standing.kind is CredentialKind.PASSWORD
            if is_first:
                await activate(tx, current, actor=actor, now=now)
            event = PasswordChanged(is_first=is_first)
            await journal.record(tx, event, now=now, actor=actor, registration_id=registration.id)
        return Begun(fresh, Step.SIGNED_IN)

    async def _require_good(self, registration: Registration, choice: Choice) -> None:
        if choice.new != choice.again:
            raise BadPassword(PasswordFault.DIFFERENT, "the new password and its repetition differ; type both again")
        if password_policy.normal_secret(choice.new) == password_policy.normal_secret(choice.old):
            raise BadPassword(PasswordFault.SAME, "the new password is the old one; choose another")
        async with self._database.read() as tx:
            contact = await registrations.contact_of(tx, registration.id)
        whole = msgspec.structs.replace(registration, contact_read=contact)
        await self._passwords.require_good(self._kinds.named(registration.kind).password_policy, choice.new, whole)

    async def _replace(
        self, tx: Transaction, registration: Registration, proved: Proved, hashed: bytes, *, now: int
    ) -> Credential:
        await passwords_store.void(tx, proved.standing.credential_id, now=now)
        chosen = Credential(
            id=new_id(now),
            registration_id=registration.id,
            sheet=registration.sheet,
            kind=CredentialKind.CHOSEN_PASSWORD,
            kid=None,
            secret=hashed,
            uses_left=None,
            expires_at=_NEVER,
        )
        await credentials.insert(tx, chosen, now=now)
        return chosen


def _require_unexpired(standing: Standing, now: int) -> None:
    if now > standing.expires_at:
        raise CredentialExpired(
            "this initial password has expired; ask your registration authority for a new password sheet"
        )
