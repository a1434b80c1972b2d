"""Certificates (RFC 8555, 7.4.2)."""

from __future__ import annotations

from ca_core.errors import NotFound
from protocols.acme import links, render
from protocols.acme.links import Resource
from protocols.acme.records import orders
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.wire import Reply


class Certificates:
    """Certificates are fetched, as often as one likes (RULES, S8)."""

    def __init__(self, services: AcmeServices) -> None:
        self._database = services.database
        self._chains_pem = services.chains_pem
        self._links = services.links

    async def read(self, asked: ByAccount, id_: str) -> Reply:
        """Send a certificate and a chain of it to the account whose order brought it.

        Args:
            id_: its serial, and behind a slash the number of an alternate chain.

        Raises:
            NotFound: there is none, or it came otherwise, or it has no such chain.
            BadRequest: there is a payload.
        """
        asked.require_post_as_get()
        serial, _, number = id_.partition("/")
        async with self._database.read() as tx:
            found = await orders.certificate(tx, serial, asked.account.id)
        if found is None:
            raise NotFound("there is no such certificate, or it is not yours")
        issuer, der = found
        chains, which = self._chains_pem(issuer), int(number or 0)
        if which >= len(chains):
            raise NotFound("there is no such chain any more; fetch the certificate without a number")
        others = [links.alternate(serial, other) for other in range(len(chains)) if other != which]
        alternates = [self._links.to(Resource.CERTIFICATE, other) for other in others]
        return render.chain(der, chains[which], alternates)
