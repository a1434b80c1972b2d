"""What EST hands out to everybody: the CA's certificates and CRLs (RFC 7030, 4.1; RFC 8295, 4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from cryptography import x509

from protocols.cms import signed
from protocols.est import messages
from protocols.est.labels import Wire
from protocols.est.messages import Cacheable
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
        # What was sent last: it changes when a CA comes or goes, and when a CRL is published.
        self._certificates = ca_certificates()
        self._cacerts = _cacerts(self._certificates)
        self._published: Sequence[bytes] = ()
        self._sent_crls = _crls(())

    def cacerts(self, request: Request, wire: Wire) -> Reply:
        """The CA's certificates, which a client may keep for an hour."""
        certificates = self._ca_certificates()
        if certificates != self._certificates:
            self._certificates, self._cacerts = certificates, _cacerts(certificates)
        return self._cacerts.reply(request, wire)

    async def crls(self, request: Request, wire: Wire) -> Reply:
        """The newest full CRL of each CA; 204 before there is one."""
        crls = await self._crls()
        if not crls:
            return Reply(204)
        if crls != self._published:
            self._published, self._sent_crls = crls, _crls(crls)
        return self._sent_crls.reply(request, wire)


def _cacerts(certificates: Sequence[x509.Certificate]) -> Cacheable:
    return Cacheable(messages.ca_certificates(certificates), max_age_seconds=messages.CACERTS_MAX_AGE_SECONDS)


def _crls(crls: Sequence[bytes]) -> Cacheable:
    return Cacheable(signed.crls_only(crls), max_age_seconds=messages.CRLS_MAX_AGE_SECONDS)
