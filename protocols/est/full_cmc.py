"""Full CMC (RFC 7030, 4.3): EST carries a signed request in base64, and the signed answer back."""

from __future__ import annotations

from ca_core.applicant import Applicant
from ca_core.errors import Refusal, TooLarge
from ca_core.policy.request import CertificationRequest
from protocols.cmc.dialogue import Answer, Asked, FullCmc
from protocols.cmc.errors import PossessionRefuted
from protocols.encoding import lenient_base64, single_line_base64, wrapped_base64
from protocols.est import refusals
from protocols.est.enrolling import Enrolling
from protocols.est.errors import BindingMismatch, BindingRequired, BindingUnavailable, UnsupportedMediaType
from protocols.est.labels import Labels
from protocols.est.messages import MAX_BODY_OCTETS
from protocols.wire import Reply, Request

PKI_REQUEST = "application/pkcs7-mime"
PKI_RESPONSE_HEADERS = (
    ("Content-Type", "application/pkcs7-mime; smime-type=CMC-response"),
    ("Content-Transfer-Encoding", "base64"),
)
# A password in HTTP would not help here, and whoever sees 202 waits for something that was put down.
_STATUSES = {401: 403, 202: 503}


class CarriedCmc:
    """Carries full PKI requests, which prove by themselves who sends them."""

    def __init__(self, full_cmc: FullCmc, enrolling: Enrolling, labels: Labels) -> None:
        self._full_cmc = full_cmc
        self._enrolling = enrolling
        self._labels = labels

    async def fullcmc(self, request: Request, label: str | None) -> Reply:
        """Answer a full PKI request; where it could be read, the answer is signed, whatever its status.

        Raises:
            UnsupportedMediaType, TooLarge, BadRequest, UnreadableMessage: it could not be read.
            Busy: nobody can sign an answer now.
        """
        if request.media_type != PKI_REQUEST or "content-encoding" in request.headers:
            raise UnsupportedMediaType(f"{PKI_REQUEST}; smime-type=CMC-request")
        if len(request.body) > MAX_BODY_OCTETS:
            raise TooLarge(f"a full PKI request has at most {MAX_BODY_OCTETS} octets")

        async def meant(applicant: Applicant, asked: CertificationRequest, renewed: str | None) -> Applicant:
            held = self._enrolling.label_of(renewed, label)
            await self._enrolling.require_certificate(applicant, request, held)
            try:
                return await self._enrolling.meant(applicant, asked, request, held)
            except (BindingMismatch, BindingRequired, BindingUnavailable) as refusal:
                # RFC 7030, 3.5: in a full PKI response, whatever is wrong with the binding is popFailed.
                raise PossessionRefuted(str(refusal)) from None

        answer = await self._full_cmc.answer(
            Asked(
                message=lenient_base64(request.body),
                source=request.peer.address,
                shown=request.peer.certificate,
                profile=label,
                meant=meant,
                speaks_for=self._enrolling.speaks_for,
            )
        )
        is_single_line = self._labels.named(label).wire.is_single_line_for(request.headers)
        body = single_line_base64(answer.message) if is_single_line else wrapped_base64(answer.message)
        status, headers = _outside(answer)
        return Reply(status, (*PKI_RESPONSE_HEADERS, *headers), body)


def _outside(answer: Answer) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Status and headers by RFC 7030, 4.3.2: 200 where anything is done, 202 where something waits, else as refused."""
    if answer.refusal is not None:
        return _refused(answer.refusal)
    if answer.retry_after_seconds is not None:
        return 202, (("Retry-After", str(answer.retry_after_seconds)),)
    return 200, ()


def _refused(refusal: Refusal) -> tuple[int, tuple[tuple[str, str], ...]]:
    status = refusals.TABLE[type(refusal)]
    headers = tuple((name, value) for name, value in refusals.headers(refusal) if name == "Retry-After")
    return _STATUSES.get(status, status), headers
