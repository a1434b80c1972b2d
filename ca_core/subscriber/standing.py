"""What a subscriber may have of one profile for one set of names at this moment, and what is in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from ca_core.names import Identifier
from ca_core.policy.key_types import FAMILIES
from ca_core.policy.profile import KeyPurpose, Profile
from ca_core.policy.renewal import Window
from ca_core.referral.request import EnrollmentRequest
from ca_core.revocation.request import RevocationRequest
from ca_core.store.certificates import Certificate

_IN_TABS = ("ec-p256", "ec-p384", "rsa-2048", "rsa-3072")
_DECIPHERING = ("rsa-3072", "rsa-2048", "ec-p256", "ec-p384")
WindowOf = Callable[[Certificate], Window]


class Standing(StrEnum):
    """Where a line stands."""

    FREE = "free"
    """Nothing is held: it may be applied for."""
    NAMELESS = "nameless"
    """The profile needs a name, and none is registered that needs no challenge."""
    WAITING = "waiting"
    """An officer has to look at what was asked for."""
    EARLY = "early"
    """It is held, and its renewal window is not open yet."""
    OPEN = "open"
    """It is held, and its renewal window is open."""
    REPLACED = "replaced"
    """The window is open, and another one was issued in it."""
    ON_HOLD = "on-hold"
    """It is on hold, and its renewal window is not open yet."""
    EXPIRED = "expired"
    """It has expired and renews nothing: it is applied for anew (RULES, S10)."""


class Line(msgspec.Struct, frozen=True):
    """One profile and one set of names.

    Attributes:
        certificate: the live one that ends last, or the one that expired last; None where there is neither.
        window: in which the first live one to expire may be replaced; None where there is none.
        waiting: the request for a certificate that waits for an officer; None where none does.
        revocation: the request to revoke `certificate` that waits; None where none does.
    """

    profile: Profile
    names: frozenset[Identifier]
    standing: Standing
    certificate: Certificate | None = None
    window: Window | None = None
    waiting: EnrollmentRequest | None = None
    revocation: RevocationRequest | None = None

    @property
    def is_held(self) -> bool:
        """Whether there is a live certificate, of which the key may be lost."""
        return self.window is not None

    @property
    def key_types(self) -> tuple[str, ...]:
        """The keys that a browser can make and that the profile certifies, the advisable one first.

        Few mail programs decipher by key agreement: for encryption that is RSA.
        """
        makable = _DECIPHERING if self.profile.key_purpose is KeyPurpose.ENCRYPTION else _IN_TABS
        listed = self.profile.key_types
        return tuple(one for one in makable if (not listed or one in listed) and self.profile.usages_for(FAMILIES[one]))


def line(
    profile: Profile,
    names: frozenset[Identifier],
    certificates: Sequence[Certificate],
    *,
    waiting: EnrollmentRequest | None = None,
    revocations: Sequence[RevocationRequest] = (),
    tolerated: int = 1,
    window_of: WindowOf,
    now: int,
) -> Line:
    """Where one profile and one set of names stand.

    Args:
        certificates: of both, whatever became of them.
        tolerated: how many live ones may be held before the window decides.
        now: UTC seconds.
    """
    unrevoked = sorted(
        (one for one in certificates if not one.is_revoked), key=lambda one: (one.recalled_at is None, one.not_after)
    )
    live = [one for one in unrevoked if one.not_after >= now]
    newest = max(live or unrevoked, key=lambda one: (one.not_after, one.issued_at), default=None)
    if waiting is not None:
        standing = Standing.WAITING
    elif len(live) >= tolerated:
        standing = _held(live, window_of, now)
    elif not live and profile.names_required and not names:
        standing = Standing.NAMELESS
    else:
        standing = Standing.FREE if live or newest is None else Standing.EXPIRED
    return Line(
        profile=profile,
        names=names,
        standing=standing,
        certificate=newest,
        window=window_of(live[0]) if live else None,
        waiting=waiting,
        revocation=next((one for one in revocations if newest and one.serial == newest.serial), None),
    )


def _held(live: Sequence[Certificate], window_of: WindowOf, now: int) -> Standing:
    """Where a line stands of which as many are held as are tolerated, the first to expire first."""
    oldest, newest = live[0], max(live, key=lambda one: one.not_after)
    if window_of(oldest).is_open(now):
        return Standing.OPEN if window_of(newest).is_open(now) else Standing.REPLACED
    return Standing.ON_HOLD if oldest.is_on_hold else Standing.EARLY
