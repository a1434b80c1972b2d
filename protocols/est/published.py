"""What EST hands out to everybody: the CA's certificates and CRLs (RFC 7030, 4.1; RFC 8295, 4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from cryptography import x509

from protocols.cms import signed
from protocols.est import messages
from protocols.est.messages import Wire
from protocols.wire import Reply, Request


class Published:
    """Answers who need not say who they are.

    Args:
        ca_certificates: tells those of all CAs.
        crls: tells the newest full CRL of each CA, in DER.

    Raises:
        Misconfigured: the CA certificates hold no root.
    """

    def __init__(
        self,
        ca_certificates: Callable[[], tuple[x509.Certificate, ...]],
        crls: Callable[[], Awaitable[Sequence[bytes]]],
    ) -> None:
        self._ca_certificates = ca_certificates
        self._crls = crls
        # What was sent last: it changes when a CA comes or goes.
        self._sent = ca_certificates()
        self._cacerts = messages.ca_certificates(self._sent)

    def cacerts(self, request: Request, wire: Wire) -> Reply:
        """The CA's certificates, which a client may keep for an hour."""
        certificates = self._ca_certificates()
        if certificates != self._sent:
            self._sent, self._cacerts = certificates, messages.ca_certificates(certificates)
        return _kept(self._cacerts, request, wire, messages.CACERTS_MAX_AGE_SECONDS)

    async def crls(self, request: Request, wire: Wire) -> Reply:
        """The newest full CRL of each CA; 204 before there is one."""
        crls = await self._crls()
        if not crls:
            return Reply(204)
        return _kept(signed.crls_only(crls), request, wire, messages.CRLS_MAX_AGE_SECONDS)


def _kept(cms: bytes, request: Request, wire: Wire, max_age_seconds: int) -> Reply:
    reply = messages.certs_only_reply(cms, single_line=wire.is_single_line_for(request.headers))
    # Where the client decides about the layout, caches have to know by what.
    vary = [("Vary", "Accept, User-Agent")] if wire is Wire.AUTO else []
    return messages.cacheable(reply, request, max_age_seconds, *vary)
