"""The composition root: everything is built here, once, in reading order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.clock import Clock, SystemClock
from ca_core.enrollment import Enrollment
from ca_core.errors import Misconfigured
from ca_core.issuance.chain import issuer_certificate, prove_chain, prove_key
from ca_core.issuance.issuer import Issuer, IssuingCa
from ca_core.policy.keys import spki_der, spki_sha256
from ca_core.policy.profile import Profile, profiles_from
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.desk import Desk
from ca_core.registration.sheet import Places
from ca_core.registration.sign_in import SignIn
from ca_core.revocation.desk import RevocationDesk
from ca_core.revocation.publisher import CrlIssuer, Publisher
from ca_core.secret import Secret
from ca_core.signing.key import open_key
from ca_core.store import certificates
from ca_core.store.database import Database, open_database
from ca_core.store.migrate import Migration, found_in, migrate
from server import settings as settings_module
from server.home import OWN_CERTIFICATE, TRUST_ANCHOR
from server.own_certificate import OwnCertificate
from server.settings import Settings, read_secret

ISSUING = "issuing"
ROOT = "root"
_HOUR_SECONDS = 3600


@dataclass(frozen=True)
class Office:
    """What the RA and the operator need: no CA key is opened for it."""

    home: Path
    settings: Settings
    clock: Clock
    database: Database
    keeper: SecretKeeper
    desk: Desk
    revocations: RevocationDesk
    profiles: Mapping[str, Profile]
    places: Places


@dataclass(frozen=True)
class Strongroom:
    """What issues and signs."""

    office: Office
    root: IssuingCa
    issuing: IssuingCa
    issuer: Issuer
    enrollment: Enrollment
    sign_in: SignIn
    publisher: Publisher
    own_certificate: OwnCertificate

    @property
    def issuing_pem(self) -> bytes:
        """The chain below the root, as clients are sent it."""
        return self.issuing.certificate.certificate.public_bytes(Encoding.PEM)

    @property
    def trust_anchors(self) -> str:
        """Both CA certificates in PEM."""
        return (self.issuing_pem + self.root.certificate.certificate.public_bytes(Encoding.PEM)).decode()


def migrations() -> list[Migration]:
    """Every component's, in the order in which they build on each other."""
    return [
        *found_in("core", resources.files("ca_core.store") / "migrations"),
        *found_in("acme", resources.files("protocols.acme.records") / "migrations"),
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
    clock = SystemClock(development=settings.development)
    keeper = SecretKeeper(_octets(settings.credentials.key, home))
    profiles = profiles_from(settings.profiles)
    database = await open_database(settings.store.url, home, create=create)
    try:
        await migrate(database, migrations(), now=clock.now())
        yield Office(
            home=home,
            settings=settings,
            clock=clock,
            database=database,
            keeper=keeper,
            desk=Desk(database, clock, keeper),
            revocations=RevocationDesk(database, clock),
            profiles=profiles,
            places=places(home, settings),
        )
    finally:
        await database.close()


def strongroom(office: Office) -> Strongroom:
    """Open the CA keys and prove that they and their certificates fit together.

    Raises:
        Misconfigured: they do not, or cannot be read; says which.
    """
    settings, clock, database = office.settings, office.clock, office.database
    passphrase = read_secret(settings.authority.passphrase, office.home)
    root, issuing = _open_authority(office, passphrase)
    issuer = Issuer(database, clock, issuing)
    window_days = settings.renewal.window_days
    enrollment = Enrollment(database, clock, issuer, office.profiles, window_days=window_days)
    publisher = Publisher(
        database,
        clock,
        [
            CrlIssuer(issuing, settings.crl.issuing_lifetime_hours * _HOUR_SECONDS),
            CrlIssuer(root, settings.crl.root_lifetime_hours * _HOUR_SECONDS),
        ],
    )
    own_certificate = OwnCertificate(
        office.home / OWN_CERTIFICATE,
        settings.host,
        enrollment=enrollment,
        desk=office.desk,
        revocations=office.revocations,
        clock=clock,
        issuing_pem=issuing.certificate.certificate.public_bytes(Encoding.PEM),
        passphrase=passphrase,
    )
    sign_in = SignIn(database, clock, office.keeper)
    return Strongroom(office, root, issuing, issuer, enrollment, sign_in, publisher, own_certificate)


def _open_authority(office: Office, passphrase: Secret) -> tuple[IssuingCa, IssuingCa]:
    """The root and the issuing CA, proven."""
    settings, home = office.settings, office.home
    root = read_certificate(home / settings.authority.root_certificate)
    issuing = read_certificate(home / settings.authority.issuing_certificate)
    prove_chain(issuing, root, now=office.clock.now())

    def opened(name: str, certificate: x509.Certificate, key_uri: str) -> IssuingCa:
        described = issuer_certificate(
            name, certificate, crl_url=crl_url(settings, name), ca_url=ca_url(settings, name)
        )
        key = open_key(key_uri, passphrase.reveal().encode(), home)
        prove_key(described, key.public_key)
        return IssuingCa(described, key)

    return opened(ROOT, root, settings.authority.root_key), opened(ISSUING, issuing, settings.authority.issuing_key)


async def claim_authority_keys(room: Strongroom) -> None:
    """Have the CAs own their keys, so that no subscriber ever shares one (DESIGN, invariant 9)."""
    async with room.office.database.write() as tx:
        for ca in (room.root, room.issuing):
            digest = spki_sha256(spki_der(ca.certificate.certificate.public_key()))
            await certificates.claim_key(tx, digest, purpose="authority", registration_id="")


def places(home: Path, settings: Settings) -> Places:
    """Where subscribers find this server."""
    return Places(
        acme_directory=f"{settings.public}/acme/directory",
        est_url=f"{settings.est_base}/.well-known/est",
        portal_url=f"{settings.public}/",
        ca_bundle=str((home / TRUST_ANCHOR).resolve()),
    )


def crl_url(settings: Settings, name: str) -> str:
    """Where the CRL of a CA is served."""
    return f"{settings.repository}/crl/{name}.crl"


def ca_url(settings: Settings, name: str) -> str:
    """Where the certificate of a CA is served."""
    return f"{settings.repository}/ca/{name}.cer"


def read_certificate(path: Path) -> x509.Certificate:
    """Read a CA certificate in PEM.

    Raises:
        Misconfigured: it cannot be read.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise Misconfigured(
            f"cannot read the CA certificate {path}: {error.strerror}; restore it from your backup"
        ) from None
    except ValueError:
        raise Misconfigured(f"{path} is not a certificate in PEM; restore it from your backup") from None


def _octets(reference: str, home: Path) -> bytes:
    try:
        return bytes.fromhex(read_secret(reference, home).reveal())
    except ValueError:
        raise Misconfigured("credentials.key must refer to 64 hex digits; restore it from your backup") from None
