"""Enrollment and re-enrollment (RFC 7030, 4.2)."""

from __future__ import annotations

from collections.abc import Callable

from ca_core.applicant import Applicant
from ca_core.errors import CertificateNotAccepted, NameNotGranted, WrongSecret
from ca_core.names import from_canonical
from ca_core.policy import request as csr
from ca_core.policy.request import CertificationRequest
from ca_core.referral.request import EnrollmentRequest, Referred
from ca_core.registration import mark
from ca_core.store.certificates import Certificate
from protocols.est import csrattrs, intent, messages, refusals
from protocols.est.binding import check_binding
from protocols.est.labels import CsrAttributes, Labels
from protocols.est.services import EstServices
from protocols.est.sign_in import EstSignIn
from protocols.wire import Reply, Request

_BY_CERTIFICATE = "certificate"
_NO_RA = (
    "this label lets a client ask for others only with a certificate that has the extended key usage cmcRA; have it"
    " issued by a profile that has it"
)

Read = Callable[[bytes], CertificationRequest]


class Enrolling:
    """Certification requests come in, certificates go out.

    What is checked, in this order: media type and size, who asks, base64, the certification request, for whom it is,
    channel binding or code, what the label demands; the rest is the one door's to decide. Where a label takes codes out
    of requests, the request is read first.
    """

    def __init__(self, services: EstServices, labels: Labels) -> None:
        self._enrollment = services.enrollment
        self._labels = labels
        self._help_base = services.help_base
        self._sign_in = EstSignIn(services, labels)
        self._core_sign_in = services.sign_in
        self._on_file = services.on_file

    async def simpleenroll(self, request: Request, label: str | None) -> Reply:
        """A first certificate, or one more (RFC 7030, 4.2.1)."""
        messages.require_certification_request(request)
        applicant = await self._by_any_proof(request, label, csr.parse)
        asked = _csr(request)
        if label is None:
            # strongSwan 5.9.8 forgets the label when it asks again after 202. What the label sets holds all the same.
            label = await self._on_file.asked_profile(applicant, asked)
            if label is not None:
                # Among it whom that label trusts: who asks was proved as the default label has it.
                applicant = await self._by_any_proof(request, label, csr.parse)
        await self._sign_in.require_certificate(applicant, request, label)
        async with self._core_sign_in.noting(
            source=applicant.source,
            door=applicant.door,
            registration_id=applicant.registration_id,
            serial=applicant.serial,
        ):
            meant = await self.meant(applicant, asked, request, label)
            outcome = await self._enrollment.enroll(meant, asked, profile_name=label)
        return self._reply(outcome, request, label)

    async def simplereenroll(self, request: Request, label: str | None) -> Reply:
        """The successor of the certificate that the TLS client has shown (RFC 7030, 4.2.2)."""
        messages.require_certification_request(request)
        applicant = await self._sign_in.for_renewal(request)
        async with self._core_sign_in.noting(
            source=applicant.source,
            door=applicant.door,
            registration_id=applicant.registration_id,
            serial=applicant.serial,
        ):
            asked = _csr(request)
            # Without a label in the path it is still the certificate's profile, not the default, that is renewed.
            held = self.label_of(applicant.shown_profile, label)
            await self._verify_challenges(applicant, asked, request, held)
            self._require_attributes(applicant, held, asked)
            outcome = await self._enrollment.renew(applicant, asked, profile_name=label)
        return self._reply(outcome, request, label)

    async def proved(self, request: Request, label: str | None, read: Read) -> Applicant:
        """Who asks: by the code in the request where the label takes one and no other was sent.

        Args:
            read: reads the certification request.

        Raises:
            Refusal: nobody is proved, or not as the label needs it.
        """
        applicant = await self._by_any_proof(request, label, read)
        await self._sign_in.require_certificate(applicant, request, label)
        return applicant

    async def meant(
        self, applicant: Applicant, asked: CertificationRequest, request: Request, label: str | None
    ) -> Applicant:
        """For whom a certification request is, once all is verified that it must hold on this label and connection.

        Raises:
            Refusal: whatever stands against it here; the one door has its own to say.
        """
        meant = await self._meant(applicant, asked, label)
        # RFC 7030, 3.7: what a request for another holds was verified by who brings it, on the other connection.
        if meant is applicant:
            await self._verify_challenges(applicant, asked, request, label)
        self._require_attributes(meant, label, asked)
        return meant

    def label_of(self, renewed: str | None, label: str | None) -> str | None:
        """Which label holds for the renewal of a certificate: the path's, else that of the certificate's profile.

        Args:
            renewed: the certificate's profile; None where none is renewed.
        """
        return self._labels.name_for(label, () if renewed is None else (renewed,))

    async def speaks_for(self, applicant: Applicant, held: Certificate | EnrollmentRequest) -> bool:
        """Whether an applicant may ask for others, and who holds a certificate, or waits for one, is one of those."""
        client = applicant.registered.account if applicant.registered else ""
        if applicant.proof != _BY_CERTIFICATE or not self._labels.is_ra(client):
            return False
        account = await self._core_sign_in.account_of(held.registration_id)
        rules = self._labels.for_applicant(None, (held.profile,))
        listed = rules.lets_ask(client, account, from_canonical(held.names))
        return listed and rules.lets_ask_with(applicant.shown_der)

    async def require_certificate(self, applicant: Applicant, request: Request, label: str | None) -> None:
        """As `EstSignIn.require_certificate` says."""
        await self._sign_in.require_certificate(applicant, request, label)

    async def _by_any_proof(self, request: Request, label: str | None, read: Read) -> Applicant:
        if self._labels.named(label).takes_codes and "authorization" not in request.headers:
            for challenge in _challenges(read(messages.certification_request(request.body))):
                return await self._sign_in.by_challenge(challenge, request)
        return await self._sign_in.for_enrollment(request, label)

    async def _meant(self, applicant: Applicant, asked: CertificationRequest, label: str | None) -> Applicant:
        """For whom the request is: who asks, unless that is an account that may ask for others.

        Raises:
            NameNotGranted: it may not ask for whom it means, or nobody knows who that is.
            CertificateNotAccepted: it may, with another certificate.
        """
        client = applicant.registered.account if applicant.registered else ""
        if applicant.proof != _BY_CERTIFICATE or not self._labels.is_ra(client):
            return applicant
        meant = await self._core_sign_in.on_behalf(applicant, _marks(asked), label)
        if meant is applicant:
            return applicant
        if meant is not None and meant.registered is not None:
            rules = self._labels.for_applicant(label, meant.profiles)
            if rules.lets_ask(client, meant.registered.account, asked.names):
                if not rules.lets_ask_with(applicant.shown_der):
                    raise CertificateNotAccepted(_NO_RA)
                return meant
        raise NameNotGranted(
            "this client may ask for others, and the request's subject or serial number is that of none of them;"
            " write the registered subject into the request, and have the label list the account or its zone"
        )

    async def _verify_challenges(
        self, applicant: Applicant, asked: CertificationRequest, request: Request, label: str | None
    ) -> None:
        """Verify whatever a request holds that proves possession, or is a code.

        Raises:
            Refusal: it does not prove what it is for, or the code is another account's.
        """
        rules = self._labels.for_applicant(label, applicant.profiles)
        takes_codes = rules.takes_codes
        check_binding(asked, request.peer, is_otp=takes_codes, is_required=rules.demands_binding)
        for challenge in _challenges(asked) if takes_codes else ():
            other = await self._sign_in.by_challenge(challenge, request)
            if other.registration_id != applicant.registration_id:
                raise WrongSecret

    def _require_attributes(self, applicant: Applicant, label: str | None, asked: CertificationRequest) -> None:
        name = self._labels.name_for(label, applicant.profiles)
        if name is None:
            return
        profile = self._enrollment.profile(name)
        intent.require(profile, asked)
        if self._labels.named(name).csrattrs is CsrAttributes.ENFORCED:
            csrattrs.require(profile, asked)

    def _reply(self, outcome: Certificate | Referred, request: Request, label: str | None) -> Reply:
        if isinstance(outcome, Referred):
            return refusals.waiting(outcome, self._help_base)
        is_single_line = self._labels.named(label).wire.is_single_line_for(request.headers)
        return messages.certs_only_reply(messages.issued(outcome.der), single_line=is_single_line)


def _challenges(asked: CertificationRequest) -> list[str]:
    """What may be a code in a request (RFC 7030, 3.5; RFC 7894, 3.1)."""
    return [value for value in (asked.otp_challenge, asked.challenge_password) if value is not None]


def _marks(asked: CertificationRequest) -> frozenset[str]:
    """Whom a request means, in a form in which registrations are found."""
    try:
        return mark.of_shown(asked.subject_der, asked.names)
    except ValueError:
        # A serialNumber that is no string is nobody's.
        return frozenset()


def _csr(request: Request) -> CertificationRequest:
    """Read the body.

    Raises:
        Malformed, CaRequested: as the base64 and the request in it deserve.
    """
    return csr.parse(messages.certification_request(request.body))
