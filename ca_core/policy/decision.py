"""May this registration have this certificate now? Pure, and asked inside the transaction that acts on the answer."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ca_core import der
from ca_core.applicant import Applicant, Door
from ca_core.clock import rfc3339
from ca_core.errors import CertificateOnHold, InProgress, NameNotGranted, QuotaReached, TooEarly, WeakKey
from ca_core.names import Identifier
from ca_core.policy import offer
from ca_core.policy.key_types import key_name
from ca_core.policy.keys import key_type
from ca_core.policy.period import WHOLE, WishedPeriod
from ca_core.policy.profile import ApprovalRule, Profile
from ca_core.policy.renewal import SECONDS_PER_DAY, Window, renewal_window
from ca_core.policy.request import CertificationRequest
from ca_core.policy.subject import only, without_foreign_common_name
from ca_core.registration.account import Registration
from ca_core.registration.kind import Kind
from ca_core.registration.limits import NONE as NO_LIMITS
from ca_core.registration.limits import Limits

JUST_HELD_SECONDS = 30 * SECONDS_PER_DAY
"""How long an officer's look at a registration's names outlives the certificate that came of it."""
_REPEAT_SECONDS = 3600
_IN_PROGRESS_SECONDS = 5


class Verdict(StrEnum):
    """What becomes of a wish that nothing stands against."""

    APPROVED = "approved"
    REFERRED = "referred"
    """An officer must look."""


class Holding(msgspec.Struct, frozen=True):
    """One live certificate, or intention, of the profile and names that are asked for.

    Attributes:
        intended_at: when its intention was stored, UTC seconds.
        is_issued: False while it is an intention.
        is_on_hold: whether it may come back, and serves nobody until then.
        recalled_at: since when it is to be replaced before its time, UTC seconds; None while it is not.
    """

    serial: str
    spki_sha256: bytes
    not_before: int
    not_after: int
    intended_at: int
    is_issued: bool
    is_on_hold: bool = False
    recalled_at: int | None = None


class Wish(msgspec.Struct, frozen=True):
    """What is asked for, after the registered data was consulted.

    Attributes:
        subject_der: the certificate's subject.
        names: the certificate's, all of them.
        proved: names whose control was proved by challenge.
        replaces: serial of the certificate to be renewed.
        period: which part of the profile's period is wanted.
    """

    profile: Profile
    subject_der: bytes
    names: frozenset[Identifier]
    proved: frozenset[Identifier] = frozenset()
    replaces: str | None = None
    period: WishedPeriod = WHOLE


def subject_for(registration: Registration, profile: Profile, names: frozenset[Identifier], door: str) -> bytes:
    """The subject of a certificate for a registration."""
    return subject_taken(registration.subject_der, profile, names, door)


def subject_taken(registered: bytes, profile: Profile, names: frozenset[Identifier], door: str) -> bytes:
    """The subject of a certificate: of the registered one what the profile takes, byte for byte.

    Through ACME a common name that is none of the certificate's names is left out: certbot takes it for a name
    and would order it at the next renewal.
    """
    if profile.subject is not None:
        registered = only(registered, profile.subject)
    if door != Door.ACME:
        return registered
    return without_foreign_common_name(registered, {name.value for name in names})


def names_for(
    profile: Profile, registration: Registration, request: CertificationRequest, applicant: Applicant
) -> frozenset[Identifier]:
    """The names that a request means that comes with no order.

    They are those of its subjectAltName. A profile that needs a name and finds none takes the common name where
    it is a registered one, else every exact name that was registered and that the applicant's credential is for. So
    does, at the portal, every profile that may have names: what a browser's tab sends is a key, and its holder has been
    shown what is registered.
    """
    may_be_all = profile.names_required or (applicant.door == Door.PORTAL and not request.san_requested)
    if request.names or not may_be_all:
        return request.names
    fitting = frozenset(filter(applicant.limits.covers, fitting_names(profile, registration)))
    common = frozenset(name for name in fitting if name.value in request.common_names)
    return common or fitting


def fitting_names(profile: Profile, registration: Registration) -> frozenset[Identifier]:
    """The exact names that were vetted and that a profile may have."""
    registered = {grant.identifier for grant in registration.grants if not grant.zone and grant.vetted}
    return frozenset(name for name in registered if name.kind in profile.name_kinds)


def require_fit(profile: Profile, applicant: Applicant, request: CertificationRequest) -> None:
    """Check that a profile is offered through this door and certifies such a key.

    Raises:
        ProfileNotOffered, WeakKey: it does not.
    """
    offer.require_door(profile, applicant.door)
    if profile.key_types and key_name(request.public_key) not in profile.key_types:
        raise WeakKey(
            f"the profile {profile.name} certifies no key of the type {key_name(request.public_key)};"
            f" make one of the type {' or '.join(sorted(profile.key_types))}"
        )
    if not profile.usages_for(key_type(request.public_key)):
        raise WeakKey(f"the profile {profile.name} has no use for a key of this kind; use RSA or ECDSA")


def require_grants(registration: Registration, wish: Wish, limits: Limits = NO_LIMITS) -> None:
    """Check profile and names against what is registered at this moment (DESIGN, invariant 4).

    Args:
        limits: of the credential that the applicant goes back to.

    Raises:
        ProfileNotGranted, NameNotGranted, NameNotProved: as they say.
    """
    registration.require_profile(wish.profile.name)
    limits.require_profile(wish.profile.name)
    require_names(registration, wish.profile, wish.names)
    limits.require_names(wish.names)
    if wish.subject_der == der.EMPTY_SEQUENCE and not wish.names:
        raise NameNotGranted(
            f"of the registered subject the profile {wish.profile.name} takes nothing, and no name is asked for:"
            " ask for a registered name"
        )
    for name in wish.names:
        registration.require_name(name, wish.proved)


def require_names(registration: Registration, profile: Profile, names: frozenset[Identifier]) -> None:
    """Check that names may stand in a certificate of this profile once their control is proved.

    Raises:
        NameNotGranted: one may not, or the profile needs a name and there is none.
    """
    if profile.names_required and not names:
        raise NameNotGranted(f"the profile {profile.name} needs a name, and none is asked for or registered")
    for name in sorted(names):
        if name.kind not in profile.name_kinds:
            raise NameNotGranted(f"the profile {profile.name} has no names of type {name.kind}")
        registration.grant_for(name)


def require_window(kind: Kind, profile: Profile, holdings: list[Holding], *, window_days: int, now: int) -> None:
    """The one renewal rule (RULES, S9).

    Args:
        holdings: live ones of this profile and of the names asked for, the first to expire first.

    Raises:
        TooEarly: as many are held as the kind tolerates, and the oldest's window is not open.
        InProgress: the same, but the oldest is being signed at this moment.
        CertificateOnHold: the same, but the oldest is on hold.
    """
    if len(holdings) < kind.live_certificates:
        return
    window = _window(holdings[0], window_days)
    if not window.is_open(now):
        if not holdings[0].is_issued:
            raise InProgress("a certificate for these names is being signed", retry_after_seconds=_IN_PROGRESS_SECONDS)
        if holdings[0].is_on_hold:
            raise _on_hold(holdings[0])
        raise TooEarly(
            f"a live {profile.name} certificate for these names exists (serial {holdings[0].serial});"
            f" the renewal window opens on {rfc3339(window.opens_at)}: try again then, or revoke it first",
            opens_at=window.opens_at,
            now=now,
        )


def require_quota(kind: Kind, live: int) -> None:
    """Let only so many live certificates be had as the kind allows.

    Args:
        live: how many there are that another one would not take the place of.

    Raises:
        QuotaReached: as many as that.
    """
    if kind.most_certificates is not None and live >= kind.most_certificates:
        raise QuotaReached(
            f"this registration has {live} live certificates, and one of the kind {kind.name} may have"
            f" {kind.most_certificates}; let one expire, revoke one, or ask your registration authority"
        )


def renewed(holdings: list[Holding], *, window_days: int, now: int) -> str | None:
    """The serial of the first certificate to expire whose renewal window is open; None where there is none."""
    issued = (one for one in holdings if one.is_issued and not one.is_on_hold)
    return next((one.serial for one in issued if _window(one, window_days).is_open(now)), None)


def taking_place(wish: Wish, door: str, holdings: list[Holding], *, window_days: int, now: int) -> Wish:
    """A wish with the certificate whose place it takes: who asks at the portal names none.

    It is the first one to expire whose window is open. What other doors say, or leave unsaid, stays as it is.
    """
    if door != Door.PORTAL:
        return wish
    return msgspec.structs.replace(wish, replaces=renewed(holdings, window_days=window_days, now=now))


def looked_at(wish: Wish, kind: Kind) -> Wish:
    """A wish with the approvals that a kind of registrations needs: officers look at all that would be automatic.

    A profile that says when they look keeps its word, so that renewals need not wait.
    """
    if not kind.approvals.issue or wish.profile.approval is not ApprovalRule.AUTOMATIC:
        return wish
    profile = msgspec.structs.replace(wish.profile, approval=ApprovalRule.ALWAYS)
    return msgspec.structs.replace(wish, profile=profile)


def verdict(profile: Profile, *, was_held: bool) -> Verdict:
    """Whether an officer must look at a wish that nothing else stands against.

    Args:
        was_held: whether the registration has, or had until lately, a certificate of this profile and these names.
    """
    if profile.approval is ApprovalRule.AUTOMATIC or (profile.approval is ApprovalRule.FIRST and was_held):
        return Verdict.APPROVED
    return Verdict.REFERRED


def repeated(
    request: CertificationRequest, replaces: str | None, holdings: list[Holding], *, window_days: int, now: int
) -> str | None:
    """The serial that was issued for this very request before, to be delivered again (DESIGN, invariant 6).

    Until its own window opens a certificate for the same key and names can only be a repetition. A short-lived
    one is always inside its window, so there a repetition is what comes within the hour and its first half life.

    Raises:
        InProgress: it is being signed at this moment.
        CertificateOnHold: it is on hold; to deliver it again would look like success.
    """
    for holding in holdings:
        if holding.spki_sha256 != request.spki_sha256 or holding.serial == replaces:
            continue
        soon = holding.intended_at + min(_REPEAT_SECONDS, (holding.not_after - holding.not_before) // 2)
        if now < max(soon, _window(holding, window_days).opens_at):
            if not holding.is_issued:
                raise InProgress("this request is being signed", retry_after_seconds=_IN_PROGRESS_SECONDS)
            if holding.is_on_hold:
                raise _on_hold(holding)
            return holding.serial
    return None


def _window(holding: Holding, window_days: int) -> Window:
    return renewal_window(holding.not_before, holding.not_after, days=window_days, recalled_at=holding.recalled_at)


def _on_hold(holding: Holding) -> CertificateOnHold:
    return CertificateOnHold(
        f"the certificate for these names (serial {holding.serial}) is on hold; ask your registration authority"
    )
