"""What EST hands out to everybody: the CA's certificates (RFC 7030, 4.1)."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509

from protocols.est import messages
from protocols.est.messages import Wire
from protocols.wire import Reply, Request


class Published:
    """Answers who need not say who they are.

    Args:
        ca_certificates: tells those of all CAs.

    Raises:
        Misconfigured: the CA certificates hold no root.
    """

    def __init__(self, ca_certificates: Callable[[], tuple[x509.Certificate, ...]]) -> None:
        self._ca_certificates = ca_certificates
        # What was sent last: it changes when a CA comes or goes.
        self._sent = ca_certificates()
        self._cacerts = messages.ca_certificates(self._sent)

    def cacerts(self, request: Request, wire: Wire) -> Reply:
        """The CA's certificates, which a client may keep for an hour."""
        certificates = self._ca_certificates()
        if certificates != self._sent:
            self._sent, self._cacerts = certificates, messages.ca_certificates(certificates)
        reply = messages.certs_only_reply(self._cacerts, single_line=wire.is_single_line_for(request.headers))
        # Where the client decides about the layout, caches have to know by what.
        vary = ("Vary", "Accept, User-Agent") if wire is Wire.AUTO else None
        return messages.cacheable(reply, request, messages.CACERTS_MAX_AGE_SECONDS, *([vary] if vary else []))
