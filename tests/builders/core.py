"""The whole strongroom over a real SQLite file, as the composition root builds it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.applicant import Applicant
from ca_core.audit.gate import Gate
from ca_core.audit.sequencer import Sequencer
from ca_core.enrollment import Enrollment
from ca_core.issuance.authorities import ISSUING, Authorities, IssuingCa, Standing
from ca_core.issuance.ceremony import Authority, make_authority
from ca_core.issuance.chain import issuer_certificate
from ca_core.issuance.issuer import Issuer
from ca_core.issuance.linter import Linter
from ca_core.made_keys.decryption import DecryptionKeys
from ca_core.names import Identifier
from ca_core.order_claim import OrderClaim
from ca_core.policy.blocklist import NOTHING_BLOCKED, Blocklist
from ca_core.policy.profile import BUILT_IN, Profile
from ca_core.policy.request import CertificationRequest
from ca_core.referral.desk import ReferralDesk
from ca_core.referral.request import at_once
from ca_core.registration.account import Grant
from ca_core.registration.activation import ActivationDesk
from ca_core.registration.bulk import BulkRegistration
from ca_core.registration.code_desk import CodeDesk
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.desk import Desk, Form
from ca_core.registration.eab_desk import EabDesk
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.registration.sheet import Sheet
from ca_core.registration.sign_in import SignIn
from ca_core.revocation.desk import RevocationDesk
from ca_core.revocation.publisher import CrlIssuer, Publisher
from ca_core.signing.key import open_key
from ca_core.store.certificates import Certificate
from ca_core.store.database import Database
from ca_core.store.migrate import found_in, migrate
from ca_core.store.opening import SQLITE, open_database
from conformance import stores
from server.staff import Staff, staff
from tests.builders import linted
from tests.builders.clock import SettableClock
from tests.builders.journal import sequencer
from tests.builders.store import store_of

LINTER = Linter()
"""One for all tests, as one process has one."""

CRL_SECONDS = 86_400
PASSPHRASE = b"correct horse battery staple"
MIGRATIONS = [
    *found_in("core", files("ca_core.store") / "migrations"),
    *found_in("acme", files("protocols.acme.records") / "migrations"),
    *found_in("cmc", files("protocols.cmc.records") / "migrations"),
]


class Entry(msgspec.Struct, frozen=True):
    """One row of the journal."""

    event: str
    actor: str
    registration_id: str | None
    serial: str | None
    detail: dict[str, Any]


@dataclass(frozen=True)
class Core:
    """Everything that a protocol is handed."""

    clock: SettableClock
    database: Database
    authority: Authority
    authorities: Authorities
    issuer: Issuer
    enrollment: Enrollment
    desk: Desk
    eab_desk: EabDesk
    code_desk: CodeDesk
    activations: ActivationDesk
    sign_in: SignIn
    revocations: RevocationDesk
    referrals: ReferralDesk
    decryption_keys: DecryptionKeys
    publisher: Publisher
    profiles: Mapping[str, Profile]
    gate: Gate
    sequencer: Sequencer
    staff: Staff
    imports: BulkRegistration

    @property
    def issuing_pem(self) -> bytes:
        return self.authority.issuing.public_bytes(Encoding.PEM)

    async def register(
        self,
        account: str,
        *grants: Grant,
        kind: str = "organization",
        uses: int | None = None,
        profiles: tuple[str, ...] = (),
    ) -> Sheet:
        """Register a subscriber; returns the sheet."""
        form = Form(kind, f"CN={account},O=Example,C=TW", uses, account, grants, profiles)
        return (await self.desk.register(form, actor="test"))[1]

    async def enroll(
        self,
        applicant: Applicant,
        request: CertificationRequest,
        *,
        profile_name: str | None = None,
        order: OrderClaim | None = None,
    ) -> Certificate:
        """Enroll where no officer has to look."""
        return at_once(await self.enrollment.enroll(applicant, request, profile_name=profile_name, order=order))

    async def renew(
        self, applicant: Applicant, request: CertificationRequest, *, profile_name: str | None = None
    ) -> Certificate:
        """Renew where no officer has to look."""
        return at_once(await self.enrollment.renew(applicant, request, profile_name=profile_name))

    async def recover(self) -> int:
        """What the start-up after a crash does."""
        return await self.issuer.recover(self.profiles, before=self.clock.now())

    async def certificates(self) -> list[Certificate]:
        return await self.revocations.every(None)

    async def journal(self, *events: str) -> list[Entry]:
        """What the journal holds of some events, oldest first."""
        async with self.database.read() as tx:
            rows = await tx.all("SELECT event, actor, registration_id, serial, detail FROM journal ORDER BY at, id")
        entries = [
            Entry(event, actor, registration_id, serial, msgspec.json.decode(detail))
            for event, actor, registration_id, serial, detail in rows
        ]
        return [entry for entry in entries if entry.event in events]

    async def count(self, table: str) -> int:
        async with self.database.read() as tx:
            rows = await tx.all(f"SELECT 1 FROM {table}")  # noqa: S608  # a table's name, from a test
        return len(rows)


def granted(*names: Identifier, vetted: bool = True) -> tuple[Grant, ...]:
    return tuple(Grant(name, vetted=vetted) for name in names)


def standing(ca: IssuingCa) -> Authorities:
    """One issuing CA, whose root is elsewhere."""
    one = Standing(
        line=ISSUING,
        parent="root",
        signs_from=0,
        last_expiry=0,
        certificate=ca.certificate,
        key_uri="file:",
        key=ca.key,
    )
    return Authorities([one])


def _made(folder: Path, clock: SettableClock) -> Authority:
    return make_authority(
        folder / "authority",
        key_kind="ec-p256",
        passphrase=PASSPHRASE,
        now=clock.now(),
        root_crl_url="http://ca.example/crl/root.crl",
        root_ca_url="http://ca.example/ca/root.cer",
    )


def _found(folder: Path) -> Authority:
    read = [(folder / "authority" / name).read_bytes() for name in ("root.pem", "issuing.pem")]
    return Authority(*map(x509.load_pem_x509_certificate, read))


_empty: list[bytes] = []


async def _with_tables() -> bytes:
    """A file with every table and nothing in them: thousands of tests begin with one, and to migrate takes longer."""
    if not _empty:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "empty.db"
            database = await open_database(f"{SQLITE}{path}", Path(folder), create=True)
            await migrate(database, MIGRATIONS, now=0)
            await database.close()
            _empty.append(path.read_bytes())
    return _empty[0]


@asynccontextmanager
async def core(
    folder: Path,
    profiles: Mapping[str, Profile] = BUILT_IN,
    *,
    shards: int = 1,
    blocked: Blocklist = NOTHING_BLOCKED,
    repository: str = "http://ca.example",
    store: str = stores.WANTED,
    linter: Linter = LINTER,
    kinds: Kinds = PRESETS,
) -> AsyncIterator[Core]:
    """A core in a folder, with every component's tables; what the folder holds already is opened again.

    Args:
        store: the kind of database; by default, the one that this run is about.
        kinds: of registrations.
    """
    clock = SettableClock()
    is_new = not (folder / "authority").exists()
    authority = _made(folder, clock) if is_new else _found(folder)
    certificate = issuer_certificate(
        "issuing",
        authority.issuing,
        crl_url=f"{repository}/crl/issuing.crl",
        ca_url="http://ca.example/ca/issuing.cer",
        ocsp_url="http://ca.example/ocsp",
    )
    ca = IssuingCa(certificate, open_key("file:authority/issuing.key", PASSPHRASE, folder))
    url = store_of(folder, store)
    if is_new and url.startswith(SQLITE):
        (folder / url.removeprefix(SQLITE)).write_bytes(await _with_tables())
    database = await open_database(url, folder, create=is_new)
    try:
        await migrate(database, MIGRATIONS, now=clock.now())
        keeper, gate = SecretKeeper(bytes(32)), Gate()
        sequencing = sequencer(database, clock, folder, gate)
        await sequencing.turn()
        authorities = standing(ca)
        issuer = Issuer(database, clock, authorities, linter, crl_shards=shards)
        desk, revocations = Desk(database, clock, keeper, kinds), RevocationDesk(database, clock, profiles, kinds)
        referrals = ReferralDesk(database, clock, kinds)
        yield Core(
            clock=clock,
            database=database,
            authority=authority,
            authorities=authorities,
            issuer=issuer,
            enrollment=Enrollment(
                database, clock, issuer, profiles, window_days=30, gate=gate, blocked=blocked, kinds=kinds
            ),
            desk=desk,
            eab_desk=EabDesk(database, clock, keeper, kinds),
            code_desk=CodeDesk(database, clock, keeper, kinds),
            activations=ActivationDesk(database, clock),
            sign_in=SignIn(database, clock, keeper),
            revocations=revocations,
            referrals=referrals,
            decryption_keys=DecryptionKeys(database, clock, keeper),
            publisher=Publisher(database, clock, lambda: [CrlIssuer(ca, CRL_SECONDS, shards)]),
            profiles=profiles,
            gate=gate,
            sequencer=sequencing,
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
                window_days=30,
            ),
        )
        await linted.require_clean(database, profiles)
    finally:
        await database.close()
