"""Makes keys and has them certified: what is handed over is handed over once."""

from __future__ import annotations

import asyncio

import msgspec
from cryptography import x509

from ca_core.applicant import Applicant
from ca_core.audit.gate import Gate
from ca_core.clock import Clock
from ca_core.enrollment import Enrollment
from ca_core.errors import Throttled, TooEarly
from ca_core.made_keys import grounds
from ca_core.made_keys.generation import Generator, PrivateKey, generator_like
from ca_core.policy import decision
from ca_core.policy.decision import Verdict, Wish
from ca_core.policy.keys import spki_der, spki_sha256
from ca_core.policy.profile import Profile
from ca_core.policy.request import CertificationRequest
from ca_core.referral import intake
from ca_core.referral.request import at_once
from ca_core.store import certificates, registrations
from ca_core.store.certificates import Certificate
from ca_core.store.database import Database

MOST_WAITING = 16
"""How many wait for a key to be made, one of each registration; one is made at a time, so that certificates go on."""
MOST_RECIPIENTS = 200
"""Among how many certificates of a registration, the newest first, a recipient is looked for."""
_RETRY_SECONDS = 5


class Made(msgspec.Struct, frozen=True):
    """A key and its certificate."""

    certificate: Certificate
    private_key: PrivateKey

    def __repr__(self) -> str:
        """Say nothing of the key."""
        return f"Made({self.certificate.serial})"


class KeyDesk:
    """Makes keys for who may have them made.

    Args:
        gate: while it is closed nothing is certified, and so no key is made.
    """

    def __init__(self, database: Database, clock: Clock, enrollment: Enrollment, gate: Gate) -> None:
        self._database = database
        self._clock = clock
        self._enrollment = enrollment
        self._gate = gate
        self._one_at_a_time = asyncio.Lock()
        self._waiting: set[str] = set()

    async def foresee(self, applicant: Applicant, request: CertificationRequest, profile_name: str | None) -> Profile:
        """Refuse what would be refused anyway, before a key is made; return the profile that is meant.

        Raises:
            Refusal: whatever stands against it.
        """
        now = self._clock.now()
        self._gate.require_open(now)
        generator_like(request.public_key)
        async with self._database.read() as tx:
            registration = await registrations.by_id(tx, applicant.registration_id)
            registration.require_active(now)
            name = profile_name or self._enrollment.default_profile(registration, applicant.door)
            profile = self._enrollment.profile(name)
            grounds.require_made(profile)
            names = decision.names_for(profile, registration, request, applicant)
            decision.require_fit(profile, applicant, request)
            wish = Wish(profile, decision.subject_for(registration, profile, names, applicant.door), names)
            decision.require_grants(registration, wish, applicant.limits)
            asking = intake.asked(applicant, wish, request, now=now)
            if await intake.verdict(tx, asking, wish, now=now) is Verdict.REFERRED:
                grounds.require_kept(request)
            credential = await grounds.credential_of(tx, applicant)
            early: TooEarly | None = None
            try:
                await self._enrollment.foresee(tx, registration, profile, names, now=now)
            except TooEarly as refusal:
                early = refusal
            # The last, because each statement sees the newest commit: what spent the code and shut the window is seen.
            lately = await grounds.made_lately(tx, registration.id, wish, now=now)
        if early is not None and not lately:
            raise early
        grounds.require_foreseeable(credential, lately, is_shut=early is not None, now=now)
        return profile

    async def make(self, applicant: Applicant, request: CertificationRequest, profile: Profile) -> Made:
        """Make a key of the type that the request's is of, and have it certified.

        Raises:
            Refusal: whatever stands against it; the key is forgotten then.
        """
        private_key = await self._generated(applicant.registration_id, generator_like(request.public_key))
        public_key = private_key.public_key()
        spki = spki_der(public_key)
        asked = msgspec.structs.replace(request, public_key=public_key, spki=spki, spki_sha256=spki_sha256(spki))
        outcome = await self._enrollment.enroll(applicant, asked, profile_name=profile.name)
        return Made(at_once(outcome), private_key)

    async def recipient(self, registration_id: str, key_identifier: bytes) -> x509.Certificate | None:
        """The live certificate of a registration whose subjectKeyIdentifier is this one; None where there is none."""
        now = self._clock.now()
        async with self._database.read() as tx:
            # There may be a hundred thousand, which nobody should hold in memory for one request.
            held = await certificates.good(tx, registration_id, now=now, most=MOST_RECIPIENTS)
        for one in held:
            certificate = x509.load_der_x509_certificate(one.der)
            if is_named(certificate, key_identifier):
                return certificate
        return None

    async def _generated(self, registration_id: str, generate: Generator) -> PrivateKey:
        """Make a key in a thread: RSA takes seconds, and lets everything else go on meanwhile.

        Raises:
            Throttled: too many wait already, or this registration does, so that none takes all the places.
            JournalUnavailable, RestoreUnacknowledged: nothing is certified any more.
        """
        if registration_id in self._waiting or len(self._waiting) >= MOST_WAITING:
            raise Throttled("too many keys are being made at this moment", retry_after_seconds=_RETRY_SECONDS)
        self._waiting.add(registration_id)
        try:
            async with self._one_at_a_time:
                # Others' keys took their time, and the gate may have closed meanwhile.
                self._gate.require_open(self._clock.now())
                return await asyncio.to_thread(generate)
        finally:
            self._waiting.remove(registration_id)


def is_named(certificate: x509.Certificate, key_identifier: bytes) -> bool:
    """Whether this is the certificate's subjectKeyIdentifier; one that was adopted may have none."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return False
    return named.value.digest == key_identifier
