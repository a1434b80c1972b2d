"""THE ONE DOOR: every certificate of every protocol comes through `enroll()` or `renew()`.

The decision is pure and is asked inside the write transaction that stores the intention, so what is decided
on (registration, credential, holdings) cannot change before it is acted on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from ca_core import grounds
from ca_core import names as names_module
from ca_core.applicant import Applicant, Door
from ca_core.audit.gate import Gate
from ca_core.clock import Clock
from ca_core.errors import Busy, InProgress, Refusal
from ca_core.issuance.issuer import Issuer
from ca_core.made_keys import grounds as made_keys
from ca_core.names import Identifier
from ca_core.order_claim import OrderClaim
from ca_core.policy import decision, offer
from ca_core.policy.blocklist import NOTHING_BLOCKED, Blocklist
from ca_core.policy.crmf import parse_any
from ca_core.policy.decision import Holding, Verdict, Wish
from ca_core.policy.keys import check_key
from ca_core.policy.period import WHOLE, WishedPeriod, require_known_start
from ca_core.policy.profile import Profile
from ca_core.policy.renewal import Window, grace_of, longest_window_seconds, no_grace, renewal_window
from ca_core.policy.request import CertificationRequest
from ca_core.referral import intake
from ca_core.referral.request import EnrollmentRequest, Referred, RequestState
from ca_core.registration.account import Registration
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.store import certificates, enrollment_requests, holds, registrations
from ca_core.store.certificates import Certificate, Intention
from ca_core.store.database import Database, Transaction


class _Begun(msgspec.Struct, frozen=True):
    """An intention that is stored, and what finishing it needs."""

    intention: Intention
    wish: Wish
    request: CertificationRequest
    actor: str


StillWanted = Callable[[Transaction, EnrollmentRequest, int], Awaitable[None]]
"""How a door looks once more at what it asked for, before what was approved is issued; it raises its refusal."""


class Enrollment:
    """Decides and issues.

    Args:
        profiles: by name.
        window_days: the renewal window (RULES, S9) of profiles that have none of their own.
        gate: closed while nothing may be issued, because it could not be recorded (DESIGN, invariant 10).
        blocked: keys that are certified for nobody.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        issuer: Issuer,
        profiles: Mapping[str, Profile],
        *,
        window_days: int,
        gate: Gate,
        blocked: Blocklist = NOTHING_BLOCKED,
        kinds: Kinds = PRESETS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._issuer = issuer
        self._profiles = profiles
        self._window_days = window_days
        self._gate = gate
        self._blocked = blocked
        self._kinds = kinds

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """All profiles, by name."""
        return self._profiles

    def profile(self, name: str) -> Profile:
        """Look a profile up.

        Raises:
            ProfileNotOffered: there is none of this name.
        """
        return offer.named(self._profiles, name)

    def check_key(self, public_key: PublicKeyTypes) -> None:
        """Let only a sound key pass that nobody else is known to hold, for whatever it is to serve.

        Raises:
            WeakKey, KeyCompromised: as they say.
        """
        check_key(public_key, self._blocked)

    def default_profile(self, registration: Registration, door: Door) -> str:
        """The first granted profile that a door offers.

        Raises:
            ProfileNotGranted: there is none.
        """
        return self.offered(registration, door)[0].name

    def offered(self, registration: Registration, door: Door) -> list[Profile]:
        """The granted profiles that a door offers, the default first.

        Raises:
            ProfileNotGranted: there is none.
        """
        return offer.offered(self._profiles, registration, door)

    def renewal_window(self, certificate: Certificate) -> Window:
        """When a certificate may be replaced, by the rule that every door goes by (RULES, S9)."""
        profile = self._profiles.get(certificate.profile)
        days = self._window_days if profile is None else profile.window_days(self._window_days)
        recalled_at = certificate.recalled_at
        return renewal_window(certificate.not_before, certificate.not_after, days=days, recalled_at=recalled_at)

    async def enroll(
        self,
        applicant: Applicant,
        request: CertificationRequest,
        *,
        profile_name: str | None = None,
        order: OrderClaim | None = None,
        issuer_name: str | None = None,
    ) -> Certificate | Referred:
        """Issue a certificate, deliver the one that this very request got before, or let it wait for an officer.

        Args:
            profile_name: None means the registration's default.
            issuer_name: the CA that issues; None means the current one of the profile's line.

        Raises:
            Refusal: whatever stands against it; nothing has changed then.
        """
        now = self._clock.now()
        self._gate.require_open(now, for_this_server=applicant.door is Door.SERVER)
        self.check_key(request.public_key)
        async with self._database.write() as tx:
            await tx.hold(holds.registration(applicant.registration_id), shared=True)
            if order is not None and profile_name is not None:
                # What is known beforehand is held in the same journey.
                await grounds.hold(tx, applicant.registration_id, profile_name, order.names, request)
            registration = await registrations.by_id(tx, applicant.registration_id)
            registration.require_active(now)
            if applicant.serial is not None:
                # It was good at the sign-in, and may have been revoked since.
                await grounds.proof(tx, applicant.serial, registration, now=now)
            profile = self.profile(profile_name or self.default_profile(registration, applicant.door))
            names = order.names if order else decision.names_for(profile, registration, request, applicant)
            subject_der = decision.subject_for(registration, profile, names, applicant.door)
            wish = Wish(profile, subject_der, names, applicant.proved)
            if order is not None:
                wish = msgspec.structs.replace(wish, replaces=order.replaces, period=order.period)
            outcome = await self._intend(
                tx, applicant, registration, wish, request, order=order, issuer_name=issuer_name, now=now
            )
        return await self._finish(outcome)

    async def renew(
        self, applicant: Applicant, request: CertificationRequest, *, profile_name: str | None = None
    ) -> Certificate | Referred:
        """Renew the certificate that proved the applicant (RFC 7030, 4.2.2).

        Args:
            profile_name: what the path asked for; None means the certificate's own.

        Raises:
            Refusal: whatever stands against it; nothing has changed then.
        """
        now = self._clock.now()
        self._gate.require_open(now)
        self.check_key(request.public_key)
        async with self._database.write() as tx:
            await tx.hold(holds.registration(applicant.registration_id), shared=True)
            registration = await registrations.by_id(tx, applicant.registration_id)
            registration.require_active(now)
            grace = grace_of(self._profiles)
            old = await grounds.proof(tx, applicant.serial or "", registration, grace=grace, now=now)
            profile = self.profile(old.profile)
            names = grounds.renewed_names(old, profile, request, profile_name)
            subject_der = decision.subject_for(registration, profile, names, applicant.door)
            grounds.require_change(request, subject_der)
            wish = Wish(profile, subject_der, names, replaces=old.serial)
            outcome = await self._intend(tx, applicant, registration, wish, request, now=now)
        return await self._finish(outcome)

    async def issue_approved(self, number: int, still_wanted: StillWanted) -> None:
        """Issue what an officer has approved, once, however often this is called.

        Everything is decided anew: what stands against it now makes it rejected, with the refusal as its note.

        Raises:
            Busy: not now; it stays approved, or is finished by who finishes what was left.
        """
        now = self._clock.now()
        self._gate.require_open(now)
        async with self._database.read() as tx:
            asked = await enrollment_requests.by_number(tx, number)
        if asked is None or asked.state is not RequestState.APPROVED:
            return
        try:
            request = parse_any(asked.csr)
            self.check_key(request.public_key)
            async with self._database.write() as tx:
                await tx.hold(holds.registration(asked.registration_id), shared=True)
                await tx.hold(holds.holding(asked.registration_id, asked.profile, asked.names))
                begun = await self._intend_approved(tx, number, request, still_wanted, now=now)
        except Busy:
            raise
        except Refusal as refusal:
            async with self._database.write() as tx:
                await intake.refuse(tx, asked, str(refusal), now=now)
            return
        if begun is not None:
            await self._finish(begun)

    async def foresee(
        self,
        tx: Transaction,
        registration: Registration,
        profile: Profile,
        names: frozenset[Identifier],
        *,
        replaces: str | None = None,
        period: WishedPeriod = WHOLE,
        now: int,
    ) -> str | None:
        """Refuse early, at the time of an order, what `enroll()` would refuse whatever the challenges bring.

        Returns the serial of the live certificate that it would renew, if there is one in its renewal window.

        Args:
            replaces: the serial of the one that the order is said to replace.

        Raises:
            ProfileNotGranted, NameNotGranted, PeriodNotOffered, QuotaReached, TooEarly: as they say.
        """
        if period != WHOLE:
            require_known_start(profile, period)
            self._issuer.require_period(profile, period, now=now)
        registration.require_profile(profile.name)
        decision.require_names(registration, profile, names)
        held = await grounds.held(tx, registration, profile, names, now=now)
        wish = Wish(profile, b"", names, replaces=replaces)
        await self._require_room(tx, registration, wish, held, now=now)
        days = profile.window_days(self._window_days)
        return decision.renewed(held, window_days=days, now=now)

    async def _intend(
        self,
        tx: Transaction,
        applicant: Applicant,
        registration: Registration,
        wish: Wish,
        request: CertificationRequest,
        *,
        order: OrderClaim | None = None,
        issuer_name: str | None = None,
        now: int,
    ) -> _Begun | Certificate | Referred:
        """Decide, and store what comes of it in the same transaction; or find what was issued or waits already."""
        wish = decision.looked_at(wish, self._kinds.named(registration.kind))
        held = await self._grounds(tx, applicant, registration, wish, request, now=now)
        days = wish.profile.window_days(self._window_days)
        if request.is_made_here:
            may = partial(self._require_window, registration, wish.profile, now=now)
            held, applicant = await made_keys.again(tx, applicant, wish, held, may, now=now)
        elif order is None:
            serial = decision.repeated(request, wish.replaces, held, window_days=days, now=now)
            again = await certificates.by_serial(tx, serial) if serial else None
            if again is not None:
                return again
        wish = decision.taking_place(wish, applicant.door, held, window_days=days, now=now)
        grounds.require_new_key(wish.profile, request, held)
        asking = intake.asked(applicant, wish, request, order, now=now)
        earlier = await intake.admit(tx, asking, wish, credential_id=applicant.credential_id, now=now)
        await self._require_room(tx, registration, wish, held, now=now)
        await grounds.claim_key(tx, registration, wish.profile, request)
        if order is not None:
            await order.claim(tx, earlier)
        if earlier is not None or await intake.verdict(tx, asking, wish, now=now) is Verdict.REFERRED:
            made_keys.require_kept(request)
            if wish.period != WHOLE:
                self._issuer.require_period(wish.profile, wish.period, now=now)
            return await intake.refer(tx, asking, earlier, is_open=order is not None and order.is_open, now=now)
        key, name, origin = asking.request_key, issuer_name, applicant.origin
        intention = self._issuer.plan(
            registration, wish, request, door=asking.door, request_key=key, issuer_name=name, origin=origin, now=now
        )
        return await _stored(tx, _Begun(intention, wish, request, applicant.actor), now=now)

    async def _intend_approved(
        self,
        tx: Transaction,
        number: int,
        request: CertificationRequest,
        still_wanted: StillWanted,
        *,
        now: int,
    ) -> _Begun | None:
        """Decide anew what was approved, and store the intention; None when another turn was first."""
        # Anew: until now another turn may have been first, or another order may have taken it over.
        asked = await enrollment_requests.by_number(tx, number)
        if asked is None or asked.state is not RequestState.APPROVED or asked.spki_sha256 != request.spki_sha256:
            return None
        applicant = await grounds.limited(tx, asked)
        registration = await registrations.by_id(tx, asked.registration_id)
        registration.require_active(now)
        if asked.shown is not None:
            grace = grace_of(self._profiles) if asked.shown == asked.replaces else no_grace
            await grounds.proof(tx, asked.shown, registration, grace=grace, now=now)
        await still_wanted(tx, asked, now)
        profile, names = self.profile(asked.profile), names_module.from_canonical(asked.names)
        subject_der = decision.subject_for(registration, profile, names, asked.door)
        wish = Wish(profile, subject_der, names, asked.proved, asked.replaces, asked.period)
        held = await self._grounds(tx, applicant, registration, wish, request, now=now)
        grounds.require_new_key(profile, request, held)
        await self._require_room(tx, registration, wish, held, now=now)
        await grounds.claim_key(tx, registration, profile, request)
        key, origin = asked.request_key, applicant.origin
        intention = self._issuer.plan(
            registration, wish, request, door=asked.door, request_key=key, issuer_name=None, origin=origin, now=now
        )
        if not await enrollment_requests.begin(tx, asked.number, intention.serial):
            return None
        return await _stored(tx, _Begun(intention, wish, request, applicant.actor), now=now)

    async def _grounds(
        self,
        tx: Transaction,
        applicant: Applicant,
        registration: Registration,
        wish: Wish,
        request: CertificationRequest,
        *,
        now: int,
    ) -> list[Holding]:
        """Check what is asked for against profile and registration; return what is held of it."""
        decision.require_fit(wish.profile, applicant, request)
        decision.require_grants(registration, wish, applicant.limits)
        await grounds.hold(tx, registration.id, wish.profile.name, wish.names, request)
        if self._kinds.named(registration.kind).most_certificates is not None:
            await tx.hold(holds.quota(registration.id))
        return await grounds.held(tx, registration, wish.profile, wish.names, now=now)

    async def _require_room(
        self, tx: Transaction, registration: Registration, wish: Wish, held: list[Holding], *, now: int
    ) -> None:
        """Let a wish pass that the renewal window and the quota have room for."""
        self._require_window(registration, wish.profile, held, now=now)
        kind = self._kinds.named(registration.kind)
        window = longest_window_seconds(self._profiles, self._window_days)
        await grounds.require_room(tx, kind, registration, wish, window_seconds=window, now=now)

    def _require_window(self, registration: Registration, profile: Profile, held: list[Holding], *, now: int) -> None:
        days = profile.window_days(self._window_days)
        decision.require_window(self._kinds.named(registration.kind), profile, held, window_days=days, now=now)

    async def _finish(self, outcome: _Begun | Certificate | Referred) -> Certificate | Referred:
        if not isinstance(outcome, _Begun):
            return outcome
        wish, request = outcome.wish, outcome.request
        try:
            return await self._issuer.complete(
                outcome.intention, wish.profile, subject_der=wish.subject_der, spki=request.spki, actor=outcome.actor
            )
        except Busy as busy:
            # The intention is stored and will be finished: whoever asks again will find it, and must not be told
            # that nothing was begun.
            raise InProgress(
                "the certificate is being signed; send the same request again later",
                retry_after_seconds=busy.retry_after_seconds,
            ) from busy


async def _stored(tx: Transaction, begun: _Begun, *, now: int) -> _Begun:
    await certificates.intend(tx, begun.intention, now=now)
    if begun.request.is_made_here:
        await made_keys.record(tx, begun.intention, begun.request, actor=begun.actor, now=now)
    return begun
