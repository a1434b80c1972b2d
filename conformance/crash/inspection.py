"""What a dead or living home says about itself, held against what was promised."""

from __future__ import annotations

import base64
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

DATABASE = "soapstone.db"
_CERTIFICATE_LIKE = re.compile(rb"\x30\x82(?=([\x00-\x3f].)\x30[\x81\x82])", re.DOTALL)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")
_HEADER_OCTETS = 4


@dataclass(frozen=True)
class Row:
    """One row of the table of certificates; serials are 40 hex digits, lower case."""

    serial: str
    state: str
    registration: str
    names: str
    key: bytes
    der: bytes | None


@dataclass(frozen=True)
class Home:
    """What a home's database holds.

    Attributes:
        integrity: what SQLite says; `ok` when all is well.
        revoked: serials.
        journaled: serials of the journal's rows about issuing, one for each row.
        crl_numbers: by issuer.
    """

    rows: tuple[Row, ...] = ()
    integrity: str = "ok"
    revoked: frozenset[str] = frozenset()
    journaled: tuple[str, ...] = ()
    crl_numbers: dict[str, int] = field(default_factory=dict)

    @property
    def by_serial(self) -> dict[str, Row]:
        return {row.serial: row for row in self.rows}

    @property
    def issued(self) -> list[Row]:
        return [row for row in self.rows if row.state == "issued"]


def read(database: Path) -> Home:
    """Read a database that a server may have open; everything in one transaction."""
    store = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
    try:
        store.execute("BEGIN")
        rows = store.execute("SELECT serial, state, registration_id, names, spki_sha256, der FROM certificates")
        return Home(
            rows=tuple(Row(*row) for row in rows),
            integrity=str(store.execute("PRAGMA integrity_check").fetchone()[0]),
            revoked=frozenset(serial for (serial,) in store.execute("SELECT serial FROM revocations")),
            journaled=tuple(
                serial for (serial,) in store.execute("SELECT serial FROM journal WHERE event = 'certificate-issued'")
            ),
            crl_numbers=dict(store.execute("SELECT name, number FROM publications")),
        )
    finally:
        store.close()


def read_dead(home: Path, scratch: Path) -> Home:
    """Read the database of a server that was killed, from a copy: opening it would already mend it."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for suffix in ("", "-wal"):
        if (home / (DATABASE + suffix)).exists():
            shutil.copy(home / (DATABASE + suffix), scratch)
    return read(scratch / DATABASE)


def signed_things(home: Path, issuer: x509.Certificate) -> set[str]:
    """Serials of all certificates by this issuer in any file of a dead home, committed or not.

    A page that was written and never committed is where a signature shows that had no right to exist yet.
    """
    blobs = (path.read_bytes() for path in home.rglob("*") if path.is_file())
    found = {der for blob in blobs for der in (*_sequences(blob), *_armoured(blob))}
    return {f"{int(serial):040x}" for der in found if (serial := _signed_by(der, issuer)) is not None}


def _sequences(blob: bytes) -> Iterator[bytes]:
    """Whatever begins as a certificate does: a sequence within a sequence."""
    for found in _CERTIFICATE_LIKE.finditer(blob):
        end = found.start() + _HEADER_OCTETS + int.from_bytes(found[1], "big")
        yield blob[found.start() : end]


def _armoured(blob: bytes) -> Iterator[bytes]:
    for found in _PEM.finditer(blob):
        try:
            yield base64.b64decode(found[1])
        except ValueError:
            # Half a file: the crash cut it.
            continue


def _signed_by(der: bytes, issuer: x509.Certificate) -> int | None:
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return None
    return certificate.serial_number


def _serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:040x}"


def violations(
    home: Home,
    *,
    before: Home | None = None,
    certificates: Iterable[bytes] = (),
    revoked: Iterable[int] = (),
    signed: Iterable[str] = (),
) -> list[str]:
    """What is wrong with a home after a crash and a start; an empty list is what it should be.

    Args:
        before: the dead home, before the start.
        certificates: DER of all that were acknowledged.
        revoked: serials whose revocation was acknowledged.
        signed: serials of everything that was found signed in the dead home.
    """
    return [
        *_damage(home),
        *_unfinished(home, before or Home()),
        *_twice(home),
        *_lost(home, certificates, revoked),
        *(f"{serial} was signed and has no row" for serial in signed if serial not in home.by_serial),
        *(
            f"the CRL {name} went from number {number} to {home.crl_numbers.get(name)}"
            for name, number in (before or Home()).crl_numbers.items()
            if home.crl_numbers.get(name, 0) < number
        ),
    ]


def _damage(home: Home) -> Iterator[str]:
    if home.integrity != "ok":
        yield f"integrity_check: {home.integrity}"
    for row in home.issued:
        if row.der is None or _serial(x509.load_der_x509_certificate(row.der)) != row.serial:
            yield f"{row.serial} is issued and its row holds no such certificate"


def _unfinished(home: Home, before: Home) -> Iterator[str]:
    """Invariant 1: every intention becomes a certificate of the same serial, or is given up and revoked."""
    for row in home.rows:
        if row.state == "intended":
            yield f"{row.serial} is still an intention"
        if row.state == "abandoned" and row.serial not in home.revoked:
            yield f"{row.serial} was given up and is not revoked"
    for serial in before.by_serial.keys() - home.by_serial.keys():
        yield f"the row of {serial} is gone"


def _twice(home: Home) -> Iterator[str]:
    """Invariant 6: one request, one certificate; and each is journaled once."""
    requests = Counter((row.registration, row.names, row.key) for row in home.issued)
    yield from (
        f"{count} certificates for one request: {names!r}" for (_, names, _), count in requests.items() if count > 1
    )
    journaled = Counter(home.journaled)
    for row in home.issued:
        if journaled[row.serial] != 1:
            yield f"{row.serial} is issued and journaled {journaled[row.serial]} times"
    for serial in journaled.keys() - {row.serial for row in home.issued}:
        yield f"{serial} is journaled as issued and is not"


def _lost(home: Home, certificates: Iterable[bytes], revoked: Iterable[int]) -> Iterator[str]:
    """Invariant 2: what was acknowledged is there."""
    stored = {row.der for row in home.issued}
    for der in certificates:
        if der not in stored:
            yield f"the acknowledged certificate {_serial(x509.load_der_x509_certificate(der))} is lost"
    for serial in revoked:
        if f"{serial:040x}" not in home.revoked:
            yield f"the acknowledged revocation of {serial:040x} is lost"
