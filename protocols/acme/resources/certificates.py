"""Certificates (RFC 8555, 7.4.2)."""

from __future__ import annotations

from ca_core.errors import NotFound
from ca_core.store import certificates
from protocols.acme import render
from protocols.acme.records import orders
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.wire import Reply


class Certificates:
    """Certificates are fetched, as often as one likes (RULES, S8)."""

    def __init__(self, services: AcmeServices) -> None:
        self._database = services.database
        self._chain_pem = services.chain_pem

    async def read(self, asked: ByAccount, serial: str) -> Reply:
        """Send a certificate and its chain to the account whose order brought it.

        Raises:
            NotFound: there is none, or it came otherwise.
            BadRequest: there is a payload.
        """
        asked.require_post_as_get()
        async with self._database.read() as tx:
            owner = await orders.owner_of(tx, serial)
            certificate = await certificates.by_serial(tx, serial) if owner == asked.account.id else None
        if certificate is None:
            raise NotFound("there is no such certificate, or it is not yours")
        return render.chain(certificate.der, self._chain_pem(certificate.issuer))
