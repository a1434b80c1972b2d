"""What is on file about certificates, for their holders and for who can name one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from ca_core.applicant import Applicant
from ca_core.clock import Clock
from ca_core.enrollment import Enrollment
from ca_core.policy.profile import ApprovalRule
from ca_core.policy.renewal import Window, overdue_window, suggested_window
from ca_core.policy.request import CertificationRequest
from ca_core.registration.account import Status
from ca_core.store import certificates, enrollment_requests, registrations
from ca_core.store.certificates import Certificate
from ca_core.store.database import Database

MOST_HELD = 200
_POLLED_SECONDS = 3600


class Advice(msgspec.Struct, frozen=True):
    """When a certificate should be replaced.

    Attributes:
        is_overdue: whether it should have been already: it is revoked, recalled or replaced.
    """

    window: Window
    is_overdue: bool


class OnFile:
    """Looks up; one rule for every door."""

    def __init__(self, database: Database, clock: Clock, enrollment: Enrollment) -> None:
        self._database = database
        self._clock = clock
        self._enrollment = enrollment

    async def advice(self, serial: str, is_meant: Callable[[bytes], bool]) -> Advice | None:
        """When the certificate of a serial should be replaced; None where there is none, or another one is meant.

        It is inside the window in which the core renews, or in the past where it should have been done. One on hold may
        come back and cannot be replaced meanwhile: nothing is moved for it.

        Args:
            is_meant: whether it is the DER of the certificate that is asked about.
        """
        async with self._database.read() as tx:
            found = await certificates.by_serial(tx, serial)
            replaced_at = await certificates.replaced_at(tx, serial) if found else None
        if found is None or not is_meant(found.der):
            return None
        renewable = self._enrollment.renewal_window(found)
        if replaced_at is not None:
            # What has other names beside may replace it early; for these names it would be refused until then.
            replaced_at = max(replaced_at, renewable.opens_at)
        late_since = [found.revoked_at if found.is_revoked else None, replaced_at, found.recalled_at]
        if since := [one for one in late_since if one is not None and one <= self._clock.now()]:
            return Advice(overdue_window(min(since)), is_overdue=True)
        return Advice(suggested_window(renewable, not_before=found.not_before, serial=found.serial), is_overdue=False)

    async def held_by_any(self, accounts: Iterable[str]) -> list[Certificate]:
        """What these accounts hold and can use now, in their order, 200 in all; nothing of one that is not active."""
        now, found = self._clock.now(), list[Certificate]()
        async with self._database.read() as tx:
            for account in accounts:
                one = await registrations.by_account(tx, account)
                if one is not None and one.status_at(now) is Status.ACTIVE:
                    found += await certificates.good(tx, one.id, now=now, most=MOST_HELD - len(found))
        return found

    async def asked_profile(self, applicant: Applicant, request: CertificationRequest) -> str | None:
        """The profile of which a request by this key waits for an officer, or was decided within the hour.

        For clients that say what they want the first time only. None where there is none; and where the default profile
        was asked for with this key as well, or is held: then nothing says that it is not meant.
        """
        if applicant.registered is None:
            return None
        default, *others = self._enrollment.offered(applicant.registered, applicant.door)
        if all(one.approval is ApprovalRule.AUTOMATIC for one in others):
            return None
        key, now = request.spki_sha256, self._clock.now()
        async with self._database.read() as tx:
            asked = await enrollment_requests.profiles_asked(
                tx, applicant.registration_id, key, applicant.door, since=now - _POLLED_SECONDS
            )
            is_held = any(one.profile == default.name for one in await certificates.with_key(tx, key, now=now))
        known = [one for one in asked if one in self._enrollment.profiles]
        return known[0] if known and default.name not in known and not is_held else None

    async def held(self, registration_id: str, profile: str | None) -> list[Certificate]:
        """What a registration holds and can use now: of its newest 200, the newest first.

        Args:
            profile: None means all.
        """
        async with self._database.read() as tx:
            # A partner may hold a hundred thousand, which nobody should keep in memory for one request.
            found = await certificates.good(tx, registration_id, now=self._clock.now(), most=MOST_HELD)
        return [one for one in found if profile in {None, one.profile}]
