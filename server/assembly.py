"""The composition root: everything is built here, once, in reading order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.audit.gate import Gate
from ca_core.enrollment import Enrollment
from ca_core.errors import Busy, Misconfigured
from ca_core.issuance.authorities import ISSUING, ROOT, Authorities
from ca_core.issuance.ceremony import ISSUING_CERTIFICATE, ISSUING_KEY, ROOT_CERTIFICATE, ROOT_KEY
from ca_core.issuance.fit import prove_profiles
from ca_core.issuance.issuer import Issuer
from ca_core.issuance.linter import Linter
from ca_core.issuance.rotation import next_name
from ca_core.issuance.succession import Strongbox, Succession
from ca_core.policy.blocklist import NOTHING_BLOCKED, Blocklist
from ca_core.policy.profile import MESSAGE_SIGNER, OCSP_RESPONDER, Profile
from ca_core.registration.sign_in import SignIn
from ca_core.revocation.delegate import Delegates
from ca_core.revocation.publisher import CrlIssuer, Publisher
from ca_core.revocation.responder import Responder
from ca_core.secret import Secret
from ca_core.signing.key import is_in_token, make_key, open_key
from ca_core.signing.software import KeyKind, generate, write_key
from ca_core.store.authorities import Row
from server.home import OWN_CERTIFICATE
from server.office import Office
from server.own_certificate import OwnCertificate
from server.own_places import ca_url, crl_url, ocsp_url
from server.settings import Settings, read_secret

AUTHORITY = "authority"
"""The folder of the CAs' keys."""
_HOUR_SECONDS = 3600


@dataclass(frozen=True)
class Strongroom:
    """What issues and signs."""

    office: Office
    succession: Succession
    issuer: Issuer
    enrollment: Enrollment
    sign_in: SignIn
    publisher: Publisher
    own_certificate: OwnCertificate
    gate: Gate
    delegates: Delegates
    message_signers: Delegates
    responder: Responder

    @property
    def authorities(self) -> Authorities:
        """The CAs."""
        return self.succession.authorities

    def chains_pem(self, name: str) -> Sequence[bytes]:
        """The certificate of a CA and those up to its root, as clients are sent them; then the alternates."""
        chains = self.authorities.chains(name, now=self.office.clock.now())
        return [_in_pem(tuple(chain)) for chain in chains]

    def chain(self, name: str) -> Sequence[x509.Certificate]:
        """The certificate of a CA and those up to its root, as clients are sent them unasked."""
        return self.authorities.chains(name, now=self.office.clock.now())[0]

    def can_sign(self) -> bool:
        """Whether the key of the CA that issues by default is at hand, as far as is known."""
        try:
            self.authorities.current(ISSUING, now=self.office.clock.now()).key.require_ready()
        except (Misconfigured, Busy):
            return False
        return True

    def require_fit(self) -> None:
        """Prove that the profiles fit the CAs; commands that mend the one or the other do without.

        Raises:
            Misconfigured: a line has no CA that can be used, or a profile is to live longer than it; says which.
        """
        self.authorities.current(ISSUING, now=self.office.clock.now())
        prove_profiles(self.office.profiles.values(), self.authorities, now=self.office.clock.now())

    def roots(self) -> list[x509.Certificate]:
        """What subscribers trust: the roots that have not expired."""
        roots = [one.certificate for one in self.authorities.all() if one.is_root]
        return [root.certificate for root in roots if root.not_after >= self.office.clock.now()]

    def trust_anchors(self) -> str:
        """Every CA certificate, in PEM."""
        published = self.authorities.published(now=self.office.clock.now())
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in published).decode()


@lru_cache(maxsize=64)
def _in_pem(certificates: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


async def strongroom(
    office: Office, *, blocked: Blocklist = NOTHING_BLOCKED, issuing_key: str | None = None
) -> Strongroom:
    """Open the CA keys and prove that they and their certificates fit together.

    Args:
        blocked: subscribers' keys that are certified for nobody; who opens a door reads them.
        issuing_key: for `init`: the URI of the first issuing CA's key, where it is not in the home.

    Raises:
        Misconfigured: they do not, or cannot be read; says which.
    """
    settings, clock, database = office.settings, office.clock, office.database
    passphrase = read_secret(settings.authority.passphrase, office.home)
    succession = await _succession(office, issuing_key)
    authorities = succession.authorities
    issuer = Issuer(database, clock, authorities, Linter(), crl_shards=settings.crl.shards)
    gate = Gate()
    enrollment = _enrollment(office, issuer, gate, blocked)
    own_certificate = OwnCertificate(
        office.home / OWN_CERTIFICATE,
        settings.host,
        enrollment=enrollment,
        desk=office.desk,
        revocations=office.revocations,
        clock=clock,
        authorities=authorities,
        passphrase=passphrase,
        has_fellows=database.is_shared,
    )
    publisher = Publisher(database, clock, lambda: _crl_issuers(settings, authorities, now=clock.now()))
    delegates, message_signers = (
        _delegates(office, enrollment, own_certificate, authorities, passphrase, profile=profile, prefix=prefix)
        for profile, prefix in ((OCSP_RESPONDER, "ocsp"), (MESSAGE_SIGNER, "messages"))
    )
    sign_in = SignIn(database, clock, office.keeper, meters=office.counts.meters)
    return Strongroom(
        office=office,
        succession=succession,
        issuer=issuer,
        enrollment=enrollment,
        sign_in=sign_in,
        publisher=publisher,
        own_certificate=own_certificate,
        gate=gate,
        delegates=delegates,
        message_signers=message_signers,
        responder=Responder(database, clock, delegates, lifetime_seconds=settings.ocsp.lifetime_hours * _HOUR_SECONDS),
    )


def _enrollment(office: Office, issuer: Issuer, gate: Gate, blocked: Blocklist) -> Enrollment:
    return Enrollment(
        office.database,
        office.clock,
        issuer,
        office.profiles,
        window_days=office.settings.renewal.window_days,
        gate=gate,
        blocked=blocked,
        kinds=office.kinds,
    )


def _crl_issuers(settings: Settings, authorities: Authorities, *, now: int) -> list[CrlIssuer]:
    hours = settings.crl
    roots = {standing.name for standing in authorities.all() if standing.is_root}
    return [
        CrlIssuer(ca, hours.root_lifetime_hours * _HOUR_SECONDS)
        if ca.certificate.name in roots
        else CrlIssuer(ca, hours.issuing_lifetime_hours * _HOUR_SECONDS, hours.shards)
        for ca in authorities.publishing(now=now)
    ]


def _delegates(
    office: Office,
    enrollment: Enrollment,
    own_certificate: OwnCertificate,
    authorities: Authorities,
    passphrase: Secret,
    *,
    profile: Profile,
    prefix: str,
) -> Delegates:
    return Delegates(
        (office.home / OWN_CERTIFICATE).parent,
        enrollment=enrollment,
        registration=own_certificate.registration,
        revocations=office.revocations,
        authorities=authorities,
        clock=office.clock,
        passphrase=passphrase,
        profile=profile,
        prefix=prefix,
    )


async def _succession(office: Office, issuing_key: str | None) -> Succession:
    succession = Succession(office.database, office.clock, strongbox(office.settings, office.home))
    await succession.turn()
    if not succession.authorities.all():
        await succession.adopt(_first_authority(office.home, issuing_key))
    return succession


def strongbox(settings: Settings, home: Path) -> Strongbox:
    """Opens and makes the keys of CAs, in the home and in tokens.

    Raises:
        Misconfigured: the passphrase cannot be read.
    """
    passphrase = read_secret(settings.authority.passphrase, home)
    pin = (lambda: read_secret(settings.authority.pin, home)) if settings.authority.pin else None

    def make(name: str, kind: KeyKind, uri: str | None) -> str:
        if uri is None:
            return _make_key(name, kind, passphrase, home)
        if is_in_token(uri):
            make_key(uri, kind, home, pin=pin)
        return uri

    return Strongbox(
        open_key=lambda uri, expected: open_key(uri, passphrase.reveal().encode(), home, pin=pin, expected=expected),
        make_key=make,
        crl_url=lambda name: crl_url(settings, name),
        ca_url=lambda name: ca_url(settings, name),
        ocsp_url=ocsp_url(settings),
    )


def _make_key(name: str, kind: KeyKind, passphrase: Secret, home: Path) -> str:
    """Make the key of a CA in the home; a file that a crash left behind stays as it is."""
    folder = home / AUTHORITY
    taken = {path.stem for path in folder.glob("*.key")}
    file = f"{next_name(name, taken)}.key"
    write_key(folder / file, generate(kind), passphrase.reveal().encode())
    return f"file:{AUTHORITY}/{file}"


def _first_authority(home: Path, issuing_key: str | None) -> list[Row]:
    """The CAs that `init` made, as the store will have them from now on.

    Args:
        issuing_key: the URI of the issuing CA's key, where it is not in the home.

    Raises:
        Misconfigured: they cannot be read.
    """
    folder = home / AUTHORITY

    def row(name: str, certificate: str, key_uri: str) -> Row:
        der = read_certificate(folder / certificate).public_bytes(Encoding.DER)
        return Row(name, name, ROOT, key_uri, der, None, signs_from=0)

    return [
        row(ROOT, ROOT_CERTIFICATE, f"file:{AUTHORITY}/{ROOT_KEY}"),
        row(ISSUING, ISSUING_CERTIFICATE, issuing_key or f"file:{AUTHORITY}/{ISSUING_KEY}"),
    ]


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
