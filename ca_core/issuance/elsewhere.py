"""CAs that another CA certifies, such as an offline root (RFC 2986): the request, and what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core import der
from ca_core.audit import journal
from ca_core.audit.event import CaMade, CaRequested, CaWithdrawn, RootTrusted
from ca_core.clock import Clock
from ca_core.errors import Misconfigured
from ca_core.issuance.ca_certificate import request_info
from ca_core.issuance.chain import prove_chain
from ca_core.issuance.fit import require_outlived
from ca_core.issuance.rotation import NewKey, key_after, next_name, require_kind, require_line
from ca_core.issuance.succession import Succession, claim_key, sha256, spki_of_certificate
from ca_core.policy.keys import spki_der, spki_sha256
from ca_core.policy.profile import Profile
from ca_core.store import authorities as table
from ca_core.store import holds
from ca_core.store.authorities import Row
from ca_core.store.database import Database, Transaction


class Elsewhere:
    """Asks another CA for a certificate, and takes it in.

    Args:
        actor: who asks, for the journal.
    """

    def __init__(self, database: Database, clock: Clock, succession: Succession, *, actor: str) -> None:
        self._database = database
        self._clock = clock
        self._succession = succession
        self._actor = actor

    async def request(self, line: str, key: NewKey, *, subject_der: bytes) -> bytes:
        """The certification request, in DER, for the next CA of a line; while one waits, the request for it again.

        Raises:
            Misconfigured: no name for a line, or that of a root; a key that does not open, cannot be made, or is
                not the one that was asked for.
        """
        require_line(line)
        async with self._database.read() as tx:
            rows = await table.every(tx)
        if any(row.line == line and row.parent == row.name for row in rows):
            raise Misconfigured(f"{line} is the name of a root; ask for an issuing CA of another name")
        waiting = [row for row in rows if row.line == line and _is_waiting(row)]
        name = waiting[0].name if waiting else next_name(line, {row.name for row in rows})
        if waiting:
            uri = waiting[0].key_uri
        else:
            made = [one for one in self._succession.authorities.all() if one.line == line]
            wanted = key_after(made[-1], key) if made else key
            uri = self._succession.strongbox.make_key(name, wanted.kind or "ec-p256", wanted.uri)
        signing = require_kind(self._succession.key(uri), key, uri)
        spki = spki_der(signing.public_key)
        if not waiting:
            await self._wait(Row(name, line, "", uri, None, None, signs_from=0), spki)
        info = request_info(subject_der, spki)
        return der.assemble(info, signing.algorithm, await signing.sign(info))

    async def withdraw(self, line: str) -> str:
        """Give up the request of a line that waits; return the name that it had.

        Raises:
            Misconfigured: none waits.
        """
        async with self._database.write() as tx:
            await tx.hold(holds.AUTHORITIES)
            waiting = [row for row in await table.every(tx) if row.line == line and _is_waiting(row)]
            if not waiting:
                raise Misconfigured(f"no request of the line {line[:64]!r} waits; see: soapstone authority show")
            await table.withdraw(tx, waiting[0].name)
            await journal.record(tx, CaWithdrawn(waiting[0].name), now=self._clock.now(), actor=self._actor)
        return waiting[0].name

    async def take(self, certificates: Sequence[x509.Certificate], *, at: int, profiles: Iterable[Profile] = ()) -> str:
        """Take in the certificate of a CA that waits for it, and the chain above; return the CA's name.

        Args:
            certificates: the CA's own first, each followed by its issuer, the self-signed root last.
            at: from when it issues, UTC seconds.
            profiles: those of its line have to fit into its life.

        Raises:
            Misconfigured: no CA waits for it, the chain does not lead to its root, or a profile does not fit.
        """
        now = self._clock.now()
        own, *above = certificates
        async with self._database.read() as tx:
            rows = await table.every(tx)
        row = self._waiting_for(own, rows)
        names = _names_above(row.name, above, rows)
        prove_chain([(row.name, own), *zip(names, above, strict=True)], now=now)
        for profile in profiles:
            if profile.issuer == row.line:
                require_outlived(profile, self._succession.strongbox.described(row.name, own))
        async with self._database.write() as tx:
            await tx.hold(holds.AUTHORITIES)
            await self._take_above(tx, names, above, {one.name for one in rows})
            encoded = own.public_bytes(Encoding.DER)
            if not await table.certify(tx, row.name, encoded, parent=names[0], signs_from=at):
                raise Misconfigured(f"the CA {row.name} has its certificate already")
            event = CaMade(row.name, row.line, names[0], sha256(encoded), at)
            await journal.record(tx, event, now=now, actor=self._actor)
        await self._succession.turn()
        return row.name

    async def _wait(self, row: Row, spki: bytes) -> None:
        now = self._clock.now()
        async with self._database.write() as tx:
            await tx.hold(holds.AUTHORITIES)
            await claim_key(tx, row.name, spki, owner=row.name)
            if not await table.insert(tx, row, now=now):
                raise Misconfigured(f"there is a CA {row.name} already; look with: soapstone authority show")
            event = CaRequested(row.name, spki_sha256(spki).hex())
            await journal.record(tx, event, now=now, actor=self._actor)

    def _waiting_for(self, certificate: x509.Certificate, rows: Sequence[Row]) -> Row:
        spki = spki_der(certificate.public_key())
        for row in rows:
            if _is_waiting(row) and spki_der(self._succession.key(row.key_uri).public_key) == spki:
                return row
        raise Misconfigured("no CA waits for a certificate with this key; make a request: soapstone authority csr")

    async def _take_above(
        self, tx: Transaction, names: Sequence[str], above: Sequence[x509.Certificate], known: set[str]
    ) -> None:
        now = self._clock.now()
        # The root is stored first: CAs are read in the order in which they came, and each needs the one above.
        for position, (name, certificate) in reversed(list(enumerate(zip(names, above, strict=True)))):
            if name in known:
                continue
            encoded = certificate.public_bytes(Encoding.DER)
            parent = names[position + 1] if position + 1 < len(names) else name
            await claim_key(tx, name, spki_of_certificate(encoded), owner=name)
            await table.insert(tx, Row(name, name, parent, "", encoded, None, signs_from=0), now=now)
            await journal.record(tx, RootTrusted(name, sha256(encoded)), now=now, actor=self._actor)


def _is_waiting(row: Row) -> bool:
    return row.certificate is None and row.tbs is None


def _names_above(name: str, above: Sequence[x509.Certificate], rows: Sequence[Row]) -> list[str]:
    """Those that are known keep their names; others are named after the CA that they certify.

    Raises:
        Misconfigured: there is nothing above.
    """
    if not above:
        raise Misconfigured("the file must hold the CA's certificate and those above it, the root last, in PEM")
    known = {row.certificate: row.name for row in rows if row.certificate is not None}
    taken = {row.name for row in rows}
    names: list[str] = []
    for position, certificate in enumerate(above):
        title = "root" if position + 1 == len(above) else "parent"
        encoded = certificate.public_bytes(Encoding.DER)
        names.append(known.get(encoded) or next_name(f"{name}-{title}", taken | set(names)))
    return names
