"""Certificates as lists show them: found by any field, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec
from cryptography import x509

from ca_core.errors import BadRequest
from ca_core.policy.profile import Profile
from ca_core.policy.renewal import SECONDS_PER_DAY
from ca_core.policy.status import certificate_status
from ca_core.registration.kind import RESERVED
from ca_core.registration.search_terms import words
from ca_core.revocation.reason import Reason
from ca_core.staff.certificate_ways import Way, beginnings, key_of, serial_of, span, way_of
from ca_core.staff.certificates_by_words import ByRegistration, found_lanes
from ca_core.staff.lines import CertificateFilter, CertificateLine, Key, Page, key_at, place_of
from ca_core.staff.paging import filled
from ca_core.staff.role import Actor
from ca_core.staff.scope import Scope, scope_of
from ca_core.store import certificate_lines, lanes
from ca_core.store.database import Row, Transaction
from ca_core.store.further_names import KEPT_CHARACTERS
from ca_core.store.lanes import LAST_TIME, Lane, along

_MOST_REGISTRATIONS = 200
"""So many of those that are found by words are looked at for a page."""

_Shown = Callable[[Row], CertificateLine | None]


class CertificateSearch:
    """Finds certificates.

    Args:
        profiles: says of each how long before its end it is about to expire; of others it is `window_days`.
    """

    def __init__(self, profiles: Mapping[str, Profile], *, window_days: int) -> None:
        self._profiles = profiles
        self._window_days = window_days
        self._longest = max([window_days, *(profile.window_days(window_days) for profile in profiles.values())])

    def window_days(self, profile: str | None) -> int:
        """How many days before its end a certificate of a profile is about to expire; of None, the longest."""
        if profile is None:
            return self._longest
        known = self._profiles.get(profile)
        return known.window_days(self._window_days) if known else self._window_days

    async def page(
        self, tx: Transaction, actor: Actor, wanted: CertificateFilter, *, after: str | None, most: int, now: int
    ) -> Page[CertificateLine]:
        """One page of what the actor sees.

        Raises:
            BadRequest: what is looked for cannot be, or there is no such place.
        """
        wanted = _as_stored(wanted)
        scope = await scope_of(tx, actor)
        shown = self._shown(actor.sees, wanted, now)
        if wanted.text is not None:
            return await self._by_words(tx, scope, wanted, shown, after=after, most=most, now=now)

        way = await way_of(tx, actor, scope, wanted, window=self._window_seconds, now=now)
        return await _along(tx, way, shown, after=after, most=most)

    async def page_of(
        self,
        tx: Transaction,
        registration_id: str,
        wanted: CertificateFilter,
        *,
        after: str | None,
        most: int,
        now: int,
    ) -> Page[CertificateLine]:
        """One page of what a registration holds, the last to expire first, whatever it is looked for by.

        Args:
            wanted: names the registration's account, and no words.

        Raises:
            BadRequest: what is looked for cannot be, or there is no such place.
        """
        wanted = _as_stored(wanted)
        asked = span(wanted, self._window_seconds(None), now) | {"registration_id": registration_id}
        way = Way([Lane(lanes.CERTIFICATES_OF_REGISTRATION, asked)])
        return await _along(tx, way, self._shown(_all, wanted, now), after=after, most=most)

    async def _by_words(
        self,
        tx: Transaction,
        scope: Scope,
        wanted: CertificateFilter,
        shown: _Shown,
        *,
        after: str | None,
        most: int,
        now: int,
    ) -> Page[CertificateLine]:
        """Registration by registration that is found by the words, and of each what ends last first."""
        looked_for = words(wanted.text or "")
        if not looked_for:
            return Page()
        asked = span(wanted, self._window_seconds(None), now)
        fetch = ByRegistration(tx, found_lanes(scope, looked_for), asked).fetch
        first = key_at(after, is_text=True) or (looked_for[0], "")
        return await filled(fetch, shown, first, most=most, most_looked=_MOST_REGISTRATIONS)

    def _window_seconds(self, profile: str | None) -> int:
        return self.window_days(profile) * SECONDS_PER_DAY

    def _shown(self, sees: _Sees, wanted: CertificateFilter, now: int) -> _Shown:
        names = beginnings(wanted.name) if wanted.name is not None else None

        def shown(row: Row) -> CertificateLine | None:
            found = row[2]
            if found is None or found[2] in RESERVED:
                return None
            line = self._line(place_of((row[0], row[1])), found, now)
            is_wanted = sees(_Whose(line.realm, found[4])) and _fits(line, wanted)
            return line if is_wanted and (names is None or _is_named(line, names, row[0], wanted)) else None

        return shown

    def _line(self, place: str, row: Row, now: int) -> CertificateLine:
        serial, account, _, realm, _, subject, subject_der, profile, names, issuer, *rest = row
        not_before, not_after, issued_at, revoked_at, reason, replaces, recalled_at, spki_sha256, der = rest
        return CertificateLine(
            place=place,
            serial=serial,
            account=account,
            realm=realm,
            status=certificate_status(
                not_before,
                not_after,
                revoked_at,
                is_on_hold=reason == Reason.CERTIFICATE_HOLD,
                window_days=self.window_days(profile),
                now=now,
            ),
            profile=profile,
            # What was registered later is not what the certificate says.
            subject=subject if subject_der in der else _subject(der),
            names=tuple(names.splitlines()),
            issuer=issuer,
            not_before=not_before,
            not_after=not_after,
            issued_at=issued_at,
            revoked_at=revoked_at,
            reason=reason,
            replaces=replaces,
            recalled_at=recalled_at,
            key=spki_sha256.hex(),
        )


class _Whose(msgspec.Struct, frozen=True):
    realm: str
    owner: str | None


_Sees = Callable[[_Whose], bool]


def _all(_: _Whose) -> bool:
    return True


async def _along(tx: Transaction, way: Way, shown: _Shown, *, after: str | None, most: int) -> Page[CertificateLine]:
    async def fetch(behind: Key, at_once: int) -> list[Row]:
        rows = await along(tx, way.lanes, behind, most=at_once, is_descending=way.is_descending)
        whole = await certificate_lines.of(tx, [row[1] for row in rows])
        return [(*row, whole.get(row[1])) for row in rows]

    first = key_at(after, is_text=way.is_by_text) or way.first
    return await filled(fetch, shown, first, most=most)


@lru_cache(maxsize=1024)
def _subject(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).subject.rfc4514_string()


def _as_stored(wanted: CertificateFilter) -> CertificateFilter:
    """The same, spelled as the store does.

    Raises:
        BadRequest: what is looked for cannot be.
    """
    if wanted.text is not None and not (wanted.account is None and wanted.serial is None and wanted.key is None):
        raise BadRequest("an account, a serial or a key says all that words could say; leave the words out")
    for text in (wanted.account, wanted.profile, wanted.issuer):
        if text is not None and not text.isprintable():
            raise BadRequest("what is looked for cannot be printed")
    return msgspec.structs.replace(
        wanted,
        serial=None if wanted.serial is None else serial_of(wanted.serial),
        key=None if wanted.key is None else key_of(wanted.key),
        expires_from=_bounded(wanted.expires_from),
        expires_until=_bounded(wanted.expires_until),
    )


def _bounded(time: int | None) -> int | None:
    return None if time is None else max(0, min(time, LAST_TIME))


def _fits(line: CertificateLine, wanted: CertificateFilter) -> bool:
    return (
        (wanted.serial is None or line.serial.startswith(wanted.serial))
        and wanted.account in {None, line.account}
        and wanted.profile in {None, line.profile}
        and wanted.issuer in {None, line.issuer}
        and wanted.status in {None, line.status}
        and wanted.key in {None, line.key}
        and (wanted.expires_from is None or line.not_after >= wanted.expires_from)
        and (wanted.expires_until is None or line.not_after <= wanted.expires_until)
    )


def _is_named(line: CertificateLine, names: tuple[str, ...], key: str | int, wanted: CertificateFilter) -> bool:
    """Whether one of its names begins so; of several, it is shown at the place of the first only."""
    found = [name[:KEPT_CHARACTERS] for name in line.names if name.startswith(names)]
    is_by_name = wanted.serial is None and wanted.key is None and wanted.account is None and wanted.text is None
    return bool(found) and (not is_by_name or found[0] == str(key).partition("\n")[0])
