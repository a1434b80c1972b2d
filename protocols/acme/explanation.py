"""Why an order for a name would be granted, challenged or refused: the decisions themselves, asked one after the other.

Every step calls the function that decides over the wire, in the same order, and catches its refusal; so the words are
those of the problem document. The first refusal is the one that a client would be told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import msgspec

from ca_core.clock import rfc3339
from ca_core.errors import Refusal
from ca_core.names import Identifier, Kind
from ca_core.policy import decision
from ca_core.policy.decision import Holding, Verdict
from ca_core.policy.key_types import FAMILIES
from ca_core.policy.profile import Profile
from ca_core.registration.account import Registration
from ca_core.registration.agreement import Agreement
from ca_core.registration.credential import Credential
from ca_core.registration.kind import PRESETS, Kinds
from protocols.acme import agreement, order_messages, ordering, problems
from protocols.acme.errors import ExternalAccountRequired
from protocols.acme.links import Links
from protocols.acme.objects import Account, Authorization
from protocols.acme.order_messages import Named, NewOrder, OrderedIdentifier
from protocols.acme.ordering import Needed
from protocols.acme.standing import LimitOptions, Standing, require_room
from protocols.acme.states import AccountStatus, AuthorizationStatus


class Result(StrEnum):
    """What one step says."""

    OK = "ok"
    REFUSED = "refused"
    NOTE = "note"
    """Nothing that is decided here, and good to know."""


class Answer(StrEnum):
    """What would become of an order."""

    GRANTED = "granted"
    CHALLENGED = "challenged"
    REFUSED = "refused"


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One decision.

    Attributes:
        about: a word for programs, such as `profile`.
        problem: of a refusal, the ACME error type without its URN prefix.
    """

    about: str
    result: Result
    text: str
    problem: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """Every step, in the order in which a server decides."""

    answer: Answer
    steps: tuple[Step, ...]

    @property
    def refusal(self) -> Step | None:
        """What a client would be told."""
        return next((step for step in self.steps if step.result is Result.REFUSED), None)


class Terms(msgspec.Struct, frozen=True):
    """What holds for every order at this server.

    Attributes:
        window_days: the setting `renewal.window_days`.
        challenges: the types that are offered.
        agreement: of today; None where there is none.
        caa_identities: whose CAA records permit this CA; None where CAA records are not heeded.
        open_account: the site account that accounts without a binding fall under; None where they need one.
    """

    profiles: Mapping[str, Profile]
    window_days: int
    limits: LimitOptions
    links: Links
    challenges: tuple[str, ...]
    agreement: Agreement | None = None
    caa_identities: tuple[str, ...] | None = None
    open_account: str | None = None
    kinds: Kinds = PRESETS


class Wanted(msgspec.Struct, frozen=True):
    """What would be ordered: one name as a client would send it, and a profile or none."""

    kind: str
    value: str
    profile: str | None = None


class Found(msgspec.Struct, frozen=True):
    """What the store says about an order for one name.

    Attributes:
        held: live certificates of the profile for this name alone, the first to expire first.
        was_held: whether there is one, or was until lately.
        authorization: one that the order would use; None where it would make one.
        live: how many live certificates the registration has in all, beside the one that this one would renew.
    """

    held: list[Holding]
    was_held: bool
    authorization: Authorization | None
    standing: Standing
    live: int


class Explaining:
    """One explanation on its way: `begin`, look up what is found for `subject`, `finish`.

    Args:
        asker: the ACME account that asks, or the EAB key that would bind the first one; None where there is neither.
    """

    def __init__(
        self, terms: Terms, registration: Registration, asker: Account | Credential | None, wanted: Wanted, *, now: int
    ) -> None:
        self._terms = terms
        self._registration = registration
        self._kind = terms.kinds.named(registration.kind)
        self._now = now
        self._key = None if isinstance(asker, Account) else asker
        self._account = asker if isinstance(asker, Account) else self._yet_to_be_made(self._key)
        self._wanted = wanted
        self._named: Named | None = None
        self._profile: Profile | None = None
        self._steps: list[Step] = []

    def begin(self) -> None:
        """Decide what needs no store."""
        for about, decide in (
            ("account", self._powerful),
            ("registration", self._active),
            ("agreement", self._agreed),
            ("name", self._normal),
            ("profile", self._chosen),
        ):
            self._decide(about, decide)
        if self._named and self._profile:
            named, profile = self._named, self._profile
            self._decide("grant", lambda: self._granted(named, profile))

    @property
    def account(self) -> Account:
        """The ACME account that asks; one that is yet to be made has no id."""
        return self._account

    @property
    def subject(self) -> tuple[Profile, Identifier] | None:
        """For what the store is to be asked; None where the order would not come so far."""
        return (self._profile, self._named.identifier) if self._profile and self._named else None

    @property
    def need(self) -> Needed | None:
        """What would authorize the name; None where it is not to be had."""
        if self._named is None or any(step.about == "grant" and step.result is Result.REFUSED for step in self._steps):
            return None
        return (
            ordering.needed(self._account, self._registration, self._named, self._terms.challenges)
            if self._profile
            else None
        )

    def finish(self, found: Found | None) -> Explanation:
        """Decide the rest; `found` is None where there was no subject."""
        is_authorized = False
        if found and self._profile:
            profile, need = self._profile, self.need
            self._decide("renewal", lambda: self._in_time(profile, found))
            if self._kind.most_certificates is not None:
                self._decide("quota", lambda: self._within_quota(found.live))
            if need:
                is_authorized = _is_authorized(need, found)
                self._decide("challenges", lambda: self._challenged(need, found))
            self._steps += self._notes(profile, found)
        if any(step.result is Result.REFUSED for step in self._steps):
            answer = Answer.REFUSED
        else:
            answer = Answer.GRANTED if is_authorized else Answer.CHALLENGED
        return Explanation(answer, tuple(self._steps))

    def _yet_to_be_made(self, key: Credential | None) -> Account:
        """The account that would come of an EAB key, or of none."""
        is_open = self._registration.account == self._terms.open_account
        return Account(
            id="",
            registration_id=self._registration.id,
            credential_id=key.id if key else None if is_open else "",
            thumbprint="",
            key_text="",
            contacts=(),
            status=AccountStatus.VALID,
            eab=None,
            created_at=self._now,
            allowed_profiles=key.profiles if key else (),
            allowed_names=key.names if key else (),
        )

    def _decide(self, about: str, decide: Callable[[], str]) -> None:
        try:
            step = Step(about, Result.OK, decide())
        except Refusal as refusal:
            step = Step(about, Result.REFUSED, str(refusal), problems.TABLE[type(refusal)].type)
        self._steps.append(step)

    def _powerful(self) -> str:
        self._account.require_power()
        if self._key:
            self._key.require_usable(self._now)
            self._key.require_profile_of(self._registration.profiles)
            return f"there is no ACME account yet; the EAB key {self._key.kid} can make one"
        if not self._account.id and not self._account.is_open:
            raise ExternalAccountRequired
        bond = "bound by no EAB key, so nobody vouches for it" if self._account.is_open else "bound by an EAB key"
        return f"the ACME account {self._account.id or 'that is yet to be made'}, {bond}"

    def _active(self) -> str:
        self._registration.require_active(self._now)
        until = rfc3339(self._registration.expires_at)
        return f"{self._registration.account}, of the kind {self._registration.kind}, is active until {until}"

    def _agreed(self) -> str:
        current = self._terms.agreement
        if current is None:
            return "there is none to accept"
        if not self._account.id:
            return f"the version {current.version} has to be accepted when the account is made"
        agreement.require_accepted(self._account, current, self._terms.links)
        return f"the version {current.version} is accepted"

    def _normal(self) -> str:
        message = NewOrder((OrderedIdentifier(self._wanted.kind, self._wanted.value),))
        (self._named,), _ = order_messages.named(message)
        return f"{self._named.identifier} is in normal form"

    def _chosen(self) -> str:
        name = self._wanted.profile
        self._profile = ordering.chosen(self._terms.profiles, self._account, self._registration, name)
        why = "is granted" if name else "is the first one granted that ACME offers"
        return f"{self._profile.name} {why}; granted are {', '.join(self._registration.profiles)}"

    def _granted(self, named: Named, profile: Profile) -> str:
        ordering.require_obtainable(self._account, self._registration, profile, [named], types=self._terms.challenges)
        return f"by the grant {self._registration.grant_for(named.identifier)}"

    def _in_time(self, profile: Profile, found: Found) -> str:
        kind, days = self._kind, profile.window_days(self._terms.window_days)
        decision.require_window(kind, profile, found.held, window_days=days, now=self._now)
        if not found.held:
            return f"no live {profile.name} certificate for this name alone, so there is nothing to wait for"
        serial = decision.renewed(found.held, window_days=days, now=self._now)
        if serial:
            return f"the certificate {serial} is in its renewal window; limits do not count its renewal"
        count, most = len(found.held), kind.live_certificates
        return f"{count} live {profile.name} certificates for this name alone; the kind {kind.name} may hold {most}"

    def _within_quota(self, live: int) -> str:
        decision.require_quota(self._kind, live)
        return f"{live} other live certificates; the kind {self._kind.name} may have {self._kind.most_certificates}"

    def _challenged(self, need: Needed, found: Found) -> str:
        if need.vetted:
            return "none: the registration authority vouches for the name"
        authorization = found.authorization
        types = " or ".join(ordering.offered(need))
        if authorization is None:
            registered_as = self._registration.account
            require_room(self._terms.limits, found.standing, [need.identifier], registered_as=registered_as)
            return f"control of the name is to be proved by {types}"
        until = rfc3339(authorization.expires_at)
        if _is_authorized(need, found):
            return f"none: control of the name was proved, which holds until {until}"
        return f"control of the name is to be proved by {types}, in the authorization that waits until {until}"

    def _notes(self, profile: Profile, found: Found) -> list[Step]:
        limits = self._terms.limits
        keys = sorted(profile.key_types or {name for name, family in FAMILIES.items() if profile.usages_for(family)})
        verdict = decision.verdict(profile, was_held=found.was_held)
        approval = "an officer looks first" if verdict is Verdict.REFERRED else "no officer has to look"
        counted = (
            f"{found.standing.pending} of {limits.pending_authorizations} authorizations pend; beside this the running"
            f" server counts orders ({limits.orders_per_hour} an hour) and failed challenges"
            f" ({limits.failed_probes_per_hour} an hour)"
        )
        texts = (
            ("caa", self._caa()),
            ("limits", counted),
            ("keys", ", ".join(keys)),
            ("issuer", f"a CA of the line {profile.issuer} signs it, for {profile.validity_seconds} s"),
            ("approval", f"{approval} (the profile's rule is {profile.approval})"),
        )
        return [Step(about, Result.NOTE, text) for about, text in texts]

    def _caa(self) -> str:
        identities = self._terms.caa_identities
        if identities is None:
            return "CAA records are not heeded here (acme.caa)"
        if self._named is None or self._named.identifier.kind is not Kind.DNS or (self.need and self.need.vetted):
            return "CAA records are not heeded: only a challenged DNS name stands on the DNS"
        return (
            f"CAA records of the name must permit {' or '.join(identities) or 'this CA'}, or be none, when it is proved"
        )


def best(keys: Sequence[Credential], *, now: int) -> Credential | None:
    """The newest EAB key that makes an account; where none does, the newest one, to say why."""
    for key in reversed(keys):
        try:
            key.require_usable(now)
        except Refusal:
            continue
        return key
    return keys[-1] if keys else None


def _is_authorized(need: Needed, found: Found) -> bool:
    authorization = found.authorization
    is_valid = authorization is not None and authorization.status is AuthorizationStatus.VALID
    return need.vetted or is_valid
