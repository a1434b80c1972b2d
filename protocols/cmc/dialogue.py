"""Full CMC as a dialogue: one signed request in, one signed answer out (RFC 5272; RFC 7030, 4.3).

What is checked, in this order: the message, its content, who sent it, its nonce; then each part is asked of the core by
itself, and answered by itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
from cryptography import x509

from ca_core import names
from ca_core.applicant import Applicant
from ca_core.clock import Clock
from ca_core.enrollment import Enrollment
from ca_core.errors import NotFound, PossessionNotProved, Refusal
from ca_core.identity import serial_text
from ca_core.policy import crmf
from ca_core.policy.request import CertificationRequest, same_subject
from ca_core.referral.desk import ReferralDesk
from ca_core.referral.request import RETRY_AFTER_SECONDS, EnrollmentRequest, Referred, RequestState
from ca_core.registration.sign_in import SignIn
from ca_core.revocation import reason
from ca_core.revocation.delegate import Delegate
from ca_core.revocation.desk import RevocationDesk, UnderReview
from ca_core.revocation.rules import MAY_GIVE, Asker
from ca_core.store.certificates import Certificate
from protocols.cmc import requests, responses, tokens
from protocols.cmc.errors import NotProcessed, PossessionNotDelegated, RequestsNotServed, UnknownControls
from protocols.cmc.parts import (
    NO_ECHO,
    Certification,
    Confirmation,
    Echo,
    Notice,
    Part,
    Query,
    Revocation,
)
from protocols.cmc.replays import Replays
from protocols.cmc.requests import FullRequest
from protocols.cmc.responses import WHOLE_REQUEST, Done, Failed, Outcome, Pending
from protocols.cmc.senders import Sender, Senders
from protocols.cmc.structures import PKI_RESPONSE
from protocols.cmc.tokens import WaitingRequest, WaitingRevocation
from protocols.cms import signed as cms
from protocols.cms.errors import NotAuthenticated, NotDecrypted, UnknownAlgorithm
from protocols.cms.signed import Signed
from protocols.cms.structures import SIGNED_DATA, SIGNING_TIME

_LONGEST_SERIAL_BITS = 160
_REVIEW_SECONDS = 3600
_NONCE_OCTETS = 16
_IN_REVIEW = "the revocation waits for the registration authority"
_NOT_YOURS = "you have no certificate of this issuer and serial number"
_NOTHING_PENDING = "nothing of yours is pending under this token"


class Speaker(msgspec.Struct, frozen=True):
    """Who signs the answers.

    Attributes:
        chain: the certificates from the delegate's CA up, without the root, in DER.
    """

    delegate: Delegate
    chain: tuple[bytes, ...]


@dataclass(frozen=True)
class CmcServices:
    """What CMC needs of the house.

    Attributes:
        speaker: who signs the answers about a profile's requests; None means the default line of CAs. It raises Busy
            where nobody can.
        replays: knows which requests were carried out.
    """

    sign_in: SignIn
    enrollment: Enrollment
    revocations: RevocationDesk
    referrals: ReferralDesk
    clock: Clock
    speaker: Callable[[str | None], Speaker]
    replays: Replays


@dataclass(frozen=True)
class Asked:
    """A request as the carrier brings it.

    Attributes:
        message: DER of a signed message.
        source: textual IP address.
        shown: DER of the certificate that opened the connection; None where none did.
        profile: what the path asked for; None means the applicant's default.
        meant: tells for whom a certification request is, and raises what the carrier has against it; it is told the
            profile of the sender's certificate where that one is to be renewed, else None.
        speaks_for: tells whether an applicant may ask for another's certificate: for its revocation, or what became of
            the request for it.
    """

    message: bytes
    source: str
    shown: bytes | None
    profile: str | None
    meant: Callable[[Applicant, CertificationRequest, str | None], Awaitable[Applicant]]
    speaks_for: Callable[[Applicant, Certificate | EnrollmentRequest], Awaitable[bool]]


class Answer(msgspec.Struct, frozen=True):
    """What the carrier sends back.

    Attributes:
        message: a signed message in DER.
        refusal: the first one, where nothing of what was asked for is done or pending.
        retry_after_seconds: when to ask again, where nothing is done and something is pending.
    """

    message: bytes
    refusal: Refusal | None
    retry_after_seconds: int | None


class FullCmc:
    """Answers full PKI requests."""

    def __init__(self, services: CmcServices) -> None:
        self._enrollment = services.enrollment
        self._revocations = services.revocations
        self._referrals = services.referrals
        self._clock = services.clock
        self._speaker = services.speaker
        self._noting = services.sign_in.noting
        self._senders = Senders(services.sign_in, services.revocations.certificate)
        self._replays = services.replays

    async def answer(self, asked: Asked) -> Answer:
        """Answer a request.

        Raises:
            UnreadableMessage: it is no signed message; nothing is there that an answer could be about.
            Busy: nobody can sign an answer now. Without a signer nothing has been done; where its key failed at the
                end, the same request with another nonce finds what was done.
        """
        speaker = self._speaker(asked.profile)
        echo = NO_ECHO
        try:
            message = cms.read(asked.message)
        except (UnknownAlgorithm, NotDecrypted, NotAuthenticated) as refusal:
            return await self._signed([Failed(WHOLE_REQUEST, refusal)], echo, speaker)
        try:
            data = requests.opened(message.content_type, message.content)
            echo = requests.echo(data)
            wanted = requests.read(data)
            sender = await self._sender(message, wanted, echo, asked)
        except (UnknownControls, PossessionNotDelegated) as refusal:
            outcomes: list[Outcome] = [_failed(refusal.body_parts, refusal)]
        except RequestsNotServed as refusal:
            # RFC 5272, 3.2.1: no other certification request beside it is processed; nor is anything else here.
            outcomes = [_failed(refusal.body_parts, refusal), Failed(WHOLE_REQUEST, NotProcessed())]
        except Refusal as refusal:
            outcomes = [Failed(WHOLE_REQUEST, refusal)]
        else:
            outcomes = await self._outcomes(wanted, sender, asked)
        return await self._signed(outcomes, echo, speaker)

    async def _sender(self, message: Signed, wanted: FullRequest, echo: Echo, asked: Asked) -> Sender:
        now = self._clock.now()
        sender = await self._senders.sender(message, wanted, source=asked.source, now=now)
        await self._senders.require_same_holder(asked.shown, sender.applicant)
        if echo.sender_nonce is not None:
            await self._replays.use(sender.applicant.registration_id, echo.sender_nonce, now=now)
        elif wanted.revocations and not any(SIGNING_TIME in signer.attributes for signer in message.signers):
            # An enrollment that comes again brings the certificate that it brought, and a query changes nothing: both
            # are how a client without nonces goes on after an answer that was lost.
            await self._replays.use_content(sender.applicant.registration_id, message.content, now=now)
        return sender

    async def _outcomes(self, wanted: FullRequest, sender: Sender, asked: Asked) -> list[Outcome]:
        """Each part by itself; but no certificates where one request proves no possession (RFC 5272, 6.7)."""
        unproved = {part.body_part: Failed(part.body_part, refusal) for part, refusal in _unproved(wanted)}
        return [
            unproved.get(part.body_part, Failed(part.body_part, NotProcessed()))
            if unproved and isinstance(part, Certification)
            else await self._outcome(part, sender, asked)
            for part in wanted.parts
        ]

    async def _outcome(self, part: Part, sender: Sender, asked: Asked) -> Outcome:
        try:
            match part:
                case Certification():
                    return await self._certified(part, sender, asked)
                case Revocation():
                    return await self._revoked(part, sender, asked)
                case Query():
                    return await self._found(part, sender, asked)
                case Confirmation():
                    await self._own(part.serial, part.issuer_der, sender, asked)
                    return Done(part.body_part)
                case Notice():
                    return Done(part.body_part)
        except Refusal as refusal:
            return Failed(part.body_part, refusal)

    async def _certified(self, part: Certification, sender: Sender, asked: Asked) -> Outcome:
        applicant = sender.applicant
        async with self._noting(
            source=applicant.source,
            door=applicant.door,
            registration_id=applicant.registration_id,
            serial=applicant.serial,
        ):
            request = crmf.parse_any(part.der)
            signer = sender.certificate
            renewed = signer.profile if signer and _is_like(signer, request, asked.profile) else None
            meant = await asked.meant(applicant, request, renewed)
            is_renewal = renewed is not None and meant is applicant
            act = self._enrollment.renew if is_renewal else self._enrollment.enroll
            outcome = await act(meant, request, profile_name=asked.profile)
        if isinstance(outcome, Referred):
            return await self._waits(part.body_part, outcome)
        return Done(part.body_part, outcome.der)

    async def _revoked(self, part: Revocation, sender: Sender, asked: Asked) -> Outcome:
        """Revoke a certificate of the sender's, or of one that it speaks for; its own key proves most (RULES, S11)."""
        target = await self._own(part.serial, part.issuer_der, sender, asked)
        signer = sender.certificate
        is_holder = signer is not None and signer.spki_sha256 == target.spki_sha256
        asker = Asker.HOLDER if is_holder else Asker.SUBSCRIBER
        why = reason.parse(part.reason, allowed=MAY_GIVE[asker])
        outcome = await self._revocations.ask(
            target.serial, why, asker=asker, actor=sender.applicant.actor, invalid_since=part.invalid_since
        )
        if isinstance(outcome, UnderReview):
            return await self._under_review(part.body_part, target.serial)
        return Done(part.body_part)

    async def _own(self, serial: int, issuer_der: bytes, sender: Sender, asked: Asked) -> Certificate:
        """A certificate of the sender's, or of one that it speaks for.

        Raises:
            NotFound: it is neither.
        """
        target = await self._certificate(serial)
        if target is None or not _is_named(target, issuer_der) or not await _may_revoke(target, sender, asked):
            raise NotFound(_NOT_YOURS)
        return target

    async def _waits(self, body_part: int, referred: Referred) -> Pending:
        request = await self._referrals.request(referred.number)
        since = self._clock.now() if request is None else request.requested_at
        token = WaitingRequest(referred.number).token
        return Pending(body_part, token, referred.retry_after_seconds, str(referred), since)

    async def _under_review(self, body_part: int, serial: str) -> Pending:
        """That a revocation waits.

        Raises:
            NotFound: it does not.
        """
        for request in await self._revocations.requests():
            if request.serial == serial:
                token = WaitingRevocation(serial).token
                return Pending(body_part, token, _REVIEW_SECONDS, _IN_REVIEW, request.requested_at)
        raise NotFound("no revocation of this certificate is pending; it was rejected, or never asked for")

    async def _found(self, part: Query, sender: Sender, asked: Asked) -> Outcome:
        waiting = tokens.read(part.token)
        if isinstance(waiting, WaitingRequest):
            return await self._found_request(part, waiting.number, sender, asked)
        return await self._found_revocation(part, waiting, sender, asked)

    async def _found_request(self, part: Query, number: int, sender: Sender, asked: Asked) -> Outcome:
        request = await self._referrals.request(number)
        if request is None or not await self._has_asked(request, sender, asked):
            raise NotFound(_NOTHING_PENDING)
        if request.state is RequestState.REJECTED:
            raise request.rejection
        if request.state is RequestState.LAPSED:
            raise NotFound("nobody has decided the request in time; send it anew")
        issued = await self._revocations.certificate(request.serial) if request.serial else None
        if issued is None:
            text = f"request {number} waits still"
            return Pending(part.body_part, part.token, RETRY_AFTER_SECONDS, text, request.requested_at)
        return Done(part.body_part, issued.der)

    async def _has_asked(self, request: EnrollmentRequest, sender: Sender, asked: Asked) -> bool:
        """It is the sender's own, or the sender has asked for others, with this certificate or with an older one."""
        applicant = sender.applicant
        if request.registration_id == applicant.registration_id:
            return True
        shown = None if request.shown is None else await self._revocations.certificate(request.shown)
        if shown is None or sender.certificate is None or shown.registration_id != applicant.registration_id:
            return False
        # With another one only where it could ask today: not each of a client's certificates may be for asking.
        return shown.serial == sender.certificate.serial or await asked.speaks_for(applicant, request)

    async def _found_revocation(self, part: Query, waiting: WaitingRevocation, sender: Sender, asked: Asked) -> Outcome:
        target = await self._revocations.certificate(waiting.serial)
        if target is None or not await _may_revoke(target, sender, asked):
            raise NotFound(_NOTHING_PENDING)
        if target.is_revoked:
            return Done(part.body_part)
        return await self._under_review(part.body_part, target.serial)

    async def _certificate(self, serial: int) -> Certificate | None:
        if not 0 < serial < 1 << _LONGEST_SERIAL_BITS:
            return None
        return await self._revocations.certificate(serial_text(serial))

    async def _signed(self, outcomes: Sequence[Outcome], echo: Echo, speaker: Speaker) -> Answer:
        """Sign the answer, with what was issued and what helps to check the signature (RFC 5272, 4.1)."""
        delegate = speaker.delegate
        issued = [outcome.certificate for outcome in outcomes if isinstance(outcome, Done) and outcome.certificate]
        draft = cms.draft(
            PKI_RESPONSE,
            responses.content(outcomes, echo, nonce=secrets.token_bytes(_NONCE_OCTETS)),
            certificate=x509.load_der_x509_certificate(delegate.certificate),
            signature_algorithm=delegate.key.algorithm,
            certificates=[*issued, *speaker.chain],
        )
        signature = await delegate.key.sign(draft.to_be_signed)
        is_done = any(isinstance(outcome, Done) for outcome in outcomes)
        waits = [outcome.retry_after_seconds for outcome in outcomes if isinstance(outcome, Pending)]
        refusals = [outcome.refusal for outcome in outcomes if isinstance(outcome, Failed)]
        return Answer(
            message=cms.content_info(SIGNED_DATA, draft.signed(signature)),
            refusal=refusals[0] if refusals and not (is_done or waits) else None,
            retry_after_seconds=min(waits) if waits and not is_done else None,
        )


def _is_like(held: Certificate, request: CertificationRequest, profile: str | None) -> bool:
    """Whether a request asks for what the sender's certificate is, so that it renews that one (RFC 7030, 4.2.2)."""
    subject_der = x509.load_der_x509_certificate(held.der).subject.public_bytes()
    return (
        profile in {None, held.profile}
        and request.names == names.from_canonical(held.names)
        and same_subject(request.subject_der, subject_der)
    )


def _is_named(target: Certificate, issuer_der: bytes) -> bool:
    issuer = x509.load_der_x509_certificate(target.der).issuer.public_bytes()
    return same_subject(issuer, issuer_der)


async def _may_revoke(target: Certificate, sender: Sender, asked: Asked) -> bool:
    is_own = target.registration_id == sender.applicant.registration_id
    return is_own or await asked.speaks_for(sender.applicant, target)


def _failed(body_parts: Sequence[int], refusal: Refusal) -> Failed:
    first, *others = body_parts
    return Failed(first, refusal, tuple(others))


def _unproved(wanted: FullRequest) -> Iterator[tuple[Certification, Refusal]]:
    """The certification requests that the key in them has not signed. What else is wrong with one is told later."""
    for part in wanted.certifications:
        try:
            crmf.parse_any(part.der)
        except PossessionNotProved as refusal:
            yield part, refusal
        except Refusal:
            continue
