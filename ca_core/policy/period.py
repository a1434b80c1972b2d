"""From when to when a certificate is valid: what the profile gives, less what the subscriber does not want of it."""

from __future__ import annotations

import msgspec

from ca_core.clock import rfc3339
from ca_core.errors import PeriodNotOffered
from ca_core.policy.profile import ApprovalRule, Profile

MAX_BACKDATING_SECONDS = 300
_BACKDATED_SHARE = 20


class Period(msgspec.Struct, frozen=True):
    """Both ends are UTC seconds and inclusive (RFC 5280, 4.1.2.5)."""

    not_before: int
    not_after: int


class WishedPeriod(msgspec.Struct, frozen=True):
    """What a subscriber would rather have (RFC 8555, 7.4), UTC seconds; None leaves an end to the profile."""

    not_before: int | None = None
    not_after: int | None = None


WHOLE = WishedPeriod()
"""No wish."""


def require_known_start(profile: Profile, wished: WishedPeriod) -> None:
    """Let nobody choose the first second of what an officer looks at first: it may be over by then.

    A certificate has the dates that were asked for, or is none (RFC 8555, 7.4).

    Raises:
        PeriodNotOffered: says so.
    """
    if wished.not_before is not None and profile.approval is not ApprovalRule.AUTOMATIC:
        raise PeriodNotOffered(
            f"the registration authority looks at {profile.name} certificates first, and when it has done so is not"
            " known: leave notBefore out"
        )


def whole_period(profile: Profile, *, issuer_not_after: int, now: int) -> Period:
    """What a certificate of the profile gets that is issued now, and that must not outlive its issuer."""
    # Backdated, because clocks of relying parties run behind and a fresh certificate would not be valid yet
    # for them; by a small share only, so that a short life stays a life.
    not_before = now - min(MAX_BACKDATING_SECONDS, profile.validity_seconds // _BACKDATED_SHARE)
    # A certificate that outlives its issuer would stop to verify without warning before its date.
    return Period(not_before, min(not_before + profile.validity_seconds, issuer_not_after))


def period(profile: Profile, wished: WishedPeriod, *, issuer_not_after: int, now: int) -> Period:
    """The period of a certificate that is issued now.

    A wish only ever cuts off some of the whole period: no certificate is valid at a moment at which one without a
    wish would not be.

    Raises:
        PeriodNotOffered: it asks for more, or for nothing; says what there is.
    """
    whole = whole_period(profile, issuer_not_after=issuer_not_after, now=now)
    not_before = whole.not_before if wished.not_before is None else wished.not_before
    not_after = whole.not_after if wished.not_after is None else wished.not_after
    is_inside = whole.not_before <= not_before and not_after <= whole.not_after
    if wished != WHOLE and not (is_inside and max(not_before, now) < not_after):
        raise PeriodNotOffered(
            f"a {profile.name} certificate that is issued now can be valid from {rfc3339(whole.not_before)} to"
            f" {rfc3339(whole.not_after)}, or for some of that time that is not over: choose notBefore and notAfter"
            " so, or leave them out"
        )
    return Period(not_before, not_after)
