"""Sorts what a subscriber holds by profile and set of names, as the renewal window looks at it (RULES, S9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import msgspec

from ca_core import names as names_module
from ca_core.applicant import Door
from ca_core.policy import decision
from ca_core.policy.profile import Profile
from ca_core.referral.request import EnrollmentRequest
from ca_core.registration.account import Registration
from ca_core.revocation.request import RevocationRequest
from ca_core.store.certificates import Certificate
from ca_core.subscriber.standing import Line, WindowOf, line


class Lines(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What one registration holds, and what of it waits.

    Attributes:
        profiles: by name.
        tolerated: how many live certificates of one line are held before the window decides.
        now: UTC seconds.
    """

    profiles: Mapping[str, Profile]
    window_of: WindowOf
    tolerated: int
    certificates: Sequence[Certificate]
    waiting: Sequence[EnrollmentRequest]
    revocations: Sequence[RevocationRequest]
    now: int

    def offered(self, registration: Registration) -> tuple[Line, ...]:
        """One line for each granted profile that the portal offers, with every name that fits."""
        granted = [self._profile(name) for name in registration.profiles]
        return tuple(
            self._line(profile, names_module.canonical(decision.fitting_names(profile, registration)))
            for profile in granted
            if profile is not None
        )

    def held(self) -> tuple[Line, ...]:
        """One line for each profile and set of names of which there is a certificate that was not revoked."""
        known = [(self._profile(name), names) for name, names in sorted(self._by_key)]
        lines = [self._line(profile, names) for profile, names in known if profile is not None]
        return tuple(one for one in lines if one.certificate is not None)

    @cached_property
    def _by_key(self) -> Mapping[tuple[str, str], Sequence[Certificate]]:
        found: dict[tuple[str, str], list[Certificate]] = {}
        for one in self.certificates:
            found.setdefault((one.profile, one.names), []).append(one)
        return found

    def _profile(self, name: str) -> Profile | None:
        """A profile that the portal offers; None where it does not, or settings have no such one any more."""
        profile = self.profiles.get(name)
        return profile if profile is not None and Door.PORTAL in profile.doors else None

    def _line(self, profile: Profile, names: str) -> Line:
        key = (profile.name, names)
        return line(
            profile,
            names_module.from_canonical(names),
            self._by_key.get(key, ()),
            waiting=next((one for one in self.waiting if (one.profile, one.names) == key), None),
            revocations=self.revocations,
            tolerated=self.tolerated,
            window_of=self.window_of,
            now=self.now,
        )
