"""Who may give which reason, what becomes of it, and by when (RULES, S11; BR 4.9.1): tables and no code behind them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from ca_core.errors import BadReason
from ca_core.policy.profile import Profile, RevocationRule
from ca_core.registration.kind import Kind, KindRevocation
from ca_core.revocation.reason import ALL_REASONS, COMPROMISE_REASONS, FINAL_REASONS, Reason

_HOUR_SECONDS = 3600
URGENT_SECONDS = 24 * _HOUR_SECONDS
"""BR 4.9.1.1, the first list: the longest that such a certificate may stay good."""
ORDINARY_SECONDS = 5 * 24 * _HOUR_SECONDS
"""BR 4.9.1.1, the second list."""


class Asker(StrEnum):
    """Who asks for a revocation, by what was proved."""

    SUBSCRIBER = "subscriber"
    """The registration that the certificate was issued to, by an account or a secret of it."""
    HOLDER = "holder"
    """Whoever holds the certificate's private key, and has just proved it."""
    CONTROLLER = "controller"
    """Another registration, which has proved by challenges that it controls every name (RFC 8555, 7.6)."""
    OFFICER = "officer"
    """The registration authority."""
    OPERATOR = "operator"
    """The certification authority itself: whoever has its home and its command line."""


_SUBSCRIBERS = frozenset(
    {
        Reason.UNSPECIFIED,
        Reason.KEY_COMPROMISE,
        Reason.AFFILIATION_CHANGED,
        Reason.SUPERSEDED,
        Reason.CESSATION_OF_OPERATION,
    }
)

MAY_GIVE: Mapping[Asker, frozenset[Reason]] = MappingProxyType(
    {
        Asker.SUBSCRIBER: _SUBSCRIBERS,
        Asker.HOLDER: _SUBSCRIBERS,
        # Of the subscriber's key and affairs it knows nothing, only that the names are its own now.
        Asker.CONTROLLER: frozenset({Reason.UNSPECIFIED, Reason.CESSATION_OF_OPERATION}),
        Asker.OFFICER: ALL_REASONS - {Reason.CA_COMPROMISE, Reason.AA_COMPROMISE},
        Asker.OPERATOR: ALL_REASONS,
    }
)

MEANINGS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.UNSPECIFIED: "none of the others, or the subscriber gives none",
        Reason.KEY_COMPROMISE: "the private key is lost to somebody else, or may be, or is weak",
        Reason.CA_COMPROMISE: "the key of the CA that issued it is lost to somebody else",
        Reason.AFFILIATION_CHANGED: "the subject's name or organization has changed, without any wrong",
        Reason.SUPERSEDED: "another certificate takes its place, or it was not issued as it should have been",
        Reason.CESSATION_OF_OPERATION: "the names are not used by the subject any more",
        Reason.CERTIFICATE_HOLD: "not to be relied on for now; it can come back",
        Reason.REMOVE_FROM_CRL: "a hold is released",
        Reason.PRIVILEGE_WITHDRAWN: "the subscriber misused it, broke the agreement, or was never entitled to it",
        Reason.AA_COMPROMISE: "the key of an attribute authority is lost to somebody else",
    }
)
"""What a reason means, by BR 4.9.1.1 and 7.2.2."""

# BR 4.9.1.1: a subscriber who asks and gives no reason is to be served within a day, like one whose key is lost.
_URGENT = COMPROMISE_REASONS | {Reason.UNSPECIFIED}


class Course(StrEnum):
    """What becomes of a request."""

    AT_ONCE = "at-once"
    REVIEW = "review"
    REVIEW_ON_HOLD = "review-on-hold"


def require_reason(asker: Asker, reason: Reason) -> None:
    """Let only a reason pass that this asker may give.

    Raises:
        BadReason: it is not one of those; the text lists them.
    """
    if reason not in MAY_GIVE[asker]:
        choices = ", ".join(f"{choice.text} ({choice.value})" for choice in sorted(MAY_GIVE[asker]))
        raise BadReason(f"{reason.text} is not for the {asker} to give; use one of {choices}")


def require_final(reason: Reason) -> None:
    """Let only a reason pass that revokes for good.

    Raises:
        BadReason: a hold, or the end of one.
    """
    if reason not in FINAL_REASONS:
        raise BadReason(f"{reason.text} does not revoke a certificate for good; choose another reason")


def said_by(kind: Kind | None) -> KindRevocation:
    """What the kind of a registration says of its requests; one that is not known any more says nothing."""
    if kind is None:
        return KindRevocation.PROFILE
    # Who wants officers to agree wants them to look.
    return KindRevocation.REVIEW if kind.approvals.revoke else kind.revocation


def course(
    profile: Profile | None, asker: Asker, reason: Reason, kind: KindRevocation = KindRevocation.PROFILE
) -> Course:
    """What becomes of a request whose asker may give its reason.

    Args:
        profile: the certificate's; None where the settings do not know it any more.
        kind: what the kind of its registration says; of both, the stricter one decides.
    """
    if asker in {Asker.OFFICER, Asker.OPERATOR}:
        return Course.AT_ONCE
    # Who holds the key can show it to anybody: there is nothing to review, and every hour counts.
    if asker is Asker.HOLDER and reason is Reason.KEY_COMPROMISE:
        return Course.AT_ONCE
    rule = profile.revocation if profile else RevocationRule.IMMEDIATE
    return max(_COURSES[rule], _OF_KINDS[kind], key=_BY_STRICTNESS.index)


_COURSES = {
    RevocationRule.IMMEDIATE: Course.AT_ONCE,
    RevocationRule.REVIEWED: Course.REVIEW,
    RevocationRule.REVIEWED_ON_HOLD: Course.REVIEW_ON_HOLD,
}
_OF_KINDS = {
    KindRevocation.PROFILE: Course.AT_ONCE,
    KindRevocation.AT_ONCE: Course.AT_ONCE,
    KindRevocation.REVIEW: Course.REVIEW,
}
_BY_STRICTNESS = [Course.AT_ONCE, Course.REVIEW, Course.REVIEW_ON_HOLD]


def may_replace(was: Reason, to: Reason, asker: Asker) -> bool:
    """Whether a revocation may take the place of one that stands already.

    A hold is replaced by whatever revokes for good. Of what is revoked for good only the reason can still become
    keyCompromise, once that is proved (BR 7.2.2): a relying party judges old signatures by it.
    """
    if was is Reason.CERTIFICATE_HOLD:
        return to in FINAL_REASONS
    is_proved = asker in {Asker.HOLDER, Asker.OFFICER, Asker.OPERATOR}
    return to is Reason.KEY_COMPROMISE and was is not Reason.KEY_COMPROMISE and is_proved


def is_more_urgent(reason: Reason, than: Reason) -> bool:
    """Whether a repeated request says something that cannot wait until the first one is decided."""
    return reason in COMPROMISE_REASONS and than not in COMPROMISE_REASONS


def due_at(reason: Reason, *, now: int) -> int:
    """Until when a request that comes now must be decided, UTC seconds (BR 4.9.1.1)."""
    return now + (URGENT_SECONDS if reason in _URGENT else ORDINARY_SECONDS)
