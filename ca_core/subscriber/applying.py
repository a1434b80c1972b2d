"""Applying for certificates and renewing them at the portal (RULES, S6, S7, S9 and S10)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ca_core import names as names_module
from ca_core.applicant import Applicant, Door
from ca_core.audit import journal
from ca_core.clock import Clock
from ca_core.enrollment import Enrollment
from ca_core.errors import (
    BadForm,
    CertificateExpired,
    CertificateRevoked,
    ChangedMeanwhile,
    FieldFault,
    KeyInUse,
    Refusal,
    SubjectMismatch,
)
from ca_core.names import Identifier
from ca_core.policy import request as request_module
from ca_core.policy.request import CertificationRequest
from ca_core.referral.request import EnrollmentRequest, Referred
from ca_core.registration.account import Registration
from ca_core.registration.agreement import Acceptance, Agreement
from ca_core.registration.kind import Kinds
from ca_core.registration.session import Session
from ca_core.revocation import rules
from ca_core.revocation.desk import RevocationDesk, Revoked, UnderReview
from ca_core.revocation.reason import Reason
from ca_core.revocation.request import RevocationRequest
from ca_core.revocation.rules import Asker, Course
from ca_core.store import (
    acceptances,
    enrollment_requests,
    holds,
    own_certificates,
    registrations,
    revocation_requests,
)
from ca_core.store.certificates import Certificate
from ca_core.store.database import Database
from ca_core.subscriber.events import AgreementAccepted
from ca_core.subscriber.lines import Lines
from ca_core.subscriber.standing import Line

AGREEMENT = "agreement"
"""The field of a form by which the agreement is accepted."""
LOST = (Reason.SUPERSEDED, Reason.KEY_COMPROMISE)
"""Why a certificate is given up whose key is lost: nobody has it; or somebody may."""
_REMEMBERED_SECONDS = 365 * 86_400
_MOST_CERTIFICATES = 200
_MOST_REQUESTS = 100

Outcome = Certificate | Referred | Refusal
"""What became of one request: issued, waiting for an officer, or refused."""


class Application(msgspec.Struct, frozen=True):
    """One request for a certificate.

    Attributes:
        csr: the certification request in DER.
        names: which of the registered names are wanted, where the request itself names none; None means all that fit.
    """

    csr: bytes
    names: frozenset[Identifier] | None = None


class Consent(msgspec.Struct, frozen=True):
    """Which agreement somebody has read and accepts: its version, and the SHA-256 of its text in hex."""

    version: str
    sha256: str


class Papers(msgspec.Struct, frozen=True):
    """What a subscriber looks at before applying.

    Attributes:
        registration: with its contact.
        agreement: that counts today; None where there is none.
        accepted: how it was accepted; None where it was not.
        offered: one line for each profile that may be applied for, with all names that fit.
        held: one line for each profile and set of names of which there is a certificate, or was one within a year.
    """

    registration: Registration
    agreement: Agreement | None
    accepted: Acceptance | None
    offered: tuple[Line, ...]
    held: tuple[Line, ...]

    @property
    def must_accept(self) -> bool:
        """Whether the agreement is to be accepted first."""
        return self.agreement is not None and self.accepted is None


class Loss(msgspec.Struct, frozen=True):
    """A certificate whose key is lost.

    Attributes:
        waiting: the request to revoke it that waits for an officer; None where none does.
        is_reviewed: whether an officer looks at such a request first.
    """

    certificate: Certificate
    waiting: RevocationRequest | None
    is_reviewed: bool


class Applying:
    """Lets subscribers who are signed in apply; everything is issued by the one door.

    Args:
        current: the agreement of today; None where there is none.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        enrollment: Enrollment,
        *,
        revocations: RevocationDesk,
        kinds: Kinds,
        current: Agreement | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._enrollment = enrollment
        self._revocations = revocations
        self._kinds = kinds
        self._current = current
        self._offered = [one.name for one in enrollment.profiles.values() if Door.PORTAL in one.doors]

    async def papers(self, session: Session) -> Papers:
        """What may be applied for, what is held and what waits.

        Raises:
            PasswordToBeChanged: the session is not all the way in.
        """
        session.require_signed_in()
        now, id_ = self._clock.now(), session.registration.id
        async with self._database.read() as tx:
            registration = msgspec.structs.replace(
                await registrations.by_id(tx, id_), contact_read=await registrations.contact_of(tx, id_)
            )
            accepted = await acceptances.of(tx, id_, self._current) if self._current else None
            found = await own_certificates.of_profiles(
                tx, id_, self._offered, since=now - _REMEMBERED_SECONDS, now=now, most=_MOST_CERTIFICATES
            )
            waiting = await enrollment_requests.waiting_for(tx, id_)
            revocations = await revocation_requests.pending_of(tx, id_)
        lines = Lines(
            profiles=self._enrollment.profiles,
            window_of=self._enrollment.renewal_window,
            tolerated=self._kinds.named(registration.kind).live_certificates,
            certificates=found,
            waiting=waiting,
            revocations=revocations,
            now=now,
        )
        return Papers(registration, self._current, accepted, lines.offered(registration), lines.held())

    async def requests(self, session: Session) -> list[EnrollmentRequest]:
        """What this subscriber has asked for and an officer has looked at or is to look at, the newest first."""
        session.require_signed_in()
        async with self._database.read() as tx:
            return await enrollment_requests.newest_of(tx, session.registration.id, most=_MOST_REQUESTS)

    async def apply(
        self, session: Session, asked: Mapping[str, Application], consent: Consent | None, *, source: str
    ) -> dict[str, Outcome]:
        """Apply for one certificate of each of some profiles. What is sent twice is issued once.

        Args:
            asked: by profile.
            consent: None where the agreement was accepted before.
            source: textual IP address.

        Raises:
            BadForm: the agreement is not accepted.
            ChangedMeanwhile: another one counts by now.
            KeyInUse: two certificates would share a key; nothing was issued.
            PasswordToBeChanged: the session is not all the way in.
        """
        session.require_signed_in()
        outcomes, requests = _read(asked)
        await self._accept(session, consent, source=source)
        applicant = Applicant(session.registration.id, Door.PORTAL, "session", source)
        for profile, request in requests.items():
            try:
                outcomes[profile] = await self._enrollment.enroll(applicant, request, profile_name=profile)
            except Refusal as refusal:
                # What was issued before it is issued, and its holder is to be told.
                outcomes[profile] = refusal
        return {profile: outcomes[profile] for profile in asked}

    async def renew(
        self, session: Session, asked: Mapping[str, bytes], consent: Consent | None, *, source: str
    ) -> dict[str, Outcome]:
        """Renew certificates, each of another profile; returns what became of it by profile.

        Args:
            asked: the certification requests in DER, by the serial of what they renew.
            consent, source: as for `apply`.

        Raises:
            NotFound: one of the certificates is not theirs.
            SubjectMismatch: a request has other names than its certificate.
            CertificateExpired, CertificateRevoked: it renews nothing; nothing was issued.
            As `apply` says.
        """
        session.require_signed_in()
        now, applications = self._clock.now(), dict[str, Application]()
        for serial, csr in asked.items():
            old = await self._own(session, serial)
            if old.is_revoked:
                raise CertificateRevoked("a revoked certificate renews nothing; apply for a new one")
            if old.not_after < now:
                raise CertificateExpired("an expired certificate renews nothing; apply for a new one")
            applications[old.profile] = Application(csr, names_module.from_canonical(old.names))
        return await self.apply(session, applications, consent, source=source)

    async def loss(self, session: Session, serial: str) -> Loss:
        """What giving up a certificate whose key is lost would mean, or what came of it.

        Args:
            serial: 40 hex digits.

        Raises:
            NotFound: there is no such certificate, or it is not theirs.
        """
        session.require_signed_in()
        certificate = await self._own(session, serial)
        said = rules.said_by(self._kinds.named(session.registration.kind))
        profile = self._enrollment.profiles.get(certificate.profile)
        course = rules.course(profile, Asker.SUBSCRIBER, Reason.SUPERSEDED, said)
        async with self._database.read() as tx:
            waiting = await revocation_requests.pending_for(tx, serial)
        return Loss(certificate, waiting, is_reviewed=course is not Course.AT_ONCE)

    async def give_up(self, session: Session, serial: str, reason: Reason, *, source: str) -> Revoked | UnderReview:
        """Ask for the revocation of a certificate whose key is lost, so that another one can take its place.

        Args:
            serial: 40 hex digits.
            reason: one of `LOST`.
            source: textual IP address.

        Raises:
            NotFound, AlreadyRevoked, CertificateExpired, BadReason: as `RevocationDesk.ask` says.
        """
        session.require_signed_in()
        await self._own(session, serial)
        actor = Applicant(session.registration.id, Door.PORTAL, "session", source).actor
        return await self._revocations.ask(serial, reason, asker=Asker.SUBSCRIBER, actor=actor)

    async def _accept(self, session: Session, consent: Consent | None, *, source: str) -> None:
        """Note that the agreement of today is accepted, unless it was before."""
        current, now, id_ = self._current, self._clock.now(), session.registration.id
        if current is None:
            return
        async with self._database.write() as tx:
            await tx.hold(holds.registration(id_), shared=True)
            (await registrations.by_id(tx, id_)).require_active(now)
            if await acceptances.of(tx, id_, current) is not None:
                return
            if consent is None:
                raise BadForm([FieldFault(AGREEMENT, "must be accepted before you apply")])
            if consent != Consent(current.version, current.sha256):
                raise ChangedMeanwhile("the subscriber agreement has a new version; read that one and accept it")
            acceptance = Acceptance(current.version, current.sha256, now)
            if await acceptances.accept(tx, id_, acceptance, door=Door.PORTAL):
                event, actor = AgreementAccepted(current.version, current.sha256), f"{Door.PORTAL}:session:{source}"
                await journal.record(tx, event, now=now, actor=actor, registration_id=id_)

    async def _own(self, session: Session, serial: str) -> Certificate:
        async with self._database.read() as tx:
            return await own_certificates.one(tx, session.registration.id, serial)


def _read(asked: Mapping[str, Application]) -> tuple[dict[str, Outcome], dict[str, CertificationRequest]]:
    """The requests that can be read, and refusals of the others.

    Raises:
        KeyInUse: two of them have one key (RULES, S7): nothing is issued of a pair that would share it.
    """
    outcomes: dict[str, Outcome] = {}
    requests: dict[str, CertificationRequest] = {}
    for profile, application in asked.items():
        try:
            requests[profile] = _wished(request_module.parse(application.csr), application)
        except Refusal as refusal:
            outcomes[profile] = refusal
    keys = {request.spki_sha256 for request in requests.values()}
    if len(keys) < len(requests):
        raise KeyInUse("two of these requests have the same key; make a key for each certificate")
    return outcomes, requests


def _wished(request: CertificationRequest, application: Application) -> CertificationRequest:
    """A request with the names that were chosen beside it.

    Raises:
        SubjectMismatch: it names others itself.
    """
    if application.names is None or request.names == application.names:
        return request
    if request.names:
        raise SubjectMismatch(
            "the request's subjectAltName has other names than were chosen; leave it out or copy them"
        )
    return msgspec.structs.replace(request, names=application.names, san_requested=True)
