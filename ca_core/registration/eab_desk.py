"""The desk for EAB keys: how they come, change, stop and come back (RFC 8555, 7.3.4)."""

from __future__ import annotations

import msgspec

from ca_core import networks as networks_module
from ca_core.audit import journal
from ca_core.audit.event import EabKeyAdded, EabKeyRestored, EabKeyRevoked, EabKeyRotated, Event
from ca_core.clock import Clock
from ca_core.errors import BadRequest, NotFound, QuotaReached, WrongState
from ca_core.identity import new_id
from ca_core.registration import credential as credential_module
from ca_core.registration import limits as limits_module
from ca_core.registration import lookup
from ca_core.registration.account import Registration
from ca_core.registration.credential import Credential, CredentialKind, SecretKeeper
from ca_core.registration.kind import PRESETS, Kind, Kinds
from ca_core.registration.sheet import EabKey, eab_key
from ca_core.store import credentials, holds, registrations
from ca_core.store.database import Claim, Database, Transaction

MOST_NOTE = 64
"""How many characters a credential is called by."""
MOST_NETWORKS = 100
"""How many limit one credential: each is looked at whenever somebody shows it, and who knows its name may often."""
MOST_REPLACED = 20
"""How often all of a sheet can be replaced: whoever shows a code, right or wrong, has each of its sheet looked at."""


class EabForm(msgspec.Struct, frozen=True):
    """What limits a further credential, such as a key.

    Attributes:
        uses: how many accounts a key may bind, or how often a code may enroll; None is unlimited.
        expires_at: UTC seconds; None means as long as the one of a sheet.
        networks: from where, as CIDRs; empty: from everywhere.
        profiles: what whoever came by it may have; empty: whatever the registration holds.
        names: for which names, as `limits.checked` reads them; empty: for whatever is registered.
        note: what its holder calls it.
    """

    uses: int | None
    expires_at: int | None = None
    networks: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    note: str = ""

    def checked(self, registration: Registration, *, expires_at: int, now: int) -> EabForm:
        """The same in normal form.

        Args:
            expires_at: where the form does not say when; UTC seconds.

        Raises:
            ProfileNotGranted, NameNotGranted, BadName, BadRequest: a limit that makes no sense.
        """
        for profile in self.profiles:
            registration.require_profile(profile)
        if len(self.note) > MOST_NOTE or not self.note.isprintable():
            raise BadRequest(f"a credential is called by at most {MOST_NOTE} printable characters")
        if len(self.networks) > MOST_NETWORKS:
            raise BadRequest(f"at most {MOST_NETWORKS} networks can limit one credential; name a wider one instead")
        expires_at = self.expires_at or expires_at
        if expires_at <= now:
            raise BadRequest("a credential that has expired already serves nobody; choose a later date")
        return EabForm(
            self.uses,
            expires_at,
            tuple(dict.fromkeys(networks_module.checked(network) for network in self.networks)),
            tuple(dict.fromkeys(self.profiles)),
            limits_module.checked(self.names, registration),
            self.note,
        )


async def require_room(tx: Transaction, registration_id: str, most: int | None, *, now: int) -> None:
    """Let a registration have one more machine credential.

    Args:
        most: how many can be live beside each other; `MOST_REPLACED` times as many may ever be of one sheet. None: any
            number.

    Raises:
        QuotaReached: there are as many.
    """
    if most is None:
        return
    live, every = await credentials.count_machines(tx, registration_id, now=now)
    if live >= most:
        raise QuotaReached(f"there are {most} live keys and codes already; revoke one that is not needed any more")
    if every >= most * MOST_REPLACED:
        raise QuotaReached(
            f"this sheet has brought {every} keys and codes; ask your registration authority for a new one"
        )


class EabDesk:
    """What an RA officer does with EAB keys beside those of sheets."""

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper, kinds: Kinds = PRESETS) -> None:
        self._database = database
        self._clock = clock
        self._keeper = keeper
        self._kinds = kinds

    async def add(
        self, account: str, form: EabForm, *, actor: str, most: int | None = None, by_holder: Claim | None = None
    ) -> tuple[Credential, EabKey]:
        """Make a further key; it belongs to the newest sheet, so that the next one voids it too.

        Args:
            most: how many machine credentials of the registration can be live; None: any number.
            by_holder: lets only its holder pass, who alone sees it, so that nobody need agree; None: it is an officer.

        Raises:
            NotFound: no such account.
            WrongState: the registration is closed, its kind has no ACME, or others must agree to its secrets.
            ProfileNotGranted, NameNotGranted, BadName, BadRequest: a limit that makes no sense.
            QuotaReached: as many are live.
            Refusal: what `by_holder` raises.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            registration, kind = await self._with_acme(tx, account)
            await require_allowed(tx, registration, kind, by_holder)
            limits = form.checked(registration, expires_at=now + kind.eab_seconds, now=now)
            await require_room(tx, registration.id, most, now=now)
            # It is one more secret of the sheet, and must not be a way around its activation.
            dormant = await credentials.sleep(tx, registration.id)
            made, key = await self._make(tx, registration.id, registration.sheet, limits, dormant=dormant, actor=actor)
            said = (made.networks, made.profiles, made.names)
            event = EabKeyAdded(key.kid, made.sheet, made.uses_left, made.expires_at, *said)
            await self._record(tx, event, made, actor)
        return made, key

    async def rotate(
        self,
        kid: str,
        *,
        overlap_seconds: int,
        expires_at: int | None = None,
        actor: str,
        most: int | None = None,
        by_holder: Claim | None = None,
    ) -> tuple[Credential, Credential, EabKey]:
        """Make a successor with the same limits; the old key works on for the overlap, and both share their uses.

        Args:
            expires_at: of the successor, UTC seconds; None means that of the old key.
            most, by_holder: as for `add`.

        Returns:
            The old key as it stands now, the new one, and its secret.

        Raises:
            NotFound: no such key.
            WrongState: it is void, revoked, expired, spent or rotated already, the registration is closed, or others
                must agree to its secrets.
            BadRequest: the successor would have expired.
            QuotaReached: as many are live as `most` says.
            Refusal: what `by_holder` raises.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            old = await _held(tx, kid)
            registration = await registrations.by_id(tx, old.registration_id)
            lookup.require_open(registration)
            await require_allowed(tx, registration, self._kinds.get(registration.kind), by_holder)
            require_rotatable(old, now)
            await require_room(tx, registration.id, most, now=now)
            limits = EabForm(
                *(old.uses_left, expires_at or old.expires_at, old.networks, old.profiles, old.names, old.note)
            )
            new, key = await self._make(
                tx, old.registration_id, old.sheet, limits, line=old.line, dormant=old.dormant, actor=actor
            )
            ends_at = min(old.expires_at, now + overlap_seconds - 1)
            if not await credentials.succeed(tx, old.id, successor=key.kid, expires_at=ends_at):
                raise WrongState(f"the EAB key {kid} was rotated already, to {old.successor}; rotate that one")
            await self._record(tx, EabKeyRotated(key.kid, kid, ends_at, new.expires_at), old, actor)
        return msgspec.structs.replace(old, expires_at=ends_at, successor=key.kid), new, key

    async def revoke(self, kid: str, *, actor: str) -> None:
        """Stop a key, void or not, and at once every account that it bound.

        Raises:
            NotFound, WrongState: no such key, or it is revoked already.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            key = await _held(tx, kid)
            if not await credentials.revoke(tx, key.id, now=now):
                raise WrongState(f"the EAB key {kid} is revoked already")
            await self._record(tx, EabKeyRevoked(kid), key, actor)

    async def restore(self, kid: str, *, actor: str) -> None:
        """Take a revocation back: the accounts go on, and the key too unless it is void, spent or expired.

        Raises:
            NotFound, WrongState: no such key, or it is not revoked.
        """
        async with self._database.write() as tx:
            key = await _held(tx, kid)
            if not await credentials.restore(tx, key.id):
                raise WrongState(f"the EAB key {kid} is not revoked")
            await self._record(tx, EabKeyRestored(kid), key, actor)

    async def of_account(self, account: str) -> list[Credential]:
        """Every EAB key of a registration, those of earlier sheets too, oldest first.

        Raises:
            NotFound: no such account.
        """
        async with self._database.read() as tx:
            registration = await lookup.found(tx, account)
            return await credentials.eab_keys(tx, registration.id)

    async def find(self, kid: str) -> Credential:
        """Look one up.

        Raises:
            NotFound: no such key.
        """
        async with self._database.read() as tx:
            return await _found(tx, kid)

    async def _with_acme(self, tx: Transaction, account: str) -> tuple[Registration, Kind]:
        registration = await lookup.held(tx, account)
        kind = self._kinds.named(registration.kind)
        if not kind.has_eab_key:
            raise WrongState(f"a registration of the kind {kind.name} has no ACME, and so no EAB keys")
        lookup.require_open(registration)
        return registration, kind

    async def _make(
        self,
        tx: Transaction,
        registration_id: str,
        sheet: int,
        limits: EabForm,
        *,
        line: str = "",
        dormant: bool,
        actor: str,
    ) -> tuple[Credential, EabKey]:
        now = self._clock.now()
        if limits.expires_at is None or limits.expires_at <= now:
            raise BadRequest("a key that has expired already serves nobody; choose a later date")
        kid, mac_key = credential_module.new_kid(), credential_module.new_mac_key()
        id_ = new_id(now)
        made = Credential(
            id=id_,
            registration_id=registration_id,
            sheet=sheet,
            kind=CredentialKind.EAB_KEY,
            kid=kid,
            secret=self._keeper.sealed(kid, mac_key),
            uses_left=limits.uses,
            expires_at=limits.expires_at,
            networks=limits.networks,
            profiles=limits.profiles,
            names=limits.names,
            note=limits.note,
            line=line or id_,
            dormant=dormant,
        )
        await credentials.insert(tx, made, now=now, made_by=actor)
        return made, eab_key(kid, mac_key)

    async def _record(self, tx: Transaction, event: Event, key: Credential, actor: str) -> None:
        await journal.record(tx, event, now=self._clock.now(), actor=actor, registration_id=key.registration_id)


async def require_allowed(
    tx: Transaction, registration: Registration, kind: Kind | None, by_holder: Claim | None
) -> None:
    """Let its holder pass; or an officer where one alone may hand out secrets, for a key or code is as good as a sheet.

    Args:
        by_holder: raises where its holder may not any more; None: an officer asks.

    Raises:
        WrongState: others must agree.
    """
    if by_holder is not None:
        await by_holder(tx)
    elif kind is not None and kind.approvals.reprint:
        raise WrongState(
            f"other officers must agree before a secret of {registration.account} is handed out;"
            f" ask for a new sheet: soapstone sheet {registration.account}"
        )


async def _found(tx: Transaction, kid: str) -> Credential:
    key = await credentials.eab_key(tx, kid)
    if key is None:
        raise NotFound(f"there is no EAB key {kid[:64]}; see: soapstone eab list ACCOUNT")
    return key


async def _held(tx: Transaction, kid: str) -> Credential:
    """A key as it stays until it is changed here: nobody binds by it meanwhile, and no sheet voids it."""
    await tx.hold(holds.registration((await _found(tx, kid)).registration_id))
    return await _found(tx, kid)


def require_rotatable(old: Credential, now: int) -> None:
    """Let only a key or code pass that opens something, or will.

    Raises:
        WrongState: it does not.
    """
    what = f"the EAB key {old.kid}" if old.kid else f"this {old.label}"
    instead = "add another one instead"
    if old.voided_at is not None:
        raise WrongState(f"{what} is void, for there is a newer sheet; {instead}")
    if old.revoked_at is not None:
        raise WrongState(f"{what} is revoked; {instead}")
    if old.uses_left == 0:
        raise WrongState(f"{what} has no uses left; {instead}")
    if now > old.expires_at:
        raise WrongState(f"{what} has expired; {instead}")
