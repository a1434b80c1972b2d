"""Enrollment and re-enrollment (RFC 7030, 4.2)."""

from __future__ import annotations

from ca_core.applicant import Applicant
from ca_core.policy import request as csr
from ca_core.policy.request import CertificationRequest
from ca_core.referral.request import Referred
from ca_core.store.certificates import Certificate
from protocols.est import csrattrs, messages, refusals
from protocols.est.binding import check_binding
from protocols.est.labels import CsrAttributes, Labels
from protocols.est.services import EstServices
from protocols.est.sign_in import EstSignIn
from protocols.wire import Reply, Request


class Enrolling:
    """Certification requests come in, certificates go out.

    What is checked, in this order: media type and size, who asks, base64, the certification request, channel binding,
    what the label demands; the rest is the one door's to decide.
    """

    def __init__(self, services: EstServices, labels: Labels) -> None:
        self._enrollment = services.enrollment
        self._labels = labels
        self._sign_in = EstSignIn(services)
        self._noting = services.sign_in.noting

    async def simpleenroll(self, request: Request, label: str | None) -> Reply:
        """A first certificate, or one more (RFC 7030, 4.2.1)."""
        messages.require_certification_request(request)
        applicant = await self._sign_in.for_enrollment(request)
        return self._reply(await self._outcome(request, applicant, label, is_renewal=False), request, label)

    async def simplereenroll(self, request: Request, label: str | None) -> Reply:
        """The successor of the certificate that the TLS client has shown (RFC 7030, 4.2.2)."""
        messages.require_certification_request(request)
        applicant = await self._sign_in.for_renewal(request)
        return self._reply(await self._outcome(request, applicant, label, is_renewal=True), request, label)

    async def _outcome(
        self, request: Request, applicant: Applicant, label: str | None, *, is_renewal: bool
    ) -> Certificate | Referred:
        """Enroll or re-enroll; the label is the name of the profile that is meant."""
        async with self._noting(
            source=applicant.source,
            door=applicant.door,
            registration_id=applicant.registration_id,
            serial=applicant.serial,
        ):
            certification_request = _csr(request)
            self._require_attributes(applicant, label, certification_request)
            act = self._enrollment.renew if is_renewal else self._enrollment.enroll
            return await act(applicant, certification_request, profile_name=label)

    def _require_attributes(self, applicant: Applicant, label: str | None, asked: CertificationRequest) -> None:
        name = self._labels.name_for(label, applicant.profiles)
        if name is not None and self._labels.named(name).csrattrs is CsrAttributes.ENFORCED:
            csrattrs.require(self._enrollment.profile(name), asked)

    def _reply(self, outcome: Certificate | Referred, request: Request, label: str | None) -> Reply:
        if isinstance(outcome, Referred):
            return refusals.waiting(outcome)
        is_single_line = self._labels.named(label).wire.is_single_line_for(request.headers)
        return messages.certs_only_reply(messages.issued(outcome.der), single_line=is_single_line)


def _csr(request: Request) -> CertificationRequest:
    """Read the body, now that it is known who sent it.

    Raises:
        Malformed, Unproven, CaRequested: as the base64, the request in it and its channel binding deserve.
    """
    certification_request = csr.parse(messages.certification_request(request.body))
    check_binding(certification_request, request.peer)
    return certification_request
