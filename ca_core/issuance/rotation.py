"""New CAs: beside the others, in the place of one before, or certified by another CA elsewhere.

What is about to be signed is stored first, as in every issuance (DESIGN, invariant 1); a ceremony that a
crash interrupted is finished by the next one.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ca_core import der
from ca_core.audit import journal
from ca_core.audit.event import CaMade, RootsCrossed
from ca_core.clock import Clock, rfc3339
from ca_core.errors import Misconfigured
from ca_core.identity import new_serial
from ca_core.issuance.authorities import ISSUING, ROOT, Standing
from ca_core.issuance.ca_certificate import ISSUING_LEVELS, ROOT_LEVELS, Signer, issued_tbs, root_tbs
from ca_core.issuance.ceremony import ISSUING_YEARS, ROOT_YEARS, ca_name, new_suffix, validity
from ca_core.issuance.chain import prove_chain
from ca_core.issuance.succession import Succession, claim_key, sha256
from ca_core.policy.keys import spki_der
from ca_core.signing.key import SigningKey
from ca_core.signing.software import KeyKind, kind_of
from ca_core.store import authorities as table
from ca_core.store import holds
from ca_core.store.authorities import CrossRow, Row
from ca_core.store.database import Database

_LINE = re.compile(r"[a-z][a-z0-9-]{0,31}")
_NUMBERED = re.compile(r"-[0-9]*$")
"""What rotations append."""


class NewKey(msgspec.Struct, frozen=True):
    """Which key a new CA gets.

    Attributes:
        kind: what is made; None means the kind that the CA before has.
        uri: where it is kept, such as `pkcs11:...`; None means a file of the home.
    """

    kind: KeyKind | None = None
    uri: str | None = None


class Rotation:
    """Makes CAs whose certificates are signed here.

    Args:
        actor: who asks, for the journal.
    """

    def __init__(self, database: Database, clock: Clock, succession: Succession, *, actor: str) -> None:
        self._database = database
        self._clock = clock
        self._succession = succession
        self._actor = actor

    async def add(self, line: str, key: NewKey, *, own_root: bool) -> Sequence[str]:
        """Begin a line of issuing CAs beside the others; return the names of the CAs that were made.

        Args:
            line: what profiles will name.
            own_root: whether a root of its own certifies it, of the same kind of key, instead of the newest one.

        Raises:
            Misconfigured: the name is taken, or there is no root whose key is here.
        """
        require_line(line)
        if await self._next_name(line) != line:
            raise Misconfigured(f"there is a CA {line} already; choose another name, or rotate it")
        before = await self.finish()
        now = self._clock.now()
        rows: list[Row] = []
        if own_root:
            kind = key.kind or "ec-p256"
            root = f"{line}-root"
            row, signer = self._root(root, root, kind, ca_name(f"Soapstone {line} Root CA {new_suffix()}", None))
            rows.append(row)
            ends_at = validity(now, ROOT_YEARS)[1]
        else:
            standing = self._online(ROOT)
            root, signer, ends_at = standing.name, self._signer(standing), standing.certificate.not_after
            kind = key.kind or kind_of(standing.certificate.certificate.public_key())
        # A key that is there is of the kind that it is.
        wanted = NewKey(key.kind if key.uri else kind, key.uri)
        rows.append(self._issuing(line, line, wanted, root, signer, signs_from=now, ends_at=ends_at))
        return [*before, *await self._intend(rows, [])]

    async def rotate(self, line: str, key: NewKey, *, at: int) -> Sequence[str]:
        """Make the next CA of a line below the newest root of the one before; it issues from `at` on, UTC seconds.

        Raises:
            Misconfigured: there is no such line, no root whose key is here, or the root ends before that.
        """
        before = await self.finish()
        root = self._online(self._root_line(line))
        name, like = await self._next_name(line), key_after(self._newest(line), key)
        ends_at = root.certificate.not_after
        row = self._issuing(name, line, like, root.name, self._signer(root), signs_from=at, ends_at=ends_at)
        return [*before, *await self._intend([row], [])]

    async def rotate_root(self, line: str, key: NewKey, *, at: int) -> Sequence[str]:
        """Make the next root of a line, the cross-certificates, and below it the next CA of each line it certifies.

        It has the name of the root before.

        OldWithNew lets who trusts the new root verify what the old one leads to, NewWithOld the other way
        round (RFC 4210, 4.4); both end with the old root.

        Args:
            key: of the new CAs; a URI fits where there is one line only.
            at: from when they issue, UTC seconds.

        Raises:
            Misconfigured: there is no root whose key is here, or one URI and several lines.
        """
        before = await self.finish()
        old = self._online(self._root_line(line))
        lines = sorted(name for name in self._succession.authorities.lines if self._root_line(name) == old.line)
        if key.uri and len(lines) > 1:
            raise Misconfigured(f"one key cannot serve {', '.join(lines)}; rotate them one by one afterwards")
        keys = {below: key_after(self._newest(below), key) for below in lines}
        ends_at = validity(self._clock.now(), ROOT_YEARS)[1]
        _require_before(at, ends_at)
        kind = key.kind or kind_of(old.certificate.certificate.public_key())
        root = await self._next_name(old.line)
        row, signer = self._root(root, old.line, kind, old.certificate.subject_der)
        rows = [row]
        for below in lines:
            name = await self._next_name(below)
            rows.append(self._issuing(name, below, keys[below], root, signer, signs_from=at, ends_at=ends_at))
        return [*before, *await self._intend(rows, self._crossed(old, root, signer))]

    async def finish(self) -> Sequence[str]:
        """Sign what was intended, and read the CAs anew; return the names of the CAs that were finished.

        Raises:
            Misconfigured: a key does not open, or is not that of its certificate.
            Busy: a key cannot be used now.
        """
        async with self._database.read() as tx:
            rows = {row.name: row for row in await table.every(tx)}
            crosses = await table.crosses(tx)
        # A root before what it certifies.
        intended = sorted((row for row in rows.values() if row.tbs is not None), key=lambda row: row.parent != row.name)
        for row in intended:
            above = rows[row.parent]
            certificate = await self._signed(row.tbs or b"", above, is_root=above is row)
            rows[row.name] = msgspec.structs.replace(row, certificate=certificate)
            # Before it is stored: what does not hold together would be of no use, and in everybody's way.
            prove_chain(_path(row.name, rows), now=self._clock.now())
            await self._store(row, certificate)
        for cross in crosses:
            if cross.tbs is not None:
                await self._store_cross(cross, await self._signed(cross.tbs, rows[cross.issuer], is_root=False))
        await self._succession.turn()
        return [row.name for row in intended]

    async def _intend(self, rows: Sequence[Row], crosses: Sequence[CrossRow]) -> Sequence[str]:
        now = self._clock.now()
        async with self._database.write() as tx:
            await tx.hold(holds.AUTHORITIES)
            for row in rows:
                await claim_key(tx, row.name, der.spki_of(row.tbs or b""), owner=row.name)
                if not await table.insert(tx, row, now=now):
                    raise Misconfigured(f"there is a CA {row.name} already; look with: soapstone authority show")
            for cross in crosses:
                await table.insert_cross(tx, cross)
        return await self.finish()

    async def _signed(self, tbs: bytes, above: Row, *, is_root: bool) -> bytes:
        """A certificate signed by the CA above, which for a root is the root itself."""
        key = self._succession.key(above.key_uri)
        certificate = der.assemble(tbs, key.algorithm, await key.sign(tbs))
        parsed = x509.load_der_x509_certificate(certificate)
        issuer = parsed if is_root else x509.load_der_x509_certificate(above.certificate or b"")
        try:
            parsed.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise Misconfigured(f"the key of the CA {above.name} is not that of its certificate") from None
        return certificate

    async def _store(self, row: Row, certificate: bytes) -> None:
        async with self._database.write() as tx:
            if not await table.certify(tx, row.name, certificate, parent=row.parent, signs_from=row.signs_from):
                return
            event = CaMade(row.name, row.line, row.parent, sha256(certificate), row.signs_from)
            await journal.record(tx, event, now=self._clock.now(), actor=self._actor)

    async def _store_cross(self, row: CrossRow, certificate: bytes) -> None:
        async with self._database.write() as tx:
            if await table.certify_cross(tx, row.subject, row.issuer, certificate):
                event = RootsCrossed(row.subject, row.issuer, sha256(certificate))
                await journal.record(tx, event, now=self._clock.now(), actor=self._actor)

    def _root(self, name: str, line: str, kind: KeyKind, subject_der: bytes) -> tuple[Row, Signer]:
        """A root in the making, and what it signs with."""
        uri = self._succession.strongbox.make_key(name, kind, None)
        signer = self._signing(name, subject_der, uri)
        tbs = root_tbs(signer, serial=new_serial(), validity=validity(self._clock.now(), ROOT_YEARS))
        return Row(name, line, name, uri, None, tbs, signs_from=self._clock.now()), signer

    def _issuing(
        self, name: str, line: str, key: NewKey, root: str, signer: Signer, *, signs_from: int, ends_at: int
    ) -> Row:
        """An issuing CA in the making, which ends with its root at the latest."""
        now = self._clock.now()
        _require_before(signs_from, ends_at)
        uri = self._succession.strongbox.make_key(name, key.kind or "ec-p256", key.uri)
        spki = spki_der(require_kind(self._succession.key(uri), key, uri).public_key)
        title = "Issuing CA" if line == ISSUING else f"{line} Issuing CA"
        tbs = issued_tbs(
            signer,
            subject_der=ca_name(f"Soapstone {title} {new_suffix()}", None),
            spki=spki,
            serial=new_serial(),
            # It lives as long as if it began on the day of the switch.
            validity=(validity(now, ISSUING_YEARS)[0], min(ends_at, validity(max(now, signs_from), ISSUING_YEARS)[1])),
            levels_below=ISSUING_LEVELS,
        )
        return Row(name, line, root, uri, None, tbs, signs_from=signs_from)

    def _crossed(self, old: Standing, new: str, new_signer: Signer) -> list[CrossRow]:
        certificate = old.certificate.certificate
        begins, ends = (int(t.timestamp()) for t in (certificate.not_valid_before_utc, certificate.not_valid_after_utc))
        old_signer = self._signer(old)

        def tbs(signer: Signer, spki: bytes, begins: int) -> bytes:
            return issued_tbs(
                signer,
                subject_der=old_signer.subject_der,
                spki=spki,
                serial=new_serial(),
                validity=(begins, ends),
                levels_below=ROOT_LEVELS,
            )

        old_with_new = tbs(new_signer, old_signer.spki, begins)
        new_with_old = tbs(old_signer, new_signer.spki, validity(self._clock.now(), ROOT_YEARS)[0])
        return [CrossRow(old.name, new, None, old_with_new), CrossRow(new, old.name, None, new_with_old)]

    def _signer(self, standing: Standing) -> Signer:
        """What a root signs with; its key is here."""
        return self._signing(standing.name, standing.certificate.subject_der, standing.key_uri)

    def _signing(self, name: str, subject_der: bytes, uri: str) -> Signer:
        key, box = self._succession.key(uri), self._succession.strongbox
        return Signer(subject_der, spki_der(key.public_key), key.algorithm, box.crl_url(name), box.ca_url(name))

    def _online(self, line: str) -> Standing:
        """The newest root of a line, if its key is here."""
        try:
            ca = self._succession.authorities.current(line, now=self._clock.now())
        except Misconfigured:
            raise Misconfigured(
                f"the key of the root {line} is not here; have it sign a request: soapstone authority csr"
            ) from None
        return self._succession.authorities.path(ca.certificate.name)[0]

    def _root_line(self, line: str) -> str:
        """The line of the root above the newest CA of a line."""
        return self._succession.authorities.path(self._newest(line).name)[-1].line

    def _newest(self, line: str) -> Standing:
        """The issuing CA of a line that was made last, whatever its dates."""
        made = [one for one in self._succession.authorities.all() if one.line == line and not one.is_root]
        if not made:
            raise Misconfigured(f"there is no line of issuing CAs {line[:64]!r}; see: soapstone authority show")
        return made[-1]

    async def _next_name(self, line: str) -> str:
        async with self._database.read() as tx:
            taken = {row.name for row in await table.every(tx)}
        return next_name(line, taken)


def require_line(line: str) -> None:
    """Let only a name pass that can stand in URLs and file names, and be numbered.

    Raises:
        Misconfigured: it cannot.
    """
    if not _LINE.fullmatch(line) or _NUMBERED.search(line):
        raise Misconfigured("a line's name is lower-case letters, digits and hyphens, and ends with no number")


def key_after(before: Standing, key: NewKey) -> NewKey:
    """The key of the next CA of a line: where no kind is given, the one that the CA before has.

    Raises:
        Misconfigured: that is in a token, and nobody said that the next one shall be elsewhere.
    """
    if key == NewKey() and not before.key_uri.startswith("file:"):
        raise Misconfigured(
            f"the key of the CA {before.name} is in a token: say where the next one is to be, with --key-uri,"
            " or with --key which kind is to be made in a file"
        )
    return NewKey(key.kind or (None if key.uri else kind_of(before.certificate.certificate.public_key())), key.uri)


def require_kind(opened: SigningKey, wanted: NewKey, uri: str) -> SigningKey:
    """Let only a key pass that is of the kind that was asked for: one that was there may be another.

    Raises:
        Misconfigured: it is not.
    """
    if wanted.kind is not None and kind_of(opened.public_key) != wanted.kind:
        raise Misconfigured(f"the key {uri} is there already and is no {wanted.kind}; leave --key out, or name another")
    return opened


def _require_before(signs_from: int, ends_at: int) -> None:
    if signs_from >= ends_at:
        raise Misconfigured(f"the root ends on {rfc3339(ends_at)}; a CA below it has to begin before that")


def _path(name: str, rows: Mapping[str, Row]) -> list[tuple[str, x509.Certificate]]:
    """A CA and those above it, as they are certified."""
    path = [rows[name]]
    while path[-1].parent != path[-1].name:
        path.append(rows[path[-1].parent])
    return [(row.name, x509.load_der_x509_certificate(row.certificate or b"")) for row in path]


def next_name(line: str, taken: set[str]) -> str:
    """The name of the next CA of a line: `issuing`, `issuing-2`, `issuing-3`."""
    names = itertools.chain([line], (f"{line}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)
