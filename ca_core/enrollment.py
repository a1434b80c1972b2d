"""THE ONE DOOR: every certificate of every protocol comes through `enroll()` or `renew()`.

The decision is pure and is asked inside the write transaction that stores the intention, so what is decided
on (registration, credential, holdings) cannot change before it is acted on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from ca_core import names as names_module
from ca_core.applicant import Applicant, Door
from ca_core.audit.gate import Gate
from ca_core.clock import Clock
from ca_core.errors import (
    KeyCompromised,
    KeyInUse,
    NotFound,
    ProfileNotGranted,
    ProfileNotOffered,
    SubjectMismatch,
    WeakKey,
    WrongState,
)
from ca_core.issuance.issuer import Issuer
from ca_core.names import Identifier
from ca_core.policy import decision
from ca_core.policy.blocklist import NOTHING_BLOCKED, Blocklist
from ca_core.policy.decision import Holding, Wish
from ca_core.policy.key_types import key_name
from ca_core.policy.keys import check_key, key_type
from ca_core.policy.period import WHOLE, WishedPeriod
from ca_core.policy.profile import Profile
from ca_core.policy.renewal import Window, renewal_window
from ca_core.policy.request import CertificationRequest, same_subject
from ca_core.registration.account import Registration
from ca_core.registration.kind import kind_named
from ca_core.store import certificates, credentials, registrations
from ca_core.store.certificates import Certificate, Intention
from ca_core.store.database import Database, Transaction


class OrderClaim(msgspec.Struct, frozen=True):
    """How a protocol with objects of its own ties one to its certificate.

    Attributes:
        request_key: finds the certificate again, such as `acme-order:ID`.
        names: what was ordered, instead of the request's own.
        claim: moves the object by compare-and-set, in the transaction that stores the intention; it raises when lost.
        period: which part of the profile's period was ordered.
        replaces: serial of the certificate that the new one takes the place of.
    """

    request_key: str
    names: frozenset[Identifier]
    claim: Callable[[Transaction], Awaitable[None]]
    period: WishedPeriod = WHOLE
    replaces: str | None = None


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
    ) -> None:
        self._database = database
        self._clock = clock
        self._issuer = issuer
        self._profiles = profiles
        self._window_days = window_days
        self._gate = gate
        self._blocked = blocked

    def profile(self, name: str) -> Profile:
        """Look a profile up.

        Raises:
            ProfileNotOffered: there is none of this name.
        """
        try:
            return self._profiles[name]
        except KeyError:
            raise ProfileNotOffered(f"there is no profile {name[:64]!r} here") from None

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
        # One that settings no longer have is held for nothing.
        known = [self._profiles[name] for name in registration.profiles if name in self._profiles]
        found = [profile for profile in known if door in profile.doors]
        if not found:
            raise ProfileNotGranted(f"this registration holds no profile that {door.upper()} offers")
        return found

    def renewal_window(self, certificate: Certificate) -> Window:
        """When a certificate may be replaced, by the rule that every door goes by (RULES, S9)."""
        profile = self._profiles.get(certificate.profile)
        days = self._window_days if profile is None else profile.window_days(self._window_days)
        return renewal_window(certificate.not_before, certificate.not_after, days=days)

    async def enroll(
        self,
        applicant: Applicant,
        request: CertificationRequest,
        *,
        profile_name: str | None = None,
        order: OrderClaim | None = None,
        issuer_name: str | None = None,
    ) -> Certificate:
        """Issue a certificate, or deliver the one that this very request got before.

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
            registration = await registrations.by_id(tx, applicant.registration_id)
            registration.require_active(now)
            if applicant.serial is not None:
                # It was good at the sign-in, and may have been revoked since.
                await _proof(tx, applicant.serial, now=now)
            profile = self.profile(profile_name or self.default_profile(registration, applicant.door))
            names = order.names if order else decision.names_for(profile, registration, request)
            subject_der = decision.subject_for(registration, profile, names, applicant.door)
            wish = Wish(profile, subject_der, names, applicant.proved)
            if order is not None:
                wish = msgspec.structs.replace(wish, replaces=order.replaces, period=order.period)
            outcome = await self._intend(
                tx, applicant, registration, wish, request, order=order, issuer_name=issuer_name, now=now
            )
        return await self._finish(outcome, applicant, wish, request)

    async def renew(
        self, applicant: Applicant, request: CertificationRequest, *, profile_name: str | None = None
    ) -> Certificate:
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
            registration = await registrations.by_id(tx, applicant.registration_id)
            registration.require_active(now)
            old = await _proof(tx, applicant.serial or "", now=now)
            profile = self.profile(old.profile)
            _check_renewal(old, request, profile_name)
            names = names_module.from_canonical(old.names)
            subject_der = decision.subject_for(registration, profile, names, applicant.door)
            wish = Wish(profile, subject_der, names, replaces=old.serial)
            outcome = await self._intend(tx, applicant, registration, wish, request, now=now)
        return await self._finish(outcome, applicant, wish, request)

    async def foresee(
        self,
        tx: Transaction,
        registration: Registration,
        profile: Profile,
        names: frozenset[Identifier],
        *,
        period: WishedPeriod = WHOLE,
        now: int,
    ) -> str | None:
        """Refuse early, at the time of an order, what `enroll()` would refuse whatever the challenges bring.

        Returns the serial of the live certificate that it would renew, if there is one in its renewal window.

        Raises:
            ProfileNotGranted, NameNotGranted, PeriodNotOffered, TooEarly: as they say.
        """
        if period != WHOLE:
            self._issuer.require_period(profile, period, now=now)
        registration.require_profile(profile.name)
        decision.require_names(registration, profile, names)
        held = await _held(tx, registration, profile, names, now=now)
        days = profile.window_days(self._window_days)
        decision.require_window(kind_named(registration.kind), profile, held, window_days=days, now=now)
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
    ) -> Intention | Certificate:
        """Decide, and store the intention in the same transaction; or find what was issued before."""
        profile, days = wish.profile, wish.profile.window_days(self._window_days)
        _require_fit(profile, applicant, request)
        decision.require_grants(registration, wish)
        held = await _held(tx, registration, profile, wish.names, now=now)
        if order is None:
            serial = decision.repeated(request, wish.replaces, held, window_days=days, now=now)
            again = await certificates.by_serial(tx, serial) if serial else None
            if again is not None:
                return again
        if not profile.same_key_renewal and any(one.spki_sha256 == request.spki_sha256 for one in held):
            raise KeyInUse(f"the profile {profile.name} renews with a new key only; make one")
        if applicant.credential_id is not None:
            await credentials.spend(tx, applicant.credential_id, now=now)
        decision.require_window(kind_named(registration.kind), profile, held, window_days=days, now=now)
        await _claim_key(tx, registration, profile, request)
        if order is not None:
            await order.claim(tx)
        request_key = order.request_key if order else None
        intention = self._issuer.plan(
            registration,
            wish,
            request,
            door=applicant.door,
            request_key=request_key,
            issuer_name=issuer_name,
            now=now,
        )
        if not await certificates.intend(tx, intention, now=now):
            raise WrongState("this order has a certificate already; fetch it")
        return intention

    async def _finish(
        self, outcome: Intention | Certificate, applicant: Applicant, wish: Wish, request: CertificationRequest
    ) -> Certificate:
        if isinstance(outcome, Certificate):
            return outcome
        return await self._issuer.complete(
            outcome, wish.profile, subject_der=wish.subject_der, spki=request.spki, actor=applicant.actor
        )


async def _held(
    tx: Transaction, registration: Registration, profile: Profile, names: frozenset[Identifier], *, now: int
) -> list[Holding]:
    return await certificates.holdings(tx, registration.id, profile.name, names_module.canonical(names), now=now)


def _require_fit(profile: Profile, applicant: Applicant, request: CertificationRequest) -> None:
    if applicant.door not in profile.doors:
        raise ProfileNotOffered(f"the profile {profile.name} is not offered through {applicant.door.upper()}")
    if profile.key_types and key_name(request.public_key) not in profile.key_types:
        raise WeakKey(
            f"the profile {profile.name} certifies no key of the type {key_name(request.public_key)};"
            f" make one of the type {' or '.join(sorted(profile.key_types))}"
        )
    if not profile.usages_for(key_type(request.public_key)):
        raise WeakKey(f"the profile {profile.name} has no use for a key of this kind; use RSA or ECDSA")


async def _proof(tx: Transaction, serial: str, *, now: int) -> Certificate:
    """The certificate that proved the applicant, if it still does at the moment of the decision."""
    certificate = await certificates.by_serial(tx, serial)
    if certificate is None:
        raise NotFound("the certificate is not known here")
    certificate.require_live(now)
    return certificate


async def _claim_key(
    tx: Transaction, registration: Registration, profile: Profile, request: CertificationRequest
) -> None:
    purpose, digest = profile.key_purpose, request.spki_sha256
    if not await certificates.claim_key(tx, digest, purpose=purpose, registration_id=registration.id):
        if await certificates.is_blocked(tx, digest):
            raise KeyCompromised
        raise KeyInUse("this key serves another purpose or subscriber already; make a new one")


def _check_renewal(old: Certificate, request: CertificationRequest, profile_name: str | None) -> None:
    if profile_name is not None and profile_name != old.profile:
        raise ProfileNotGranted(f"the certificate is of the profile {old.profile}; renew it there")
    if request.names != names_module.from_canonical(old.names):
        raise SubjectMismatch("the request's subjectAltName differs from the certificate's; copy it (RFC 7030, 4.2.2)")
    subject_der = x509.load_der_x509_certificate(old.der).subject.public_bytes()
    if not same_subject(request.subject_der, subject_der):
        raise SubjectMismatch("the request's subject differs from the certificate's; copy it (RFC 7030, 4.2.2)")
