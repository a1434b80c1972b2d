"""The RA's office: desks over one database, built in reading order, without a key or a certificate of a CA."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ca_core.clock import Clock, SystemClock
from ca_core.errors import Misconfigured
from ca_core.made_keys.decryption import DecryptionKeys
from ca_core.policy.profile import Profile
from ca_core.policy.profile_settings import profiles_from
from ca_core.referral.desk import ReferralDesk
from ca_core.registration.activation import ActivationDesk
from ca_core.registration.bulk import BulkRegistration
from ca_core.registration.code_desk import CodeDesk
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.desk import Desk
from ca_core.registration.eab_desk import EabDesk
from ca_core.registration.kind import Kinds
from ca_core.registration.kind_settings import kinds_from
from ca_core.registration.sheet import Places
from ca_core.revocation.desk import RevocationDesk
from ca_core.store.database import Database
from ca_core.store.migrate import Migration, found_in, migrate
from ca_core.store.opening import open_database
from server import settings as settings_module
from server.counts import Counts, counts
from server.own_places import places
from server.settings import Settings, read_secret
from server.staff import Staff, staff


@dataclass(frozen=True)
class Office:
    """What the RA and the operator need: no CA key is opened for it."""

    home: Path
    settings: Settings
    clock: Clock
    database: Database
    keeper: SecretKeeper
    desk: Desk
    eab_desk: EabDesk
    code_desk: CodeDesk
    activations: ActivationDesk
    revocations: RevocationDesk
    referrals: ReferralDesk
    decryption_keys: DecryptionKeys
    staff: Staff
    imports: BulkRegistration
    profiles: Mapping[str, Profile]
    kinds: Kinds
    places: Places
    counts: Counts


def migrations() -> list[Migration]:
    """Every component's, in the order in which they build on each other."""
    return [
        *found_in("core", resources.files("ca_core.store") / "migrations"),
        *found_in("acme", resources.files("protocols.acme.records") / "migrations"),
        *found_in("cmc", resources.files("protocols.cmc.records") / "migrations"),
    ]


@asynccontextmanager
async def office(home: Path, *, create: bool = False) -> AsyncIterator[Office]:
    """Open a home as far as the RA and the operator need it.

    Args:
        create: whether its database is made now.

    Raises:
        Misconfigured: settings, secrets or database are not in order; says which.
    """
    settings = settings_module.load(home)
    clock, keeper = SystemClock(development=settings.development), SecretKeeper(_octets(settings.credentials.key, home))
    profiles = profiles_from(settings.profiles)
    kinds = kinds_from(settings.kinds, profiles)
    database = await open_database(settings.store.url, home, create=create, connections=settings.store.connections)
    async with AsyncExitStack() as ending:
        ending.push_async_callback(database.close)
        unmade = await ending.enter_async_context(AsyncExitStack())
        if create:
            unmade.push_async_callback(database.discard)
        await migrate(database, migrations(), now=clock.now())
        desk, revocations = Desk(database, clock, keeper, kinds), RevocationDesk(database, clock, profiles, kinds)
        referrals = ReferralDesk(database, clock, kinds)
        yield Office(
            home=home,
            settings=settings,
            clock=clock,
            database=database,
            keeper=keeper,
            desk=desk,
            eab_desk=EabDesk(database, clock, keeper, kinds),
            code_desk=CodeDesk(database, clock, keeper, kinds),
            activations=ActivationDesk(database, clock),
            revocations=revocations,
            referrals=referrals,
            decryption_keys=DecryptionKeys(database, clock, keeper),
            imports=BulkRegistration(database, clock, keeper, desk=desk, kinds=kinds, profiles=profiles),
            staff=staff(
                database,
                clock,
                keeper,
                kinds,
                desk=desk,
                revocations=revocations,
                referrals=referrals,
                profiles=profiles,
                window_days=settings.renewal.window_days,
            ),
            profiles=profiles,
            kinds=kinds,
            places=places(home, settings),
            counts=counts(database, clock, keeper),
        )
        unmade.pop_all()


def _octets(reference: str, home: Path) -> bytes:
    try:
        return bytes.fromhex(read_secret(reference, home).reveal())
    except ValueError:
        raise Misconfigured("credentials.key must refer to 64 hex digits; restore it from your backup") from None
