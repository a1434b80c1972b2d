"""The CAs of this server, opened: which one issues, which still sign CRLs, and the chains that clients are sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec
from cryptography import x509

from ca_core.errors import Misconfigured
from ca_core.issuance.chain import IssuerCertificate
from ca_core.signing.key import SigningKey

ROOT = "root"
"""The line of the roots that this server made."""
ISSUING = "issuing"
"""The line of issuing CAs that profiles mean where they name none."""
TRANSPORT = "transport"
"""The line that issues this server's own certificate, where the TLS library cannot serve one of `issuing`."""

# Each revoked certificate has to be on a CRL that was issued after its end (RFC 5280, 3.3), and a root's are rare.
_AFTERLIFE_SECONDS = 100 * 86_400
_REMEMBERED = 64


class IssuingCa(msgspec.Struct, frozen=True):
    """A CA that signs: its certificate and the key behind it."""

    certificate: IssuerCertificate
    key: SigningKey


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One CA as it stands.

    Attributes:
        line: what profiles name; a rotation makes the next CA of a line.
        parent: the name of the CA that signed its certificate; its own name where it signed itself.
        signs_from: since when it issues, UTC seconds.
        last_expiry: when the last certificate that it issued expires, UTC seconds; 0 where it issued none.
        certificate: its certificate.
        key_uri: where its key is; empty where that is elsewhere.
        key: None where it is elsewhere, needed no more, or not to be had.
        trouble: why it cannot be used, in a sentence for the operator; empty where nothing is wrong.
    """

    line: str
    parent: str
    signs_from: int
    last_expiry: int
    certificate: IssuerCertificate
    key_uri: str
    key: SigningKey | None
    trouble: str = ""

    @property
    def name(self) -> str:
        """As in `/crl/NAME.crl`."""
        return self.certificate.name

    @property
    def is_root(self) -> bool:
        """Whether it signed itself."""
        return self.parent == self.name


class Cross(msgspec.Struct, frozen=True):
    """A cross-certificate: the key of one root, certified by another of the same name (RFC 4210, 4.4)."""

    subject: str
    issuer: str
    certificate: x509.Certificate


class Authorities:
    """What is known of the CAs; `Succession.turn` brings it up to date while the server runs."""

    def __init__(self, standings: Iterable[Standing] = (), crosses: Iterable[Cross] = ()) -> None:
        self._standings: Mapping[str, Standing] = {}
        self._crosses: Sequence[Cross] = ()
        # Asked for with each certificate that is fetched: for a second they stay as they are, unless something changes.
        self._chains_at = lru_cache(maxsize=_REMEMBERED)(self._find_chains)
        self.take(standings, crosses)

    def take(self, standings: Iterable[Standing], crosses: Iterable[Cross]) -> None:
        """Put newer knowledge in the place of the old, whole."""
        self._standings = {standing.name: standing for standing in standings}
        self._crosses = tuple(crosses)
        self._chains_at.cache_clear()

    @property
    def lines(self) -> frozenset[str]:
        """The lines that profiles may name: those of issuing CAs whose keys are here."""
        return frozenset(
            standing.line for standing in self._standings.values() if not standing.is_root and standing.key_uri
        )

    def all(self) -> Sequence[Standing]:
        """Every CA, those that came first at the front."""
        return tuple(self._standings.values())

    def current(self, line: str, *, now: int) -> IssuingCa:
        """The CA of a line that issues at a time: of those that have begun, the one that began last.

        Raises:
            Misconfigured: the line has none, or it cannot be used; says why.
        """
        standing = self._current(line, now)
        if standing is None:
            raise Misconfigured(f"there is no CA {line} that issues; see: soapstone authority show")
        return _usable(standing)

    def path(self, name: str) -> Sequence[Standing]:
        """A CA and those above it, the root last; the name comes from here or from the store."""
        path = [self._standings[name]]
        while not path[-1].is_root:
            path.append(self._standings[path[-1].parent])
        return path

    def named(self, name: str) -> IssuingCa:
        """The CA of a name, whether it still issues or not.

        Raises:
            Misconfigured: there is none, or its key is not here.
        """
        if name not in self._standings:
            raise Misconfigured(f"there is no CA {name}; see: soapstone authority show")
        return _usable(self._standings[name])

    def publishing(self, *, now: int) -> list[IssuingCa]:
        """The CAs that sign CRLs and OCSP responders: until after the last certificate that one issued has expired."""
        return [
            IssuingCa(standing.certificate, standing.key)
            for standing in self._standings.values()
            if standing.key is not None and self.is_publishing(standing, now=now)
        ]

    def is_publishing(self, standing: Standing, *, now: int) -> bool:
        """Whether a CA still has anything to say about what it issued."""
        if standing.certificate.not_after < now:
            return False
        is_in_use = standing.signs_from > now or standing == self._current(standing.line, now)
        return is_in_use or standing.last_expiry + _AFTERLIFE_SECONDS >= now

    def chains(self, name: str, *, now: int) -> tuple[tuple[x509.Certificate, ...], ...]:
        """What a client is sent beside a certificate: the CA's own certificate and those up to the root, without it.

        The first is sent unasked. While a root before it lives, its key certified by the one before closes the chain,
        and so on back to the oldest that lives, so that who trusts that one can follow (NewWithOld; RFC 4210, 4.4).
        Then come one for each of those who trust only one of the other roots: those that end sooner at a root
        between, down to the CA's own; and those that lead from that to the roots that came after it (OldWithNew).
        """
        return self._chains_at(name, now)

    def _find_chains(self, name: str, now: int) -> tuple[tuple[x509.Certificate, ...], ...]:
        *below, root = self.path(name)
        chain = tuple(standing.certificate.certificate for standing in below)
        older, newer = (self._links(root.name, to_older=to_older, now=now) for to_older in (True, False))
        shorter = [older[:length] for length in reversed(range(len(older) + 1))]
        longer = [newer[:length] for length in range(1, len(newer) + 1)]
        return tuple(chain + links for links in (*shorter, *longer))

    def _links(self, root: str, *, to_older: bool, now: int) -> tuple[x509.Certificate, ...]:
        """The cross-certificates from a root to the one next to it, and so on to the first or last that lives."""
        found: list[x509.Certificate] = []
        link: str | None = root
        while link is not None:
            beside = [
                cross
                for cross in self._crosses
                if cross.subject == link and self._is_older(cross.issuer, link) is to_older and _is_live(cross, now)
            ]
            found += [cross.certificate for cross in beside[:1]]
            link = beside[0].issuer if beside else None
        return tuple(found)

    def published(self, *, now: int) -> tuple[x509.Certificate, ...]:
        """Every CA and cross-certificate that has not expired, as EST's `/cacerts` sends them (RFC 7030, 4.1.3)."""
        own = [
            standing.certificate.certificate
            for standing in self._standings.values()
            if standing.certificate.not_after >= now
        ]
        return (*reversed(own), *(cross.certificate for cross in self._crosses if _is_live(cross, now)))

    def _current(self, line: str, now: int) -> Standing | None:
        begun = [
            standing
            for standing in self._standings.values()
            if standing.line == line and standing.signs_from <= now <= standing.certificate.not_after
        ]
        # Of two that begin in one second, the one that was made later.
        return max(reversed(begun), key=lambda standing: standing.signs_from, default=None)

    def _is_older(self, one: str, other: str) -> bool:
        names = list(self._standings)
        return names.index(one) < names.index(other)


def transport_line(authorities: Authorities) -> str:
    """The line that issues this server's own certificate."""
    return TRANSPORT if TRANSPORT in authorities.lines else ISSUING


def _usable(standing: Standing) -> IssuingCa:
    if standing.trouble:
        raise Misconfigured(standing.trouble)
    if standing.key is None:
        raise Misconfigured(f"the key of the CA {standing.name} is not here; see: soapstone authority show")
    return IssuingCa(standing.certificate, standing.key)


def _is_live(cross: Cross, now: int) -> bool:
    return now <= cross.certificate.not_valid_after_utc.timestamp()
