"""Every URL of ACME, from the configured base URL and back (RFC 8555, 7.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

import msgspec

# Of an object, or the serial of a certificate.
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}")


ACCEPTING = "/agreement"
"""Where the holder of an account accepts the subscriber agreement; the query is a token of `invitations`."""

AGREEMENT_PREFIX = "/agreement/"
"""Where the subscriber agreement is: not ACME's own, and named in its directory."""

_ALTERNATE = re.compile(r"/acme/certificate/([0-9a-f]{40}/[1-9][0-9]?)")


class Resource(StrEnum):
    """What a path leads to; the values are the paths, with `ID` where one stands."""

    DIRECTORY = "/acme/directory"
    NEW_NONCE = "/acme/new-nonce"
    NEW_ACCOUNT = "/acme/new-account"
    NEW_ORDER = "/acme/new-order"
    NEW_AUTHZ = "/acme/new-authz"
    RENEWAL_INFO = "/acme/renewal-info"
    KEY_CHANGE = "/acme/key-change"
    REVOKE_CERT = "/acme/revoke-cert"
    ACCOUNT = "/acme/account/ID"
    ORDERS = "/acme/account/ID/orders"
    ORDER = "/acme/order/ID"
    FINALIZE = "/acme/order/ID/finalize"
    AUTHORIZATION = "/acme/authz/ID"
    CHALLENGE = "/acme/challenge/ID"
    CERTIFICATE = "/acme/certificate/ID"


class Help(StrEnum):
    """A page of ours about more than one refusal; the values are the paths, and `server.web.help` has the pages."""

    RATE_LIMITS = "/help/rate-limits"
    RENEWAL = "/help/renewal"
    TERMS = "/help/terms"
    PAUSED = "/help/paused"


class Place(msgspec.Struct, frozen=True):
    """A path, understood.

    Attributes:
        id: hex digits, for an alternate chain followed by a slash and its number; behind `RENEWAL_INFO` whatever is
            there; empty where the resource has none.
    """

    resource: Resource
    id: str


_BEFORE_CERTIFICATE_ID = f"{Resource.RENEWAL_INFO.value}/"
_BY_PATH: Mapping[str, Resource] = MappingProxyType({resource.value: resource for resource in Resource})


# Paths may have 8,190 octets, and anybody may ask for any.
@lru_cache(maxsize=512)
def place(path: str) -> Place | None:
    """Which resource a path leads to, None if to none. Whether the object exists is not asked."""
    if path.startswith(_BEFORE_CERTIFICATE_ID):
        return Place(Resource.RENEWAL_INFO, path.removeprefix(_BEFORE_CERTIFICATE_ID))
    if alternate_chain := _ALTERNATE.fullmatch(path):
        return Place(Resource.CERTIFICATE, alternate_chain[1])
    parts = path.split("/")
    has_id = len(parts) > 3 and _ID.fullmatch(parts[3]) is not None  # noqa: PLR2004  # /acme/KIND/ID
    id_ = parts[3] if has_id else ""
    if has_id:
        parts[3] = "ID"
    resource = _BY_PATH.get("/".join(parts))
    if resource is None or ("ID" in resource.split("/")) is not has_id:
        return None
    return Place(resource, id_)


class Links(msgspec.Struct, frozen=True):
    """Writes URLs.

    Attributes:
        base: such as `https://ca.example:8443`, without a slash at the end. What a client signs is compared
            with it and never with the Host header, which anyone can write (RFC 8555, 6.4).
    """

    base: str

    def to(self, resource: Resource, id_: str = "") -> str:
        """The URL of a resource, or of one object of it."""
        return self.base + resource.replace("ID", id_)

    def help(self, path: str) -> str:
        """The URL of a page that says what to do.

        Args:
            path: a `Help`, or as `protocols.help_address` makes them.
        """
        return self.base + path

    def signed(self, path: str, query: str) -> str:
        """The URL that a request for this path and raw query must have signed."""
        return f"{self.base}{path}?{query}" if query else f"{self.base}{path}"

    def more_orders(self, account_id: str, after: str) -> str:
        """The next page of an account's orders, which begins behind an order's id (RFC 8555, 7.1.2.1)."""
        return f"{self.to(Resource.ORDERS, account_id)}?cursor={after}"

    def agreement(self, version: str) -> str:
        """Where a version of the subscriber agreement can be read."""
        return f"{self.base}{AGREEMENT_PREFIX}{version}"

    def accepting(self, token: str) -> str:
        """Where the holder of an account accepts the subscriber agreement (RFC 8555, 7.3.3)."""
        return f"{self.base}{ACCEPTING}?token={token}"

    @property
    def account_hash_prefix(self) -> str:
        """What hashed URIs of accounts begin with: names that lead nowhere (draft-ietf-acme-dns-persist-02, 4.1)."""
        return f"{self.base}/acme/account-hash/"

    def account_id(self, kid: str) -> str | None:
        """The account that a `kid` names; None when it is not exactly one of our account URLs."""
        if not kid.startswith(self.base):
            return None
        found = place(kid.removeprefix(self.base))
        return found.id if found is not None and found.resource is Resource.ACCOUNT else None


def alternate(serial: str, number: int) -> str:
    """The id of one of a certificate's chains; of 0, the one that clients are sent unasked."""
    return f"{serial}/{number}" if number else serial


def cursor(query: str) -> str | None:
    """The id in the query of a page of orders; None for the first page, or for what we did not write."""
    name, _, value = query.partition("=")
    return value if name == "cursor" and _ID.fullmatch(value) else None
