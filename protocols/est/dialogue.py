"""EST (RFC 7030) as a dialogue: one request in, one reply out.

What is checked, in this order: path, method, media type and size, who asks, base64, the certification
request, channel binding; the rest is the one door's to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cryptography import x509

from ca_core.enrollment import Enrollment
from ca_core.errors import Refusal
from ca_core.policy import request as csr
from ca_core.policy.request import CertificationRequest
from ca_core.referral.request import Referred
from ca_core.registration.sign_in import SignIn
from ca_core.store.certificates import Certificate
from protocols.est import messages, refusals
from protocols.est.binding import check_binding
from protocols.est.errors import MethodNotAllowed, UnknownLabel, UnknownOperation
from protocols.est.messages import Wire
from protocols.est.sign_in import EstSignIn
from protocols.wire import Reply, Request

CACERTS = "cacerts"
SIMPLEENROLL = "simpleenroll"
SIMPLEREENROLL = "simplereenroll"

METHODS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {CACERTS: ("GET", "HEAD"), SIMPLEENROLL: ("POST",), SIMPLEREENROLL: ("POST",)}
)


@dataclass(frozen=True)
class EstServices:
    """What EST needs of the house.

    Attributes:
        ca_certificates: tells those of all CAs, the self-signed roots among them, and cross-certificates.
        labels: the profiles that EST offers, each with the layout of its base64.
    """

    sign_in: SignIn
    enrollment: Enrollment
    ca_certificates: Callable[[], tuple[x509.Certificate, ...]]
    labels: Mapping[str, Wire]


class EstDialogue:
    """Answers EST requests.

    Raises:
        Misconfigured: the CA certificates hold no root.
    """

    def __init__(self, services: EstServices) -> None:
        self._enrollment = services.enrollment
        self._labels = services.labels
        self._sign_in = EstSignIn(services.sign_in)
        self._noting = services.sign_in.noting
        self._ca_certificates = services.ca_certificates
        # What was sent last: it changes when a CA comes or goes.
        self._sent = services.ca_certificates()
        self._cacerts = messages.ca_certificates(self._sent)

    async def answer(self, request: Request) -> Reply:
        """Answer one request; every refusal becomes a reply, and anything else that is raised is a bug."""
        try:
            return await self._answer(request)
        except Refusal as refusal:
            return refusals.reply(refusal)

    def refuse(self, refusal: Refusal) -> Reply:
        """What the edge sends when the request could not be read."""
        return refusals.reply(refusal)

    def bug_reply(self, reference: str) -> Reply:
        """What the edge sends when `answer` raised."""
        return refusals.bug_reply(reference)

    async def _answer(self, request: Request) -> Reply:
        label, operation = place(request.path)
        wire = self._wire(label)
        if operation not in METHODS:
            raise UnknownOperation
        if request.method not in METHODS[operation]:
            raise MethodNotAllowed(*METHODS[operation])
        if operation == CACERTS:
            cms = self._published()
        else:
            messages.require_certification_request(request)
            outcome = await self._outcome(request, operation, label)
            if isinstance(outcome, Referred):
                return refusals.waiting(outcome)
            cms = messages.issued(outcome.der)
        return messages.certs_only_reply(cms, single_line=wire.is_single_line_for(request.headers))

    def _published(self) -> bytes:
        certificates = self._ca_certificates()
        if certificates != self._sent:
            self._sent, self._cacerts = certificates, messages.ca_certificates(certificates)
        return self._cacerts

    def _wire(self, label: str | None) -> Wire:
        if label is None:
            return Wire.AUTO
        try:
            return self._labels[label]
        except KeyError:
            raise UnknownLabel from None

    async def _outcome(self, request: Request, operation: str, label: str | None) -> Certificate | Referred:
        """Enroll or re-enroll; the label is the name of the profile that is meant."""
        if operation == SIMPLEENROLL:
            applicant = await self._sign_in.for_enrollment(request)
        else:
            applicant = await self._sign_in.for_renewal(request)
        async with self._noting(
            source=applicant.source,
            door=applicant.door,
            registration_id=applicant.registration_id,
            serial=applicant.serial,
        ):
            if operation == SIMPLEENROLL:
                return await self._enrollment.enroll(applicant, _csr(request), profile_name=label)
            return await self._enrollment.renew(applicant, _csr(request), profile_name=label)


def place(path: str) -> tuple[str | None, str]:
    """The label, if there is one, and the operation of a path (RFC 7030, 3.2.2).

    strongSwan 5.9.8 puts the label in front of `/.well-known`.

    Raises:
        UnknownOperation: no EST path.
    """
    match path.split("/"):
        case ["", ".well-known", "est", operation]:
            return None, operation
        case ["", ".well-known", "est", label, operation] | ["", label, ".well-known", "est", operation]:
            return label, operation
        case _:
            raise UnknownOperation


def _csr(request: Request) -> CertificationRequest:
    """Read the body, now that it is known who sent it.

    Raises:
        Malformed, Unproven, CaRequested: as the base64, the request in it and its channel binding deserve.
    """
    certification_request = csr.parse(messages.certification_request(request.body))
    check_binding(certification_request.challenge_password, request.peer.tls_unique)
    return certification_request
