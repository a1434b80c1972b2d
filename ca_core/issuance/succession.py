"""How CAs come to be and follow each other: read from the store, added, certified elsewhere, rotated."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from ca_core.clock import Clock
from ca_core.errors import Misconfigured
from ca_core.issuance.authorities import Authorities, Cross, Standing
from ca_core.issuance.chain import IssuerCertificate, issuer_certificate, prove_chain, prove_key
from ca_core.policy.keys import spki_der, spki_sha256
from ca_core.signing.key import SigningKey
from ca_core.signing.software import KeyKind
from ca_core.store import authorities as table
from ca_core.store import holds, key_owners, shards
from ca_core.store.authorities import CrossRow, Row
from ca_core.store.database import Database, Transaction


class Strongbox(msgspec.Struct, frozen=True):
    """What opening CAs needs from outside.

    Attributes:
        open_key: opens a key by its URI, with the public key of its certificate where there is one, or raises
            Misconfigured.
        make_key: makes the key of a CA of this name, in the home or where a URI points, and tells its URI; raises
            Misconfigured.
        crl_url, ca_url: where the CRL and the certificate of a CA are served, by its name.
        ocsp_url: where the status of any CA's certificates is asked.
    """

    open_key: Callable[[str, PublicKeyTypes | None], SigningKey]
    make_key: Callable[[str, KeyKind, str | None], str]
    crl_url: Callable[[str], str]
    ca_url: Callable[[str], str]
    ocsp_url: str

    def described(self, name: str, certificate: x509.Certificate) -> IssuerCertificate:
        """A CA's certificate with its pointers."""
        return issuer_certificate(
            name, certificate, crl_url=self.crl_url(name), ca_url=self.ca_url(name), ocsp_url=self.ocsp_url
        )


class Succession:
    """Keeps `Authorities` as the store has them."""

    def __init__(self, database: Database, clock: Clock, strongbox: Strongbox) -> None:
        self._database = database
        self._clock = clock
        self.strongbox = strongbox
        self._keys: dict[str, SigningKey] = {}
        self.authorities = Authorities()

    async def turn(self) -> None:
        """Read the CAs anew, open those that are needed, and prove each before it is used.

        One that cannot be used keeps nobody from using the others: its standing says what is wrong.
        """
        async with self._database.read() as tx:
            rows = [row for row in await table.every(tx) if row.certificate is not None]
            crosses = [_cross(row) for row in await table.crosses(tx) if row.certificate is not None]
            expiries = {row.name: await shards.last_expiry(tx, row.name) or 0 for row in rows}
        # In a thread: a token that has to be looked for takes its time, and proofs take milliseconds.
        standings = await asyncio.to_thread(self._opened, rows, crosses, expiries)
        self.authorities.take(standings, crosses)

    async def adopt(self, rows: Sequence[Row]) -> None:
        """Take in the first CAs of a home, where there are none.

        Raises:
            Misconfigured: as `turn`.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            await tx.hold(holds.AUTHORITIES)
            if not await table.every(tx):
                for row in rows:
                    await table.insert(tx, row, now=now)
                    await claim_key(tx, row.name, spki_of_certificate(row.certificate or b""), owner="")
        await self.turn()

    def _opened(self, rows: Sequence[Row], crosses: Sequence[Cross], expiries: dict[str, int]) -> list[Standing]:
        closed = Authorities([self._standing(row, rows, crosses, expiries) for row in rows])
        return [self._open(standing, closed) for standing in closed.all()]

    def _standing(self, row: Row, rows: Sequence[Row], crosses: Sequence[Cross], expiries: dict[str, int]) -> Standing:
        """A CA whose key is not opened yet."""
        certificate = x509.load_der_x509_certificate(row.certificate or b"")
        children = [
            _not_after(x509.load_der_x509_certificate(other.certificate or b""))
            for other in rows
            if other.parent == row.name != other.name
        ]
        linked = [_not_after(cross.certificate) for cross in crosses if cross.issuer == row.name]
        return Standing(
            line=row.line,
            parent=row.parent,
            signs_from=row.signs_from,
            last_expiry=max([expiries[row.name], *children, *linked]),
            certificate=self.strongbox.described(row.name, certificate),
            key_uri=row.key_uri,
            key=None,
        )

    def _open(self, standing: Standing, closed: Authorities) -> Standing:
        """Open and prove the key of a CA that still signs anything."""
        now = self._clock.now()
        if not standing.key_uri or not closed.is_publishing(standing, now=now):
            return standing
        path = [(one.name, one.certificate.certificate) for one in closed.path(standing.name)]
        try:
            prove_chain(path, now=now)
            key = self.key(standing.key_uri, standing.certificate.certificate)
            prove_key(standing.certificate, key.public_key)
        except Misconfigured as error:
            return msgspec.structs.replace(standing, trouble=str(error))
        return msgspec.structs.replace(standing, key=key)

    def key(self, uri: str, certificate: x509.Certificate | None = None) -> SigningKey:
        """A CA's key, opened once.

        Args:
            certificate: the CA's; with it a token that is away is waited for.

        Raises:
            Misconfigured: it does not open.
        """
        if uri not in self._keys:
            self._keys[uri] = self.strongbox.open_key(uri, certificate.public_key() if certificate else None)
        return self._keys[uri]


async def claim_key(tx: Transaction, name: str, spki: bytes, *, owner: str) -> None:
    """Have a CA own its key, so that no subscriber and no other CA ever shares it (DESIGN, invariant 9).

    Args:
        name: for the message.
        owner: the CA's name; empty for the first CAs of a home, whose keys had no other owner yet.

    Raises:
        Misconfigured: it is somebody's already.
    """
    if not await key_owners.claim(tx, spki_sha256(spki), purpose="authority", registration_id=owner):
        raise Misconfigured(f"the key of the CA {name} serves another purpose already; make a new one")


def sha256(certificate: bytes) -> str:
    """A certificate's fingerprint in hex, as people compare it."""
    return hashlib.sha256(certificate).hexdigest()


def spki_of_certificate(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo, in DER, of a certificate in DER."""
    return spki_der(x509.load_der_x509_certificate(certificate).public_key())


def _not_after(certificate: x509.Certificate) -> int:
    return int(certificate.not_valid_after_utc.timestamp())


def _cross(row: CrossRow) -> Cross:
    return Cross(row.subject, row.issuer, x509.load_der_x509_certificate(row.certificate or b""))
