"""The desk for enrollment codes beside those of sheets: how they come, and how they stop (RFC 7030, 3.2.3)."""

from __future__ import annotations

import msgspec

from ca_core.audit import journal
from ca_core.audit.event import Event
from ca_core.clock import Clock
from ca_core.errors import NotFound, WrongState
from ca_core.identity import new_id
from ca_core.registration import credential as credential_module
from ca_core.registration import lookup, making
from ca_core.registration.account import Registration
from ca_core.registration.credential import Credential, CredentialKind, SecretKeeper
from ca_core.registration.eab_desk import EabForm, require_allowed, require_room, require_rotatable
from ca_core.registration.events import EnrollmentCodeAdded, EnrollmentCodeRevoked, EnrollmentCodeRotated
from ca_core.registration.kind import PRESETS, Kind, Kinds
from ca_core.secret import Secret
from ca_core.store import credentials, holds, registrations
from ca_core.store.database import Claim, Database, Transaction


class CodeDesk:
    """What is done with enrollment codes beside those of sheets; the code of a sheet can be revoked here, too."""

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper, kinds: Kinds = PRESETS) -> None:
        self._database = database
        self._clock = clock
        self._keeper = keeper
        self._kinds = kinds

    async def add(
        self, account: str, form: EabForm, *, actor: str, most: int | None = None, by_holder: Claim | None = None
    ) -> tuple[Credential, Secret]:
        """Make a further code; it belongs to the newest sheet, so that the next one voids it too.

        Args:
            most: how many machine credentials of the registration can be live; None: any number.
            by_holder: as for an EAB key.

        Returns:
            The credential, and the code.

        Raises:
            NotFound: no such account.
            WrongState: the registration is closed, its kind has no enrollment codes, or others must agree to its
                secrets.
            ProfileNotGranted, NameNotGranted, BadName, BadRequest: a limit that makes no sense.
            QuotaReached: as many are live.
            Refusal: what `by_holder` raises.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            registration, kind = await self._with_codes(tx, account)
            await require_allowed(tx, registration, kind, by_holder)
            limits = form.checked(registration, expires_at=now + kind.code_seconds, now=now)
            await require_room(tx, registration.id, most, now=now)
            # As with EAB keys: it must not be a way around the activation of its sheet.
            dormant = await credentials.sleep(tx, registration.id)
            made, code = self._made(registration, limits, dormant=dormant, now=now)
            await credentials.insert(tx, made, now=now, made_by=actor)
            said = (made.networks, made.profiles, made.names)
            event = EnrollmentCodeAdded(made.id, made.sheet, made.uses_left, made.expires_at, *said)
            await self._record(tx, event, made, actor)
        return made, code

    async def rotate(self, code_id: str, *, actor: str, by_holder: Claim | None = None) -> tuple[Credential, Secret]:
        """Put another secret in the place of a code, for its holder; everything else of it stays as it was.

        The old secret is worth nothing from then on. What it brought is still the code's: it renews itself, within
        the same limits, and ends with it.

        Raises:
            NotFound: no such code.
            WrongState: it is void, revoked, expired or spent, the registration is closed, or it was rotated meanwhile.
            Refusal: what `by_holder` raises.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            await tx.hold(holds.registration((await _found(tx, code_id)).registration_id))
            old = await _found(tx, code_id)
            registration = await registrations.by_id(tx, old.registration_id)
            lookup.require_open(registration)
            if by_holder is not None:
                await by_holder(tx)
            require_rotatable(old, now)
            code = credential_module.new_enrollment_code()
            hashed = self._keeper.hashed(registration.id, code)
            proof = making.sealed_proof(self._keeper, registration, code)
            # Who made the code has not seen this secret, and stays its maker: that forbids more, never less.
            await credentials.replace_secret(tx, old.id, hashed, proof)
            await self._record(tx, EnrollmentCodeRotated(old.id), old, actor)
        return msgspec.structs.replace(old, secret=hashed, proof_key=proof), code

    async def revoke(self, code_id: str, *, actor: str) -> None:
        """Stop a code, void or not; and at once the renewal, by themselves, of the certificates that it brought.

        Raises:
            NotFound, WrongState: no such code, or it is revoked already.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            code = await _found(tx, code_id)
            await tx.hold(holds.registration(code.registration_id))
            if not await credentials.revoke(tx, code.id, now=now):
                raise WrongState("this enrollment code is revoked already")
            await self._record(tx, EnrollmentCodeRevoked(code.id), code, actor)

    async def of_account(self, account: str) -> list[Credential]:
        """Every enrollment code of a registration, those of earlier sheets too, oldest first.

        Raises:
            NotFound: no such account.
        """
        async with self._database.read() as tx:
            registration = await lookup.found(tx, account)
            every = await credentials.every(tx, registration.id)
        return [one for one in every if one.kind is CredentialKind.ENROLLMENT_CODE]

    async def find(self, code_id: str) -> Credential:
        """Look one up by its identity.

        Raises:
            NotFound: no such code.
        """
        async with self._database.read() as tx:
            return await _found(tx, code_id)

    async def _with_codes(self, tx: Transaction, account: str) -> tuple[Registration, Kind]:
        registration = await lookup.held(tx, account)
        kind = self._kinds.named(registration.kind)
        if not kind.has_enrollment_code:
            raise WrongState(f"a registration of the kind {kind.name} has no enrollment codes")
        lookup.require_open(registration)
        return registration, kind

    def _made(
        self, registration: Registration, limits: EabForm, *, dormant: bool, now: int
    ) -> tuple[Credential, Secret]:
        code, id_ = credential_module.new_enrollment_code(), new_id(now)
        made = Credential(
            id=id_,
            registration_id=registration.id,
            sheet=registration.sheet,
            kind=CredentialKind.ENROLLMENT_CODE,
            kid=None,
            secret=self._keeper.hashed(registration.id, code),
            uses_left=limits.uses,
            expires_at=limits.expires_at or 0,
            networks=limits.networks,
            profiles=limits.profiles,
            line=id_,
            proof_key=making.sealed_proof(self._keeper, registration, code),
            dormant=dormant,
            names=limits.names,
            note=limits.note,
        )
        return made, code

    async def _record(self, tx: Transaction, event: Event, code: Credential, actor: str) -> None:
        await journal.record(tx, event, now=self._clock.now(), actor=actor, registration_id=code.registration_id)


async def _found(tx: Transaction, code_id: str) -> Credential:
    code = await credentials.by_id(tx, code_id)
    if code is None or code.kind is not CredentialKind.ENROLLMENT_CODE:
        raise NotFound("there is no such enrollment code")
    return code
