"""What holders learn of their certificates: when to renew, and what they hold (RFC 8295, 3; RFC 9773, 4.2)."""

from __future__ import annotations

import msgspec

from ca_core.clock import rfc3339
from ca_core.identity import serial_text
from ca_core.on_file import Advice, OnFile
from protocols import certificate_id
from protocols.est import messages
from protocols.est.errors import CertificateRequired
from protocols.est.labels import Labels
from protocols.est.services import EstServices
from protocols.est.sign_in import EstSignIn, read_certificate
from protocols.wire import Reply, Request

RENEWAL_INFO = "renewal-info"
RETRY_SECONDS = 6 * 3600
OVERDUE_RETRY_SECONDS = 3600
_WHICH = "name the certificate, /renewal-info/ID as RFC 9773, 4.1 writes it, or connect with it"


class _Window(msgspec.Struct, frozen=True):
    start: str
    end: str


class _RenewalInfo(msgspec.Struct, frozen=True):
    suggested_window: _Window = msgspec.field(name="suggestedWindow")


class OwnCertificates:
    """Answers holders, and about renewal whoever can name a certificate."""

    def __init__(self, services: EstServices, labels: Labels, on_file: OnFile) -> None:
        self._on_file = on_file
        self._labels = labels
        self._sign_in = EstSignIn(services, labels)

    async def renewal_info(self, request: Request, _: str | None) -> Reply:
        """When a certificate should be replaced: the one that the path names, else the one that TLS has shown.

        Raises:
            NotFound: nothing that was issued here is named so, or shown.
            CertificateRequired: neither.
        """
        name = request.path.rpartition("/")[2]
        if name != RENEWAL_INFO:
            asked = certificate_id.parse(name)
            return _advice(await self._on_file.advice(asked.serial, asked.names))
        shown = request.peer.certificate
        if shown is None:
            raise CertificateRequired(_WHICH)
        serial = serial_text(read_certificate(shown).serial_number)
        return _advice(await self._on_file.advice(serial, lambda der: der == shown))

    async def eecerts(self, request: Request, label: str | None) -> Reply:
        """The certificates of the peers of whoever asks (RFC 8295, 3), and of who has none here, its own.

        They can be used now; 204 where there are none.

        Raises:
            Refusal: it is not proved who asks.
        """
        applicant = await self._sign_in.for_enrollment(request, label)
        account = applicant.registered.account if applicant.registered else ""
        if peers := self._labels.for_applicant(label, applicant.profiles).peers.get(account, ()):
            held = await self._on_file.held_by_any(peers)
        else:
            held = await self._on_file.held(applicant.registration_id, label)
        if not held:
            return Reply(204)
        is_single_line = self._labels.named(label).wire.is_single_line_for(request.headers)
        return messages.certs_only_reply(messages.held(one.der for one in held), single_line=is_single_line)


def _advice(advice: Advice | None) -> Reply:
    if advice is None:
        raise certificate_id.unknown()
    body = _RenewalInfo(_Window(rfc3339(advice.window.opens_at), rfc3339(advice.window.closes_at)))
    retry_after_seconds = OVERDUE_RETRY_SECONDS if advice.is_overdue else RETRY_SECONDS
    headers = (("Content-Type", "application/json"), ("Retry-After", str(retry_after_seconds)))
    return Reply(200, headers, msgspec.json.encode(body))
