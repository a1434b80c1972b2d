"""What a subscriber holds: their own certificates, page by page (RULES, S12), and each with all that became of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ca_core.clock import Clock
from ca_core.policy.profile import Profile
from ca_core.policy.renewal import Window, renewal_window
from ca_core.policy.status import CertificateStatus, certificate_status
from ca_core.registration.account import Registration
from ca_core.revocation.request import RevocationRequest
from ca_core.staff.certificate_search import CertificateSearch
from ca_core.staff.lines import MOST_LINES, CertificateFilter, CertificateLine, Page
from ca_core.store import own_certificates, related, revocation_requests
from ca_core.store.certificates import Certificate
from ca_core.store.database import Database, Transaction
from ca_core.store.related import Happening, Related

_ANY = CertificateFilter()
_MOST_RELATED = 20
_MOST_HAPPENINGS = 200
_MOST_REQUESTS = 50


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate of a subscriber's.

    Attributes:
        status: at the time of asking.
        window: when it may be renewed.
        replaced_by, same_key: of the same subscriber's, the newest first.
        requests: to revoke it, the newest first, decided ones too.
        happened: what the journal holds of it, the first one first.
    """

    certificate: Certificate
    status: CertificateStatus
    window: Window
    replaced_by: tuple[Related, ...]
    same_key: tuple[Related, ...]
    requests: tuple[RevocationRequest, ...]
    happened: tuple[Happening, ...]


class Holdings:
    """Looks up what a registration holds, and nothing of anybody else's."""

    def __init__(self, database: Database, clock: Clock, profiles: Mapping[str, Profile], *, window_days: int) -> None:
        self._database = database
        self._clock = clock
        self._search = CertificateSearch(profiles, window_days=window_days)

    async def page(
        self, registration: Registration, wanted: CertificateFilter = _ANY, *, after: str | None = None, most: int = 20
    ) -> Page[CertificateLine]:
        """Certificates, the last to expire first.

        Args:
            wanted: of which whose they are does not matter.
            after: `more` of the page before, or the `place` of a line.

        Raises:
            BadRequest: what is looked for cannot be, or there is no such place.
        """
        wanted = msgspec.structs.replace(wanted, account=registration.account, text=None)
        most = max(1, min(most, MOST_LINES))
        async with self._database.read() as tx:
            return await self._search.page_of(
                tx, registration.id, wanted, after=after, most=most, now=self._clock.now()
            )

    async def one(self, registration: Registration, serial: str) -> Held:
        """A certificate and what is connected with it.

        Args:
            serial: 40 hex digits.

        Raises:
            NotFound: there is none, or it is another's.
        """
        async with self._database.read() as tx:
            certificate = await own_certificates.one(tx, registration.id, serial)
            replaced_by = await related.in_place_of(tx, serial, most=_MOST_RELATED)
            return Held(
                certificate=certificate,
                status=self._status(certificate),
                window=self._window(certificate),
                replaced_by=tuple(one for one in replaced_by if one.registration_id == registration.id),
                same_key=await _same_key(tx, certificate),
                requests=tuple(await revocation_requests.about(tx, registration.id, serial, most=_MOST_REQUESTS)),
                happened=tuple(await related.happenings(tx, serial, most=_MOST_HAPPENINGS)),
            )

    async def requests(self, registration: Registration) -> list[RevocationRequest]:
        """What became of the requests to revoke certificates of theirs, the newest first."""
        async with self._database.read() as tx:
            return await revocation_requests.of_registration(tx, registration.id, most=_MOST_REQUESTS)

    def _status(self, certificate: Certificate) -> CertificateStatus:
        return certificate_status(
            certificate.not_before,
            certificate.not_after,
            certificate.revoked_at,
            is_on_hold=certificate.is_on_hold,
            window_days=self._search.window_days(certificate.profile),
            now=self._clock.now(),
        )

    def _window(self, certificate: Certificate) -> Window:
        return renewal_window(
            certificate.not_before,
            certificate.not_after,
            days=self._search.window_days(certificate.profile),
            recalled_at=certificate.recalled_at,
        )


async def _same_key(tx: Transaction, certificate: Certificate) -> tuple[Related, ...]:
    found = await related.of_key(tx, certificate.spki_sha256, most=_MOST_RELATED)
    return tuple(
        one for one in found if one.serial != certificate.serial and one.registration_id == certificate.registration_id
    )
