"""ACME's objects as JSON (RFC 8555, 7.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ca_core.clock import rfc3339
from ca_core.names import Identifier, Kind
from ca_core.policy.renewal import Window
from protocols.acme.challenges import DNS_PERSIST_01
from protocols.acme.links import Help, Links, Resource
from protocols.acme.objects import Account, Authorization, Challenge, Order
from protocols.acme.problems import IdentifierJson
from protocols.acme.states import ChallengeStatus, OrderStatus
from protocols.encoding import wrapped_base64
from protocols.wire import Reply

CHAIN_MEDIA_TYPE = "application/pem-certificate-chain"
WAIT_SECONDS = 1
"""How long a client should wait before it looks again: most probes and signatures are done by then."""
REVIEW_SECONDS = 5
"""The same where an officer looks: people take longer, and many a client gives up after a minute or two."""

_JSON = ("Content-Type", "application/json")
_RETRY = ("Retry-After", str(WAIT_SECONDS))
_WILDCARD = "*."
_CREATED = 201
_CACHED_SECONDS = 300


class Meta(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What the directory says of itself (RFC 8555, 7.1.1); what has its default is left out.

    Attributes:
        external_account_required: whether a new account needs an external account binding.
        subdomain_auth_allowed: whether one proof may do for the names below, too (RFC 9444, 4.4).
        issuer_domain_names, account_hash_prefix: for dns-persist-01 (draft-ietf-acme-dns-persist-02, 8.3).
        profiles: name to one sentence (draft-ietf-acme-profiles, 3).
    """

    external_account_required: bool
    terms_of_service: str | None = None
    website: str | None = None
    caa_identities: tuple[str, ...] = ()
    subdomain_auth_allowed: bool = False
    issuer_domain_names: tuple[str, ...] = ()
    account_hash_prefix: str | None = None
    profiles: Mapping[str, str] = {}


class _Directory(msgspec.Struct, frozen=True, rename="camel"):
    new_nonce: str
    new_account: str
    new_order: str
    new_authz: str
    renewal_info: str
    revoke_cert: str
    key_change: str
    meta: Meta


class _Window(msgspec.Struct, frozen=True):
    start: str
    end: str


class _RenewalInfo(msgspec.Struct, frozen=True):
    suggested_window: _Window = msgspec.field(name="suggestedWindow")
    explanation_url: str = msgspec.field(name="explanationURL")


class _Account(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    status: str
    orders: str
    contact: tuple[str, ...]
    external_account_binding: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Orders(msgspec.Struct, frozen=True):
    orders: tuple[str, ...]


class _Order(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    status: str
    identifiers: tuple[IdentifierJson, ...]
    authorizations: tuple[str, ...]
    finalize: str
    profile: str
    expires: str
    not_before: str | None = None
    not_after: str | None = None
    replaces: str | None = None
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    certificate: str | None = None


class _Challenge(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    type: str
    url: str
    status: str
    token: str | None = None
    issuer_domain_names: tuple[str, ...] = ()
    validated: str | None = None
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Authorization(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    identifier: IdentifierJson
    status: str
    expires: str
    challenges: tuple[_Challenge, ...]
    wildcard: bool = False
    subdomain_auth_allowed: bool = False


def directory(links: Links, meta: Meta) -> Reply:
    """The directory, with such URLs only as work (RFC 8555, 7.1.1)."""
    return _reply(
        200,
        _Directory(
            new_nonce=links.to(Resource.NEW_NONCE),
            new_account=links.to(Resource.NEW_ACCOUNT),
            new_order=links.to(Resource.NEW_ORDER),
            new_authz=links.to(Resource.NEW_AUTHZ),
            renewal_info=links.to(Resource.RENEWAL_INFO),
            revoke_cert=links.to(Resource.REVOKE_CERT),
            key_change=links.to(Resource.KEY_CHANGE),
            meta=meta,
        ),
    )


def account(links: Links, shown: Account, *, status: int = 200) -> Reply:
    """An account, with its Location (RFC 8555, 7.1.2 and 7.3)."""
    url = links.to(Resource.ACCOUNT, shown.id)
    body = _Account(
        status=shown.status.value,
        orders=links.to(Resource.ORDERS, shown.id),
        contact=shown.contacts,
        external_account_binding=_raw(shown.eab),
    )
    return _reply(status, body, ("Location", url))


def orders(links: Links, account_id: str, ids: Sequence[str], *, has_more: bool) -> Reply:
    """One page of an account's orders (RFC 8555, 7.1.2.1)."""
    body = _Orders(tuple(links.to(Resource.ORDER, id_) for id_ in ids))
    if not has_more:
        return _reply(200, body)
    return _reply(200, body, ("Link", f'<{links.more_orders(account_id, ids[-1])}>;rel="next"'))


def order(
    links: Links,
    shown: Order,
    order_status: OrderStatus,
    authorization_ids: Sequence[str],
    serial: str | None,
    *,
    status: int = 200,
    wait_seconds: int = WAIT_SECONDS,
) -> Reply:
    """An order, with its Location (RFC 8555, 7.1.3 and 7.4).

    Args:
        order_status: what holds now.
        serial: of its certificate; None until there is one.
        wait_seconds: when to look again, while it is processing.
    """
    url = links.to(Resource.ORDER, shown.id)
    body = _Order(
        status=order_status,
        identifiers=tuple(IdentifierJson(one.kind, one.value) for one in shown.identifiers),
        authorizations=tuple(links.to(Resource.AUTHORIZATION, id_) for id_ in authorization_ids),
        finalize=links.to(Resource.FINALIZE, shown.id),
        profile=shown.profile,
        expires=rfc3339(shown.expires_at),
        not_before=_date(shown.period.not_before),
        not_after=_date(shown.period.not_after),
        replaces=shown.replaces,
        error=_raw(shown.error),
        certificate=links.to(Resource.CERTIFICATE, serial) if serial else None,
    )
    wait = (("Retry-After", str(wait_seconds)),) if order_status is OrderStatus.PROCESSING else ()
    return _reply(status, body, ("Location", url), *wait)


def authorization(
    links: Links,
    shown: Authorization,
    challenges: Sequence[Challenge],
    *,
    now: int,
    status: int = 200,
    issuers: tuple[str, ...] = (),
) -> Reply:
    """An authorization with its challenges (RFC 8555, 7.1.4); of a wildcard the name without `*.`.

    Where it was asked for ahead, with its Location (RFC 8555, 7.4.1).

    Args:
        issuers: the names of this CA that a record of dns-persist-01 may have.
    """
    body = _Authorization(
        identifier=_base_name(shown.identifier),
        status=shown.status_at(now).value,
        expires=rfc3339(shown.expires_at),
        challenges=tuple(_challenge(links, one, issuers) for one in challenges),
        wildcard=shown.identifier.is_wildcard,
        subdomain_auth_allowed=shown.spans,
    )
    waits = any(one.status is ChallengeStatus.PROCESSING for one in challenges)
    location = (("Location", links.to(Resource.AUTHORIZATION, shown.id)),) if status == _CREATED else ()
    return _reply(status, body, *location, *((_RETRY,) if waits else ()))


def challenge(
    links: Links, shown: Challenge, *, wait_seconds: int = WAIT_SECONDS, issuers: tuple[str, ...] = ()
) -> Reply:
    """A challenge, with its link up to the authorization (RFC 8555, 7.1.5 and 7.5.1).

    Args:
        wait_seconds: until it was looked at next, while it is on its way (RFC 8555, 8.2).
        issuers: the names of this CA that a record of dns-persist-01 may have.
    """
    up = ("Link", f'<{links.to(Resource.AUTHORIZATION, shown.authorization_id)}>;rel="up"')
    wait = (("Retry-After", str(wait_seconds)),) if shown.status is ChallengeStatus.PROCESSING else ()
    return _reply(200, _challenge(links, shown, issuers), up, *wait)


def chain(leaf_der: bytes, issuers_pem: bytes, alternates: Sequence[str] = ()) -> Reply:
    """A certificate and those above it, without the root (RFC 8555, 7.4.2).

    Args:
        alternates: URLs of its other chains.
    """
    leaf = b"-----BEGIN CERTIFICATE-----\n" + wrapped_base64(leaf_der) + b"-----END CERTIFICATE-----\n"
    others = (("Link", f'<{url}>;rel="alternate"') for url in alternates)
    return Reply(200, (("Content-Type", CHAIN_MEDIA_TYPE), *others), leaf + issuers_pem)


def renewal_info(links: Links, window: Window, *, retry_after_seconds: int) -> Reply:
    """When a certificate should be replaced (RFC 9773, 4.2); caches may keep it, though not for as long as clients."""
    body = _RenewalInfo(
        suggested_window=_Window(rfc3339(window.opens_at), rfc3339(window.closes_at)),
        explanation_url=links.help(Help.RENEWAL),
    )
    cached = ("Cache-Control", f"public, max-age={_CACHED_SECONDS}")
    return _reply(200, body, ("Retry-After", str(retry_after_seconds)), cached)


def _challenge(links: Links, shown: Challenge, issuers: tuple[str, ...]) -> _Challenge:
    # The record is there before the challenge is, and so cannot hold a token of it.
    persists = shown.type == DNS_PERSIST_01
    return _Challenge(
        type=shown.type,
        url=links.to(Resource.CHALLENGE, shown.id),
        status=shown.status.value,
        token=None if persists else shown.token,
        issuer_domain_names=issuers if persists else (),
        validated=_date(shown.validated_at),
        error=_raw(shown.error),
    )


def _base_name(identifier: Identifier) -> IdentifierJson:
    value = identifier.value.removeprefix(_WILDCARD) if identifier.kind is Kind.DNS else identifier.value
    return IdentifierJson(identifier.kind.value, value)


def _date(seconds: int | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)


def _raw(json: str | None) -> msgspec.Raw | msgspec.UnsetType:
    return msgspec.UNSET if json is None else msgspec.Raw(json.encode())


def _reply(status: int, body: msgspec.Struct, *headers: tuple[str, str]) -> Reply:
    return Reply(status, (_JSON, *headers), msgspec.json.encode(body))
