"""The directory and newNonce (RFC 8555, 7.1.1 and 7.2)."""

from __future__ import annotations

from protocols.acme import ordering, render
from protocols.acme.challenges import DNS_PERSIST_01
from protocols.acme.services import AcmeServices
from protocols.acme.sign_in import ByAccount
from protocols.wire import Reply


class Directory:
    """Where everything is, and where nonces come from; the nonce itself is the dialogue's to add."""

    def __init__(self, services: AcmeServices) -> None:
        options, current = services.options, services.agreements.current
        persists = DNS_PERSIST_01 in options.challenges
        meta = render.Meta(
            external_account_required=options.open_account is None,
            terms_of_service=services.links.agreement(current.version) if current else None,
            website=options.website,
            caa_identities=options.caa_identities,
            subdomain_auth_allowed=ordering.spans_are_offered(options.challenges),
            issuer_domain_names=options.caa_identities if persists else (),
            account_hash_prefix=services.links.account_hash_prefix if persists else None,
            profiles=options.profiles,
        )
        self._directory = render.directory(services.links, meta)

    def get(self, method: str) -> Reply:  # noqa: ARG002  # GET and HEAD are alike here, and not at newNonce
        """Show the directory."""
        return self._directory

    def nonce(self, method: str) -> Reply:
        """RFC 8555, 7.2: 200 for HEAD and 204 for GET."""
        return Reply(200 if method == "HEAD" else 204)

    async def read(self, asked: ByAccount, _: str) -> Reply:
        """The directory by POST-as-GET, which RFC 8555, 6.3 demands too."""
        asked.require_post_as_get()
        return self._directory

    async def read_nonce(self, asked: ByAccount, _: str) -> Reply:
        """A nonce by POST-as-GET."""
        asked.require_post_as_get()
        return Reply(204)
