"""What an order needs: pure decisions about its names, and the objects that come of them (RFC 8555, 7.4)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ca_core import names
from ca_core.applicant import Door
from ca_core.errors import NameNotGranted, Refusal
from ca_core.identity import new_id
from ca_core.names import Identifier
from ca_core.policy import decision, offer
from ca_core.policy.period import WHOLE, WishedPeriod
from ca_core.policy.profile import Profile
from ca_core.registration.account import Registration
from protocols.acme import challenges
from protocols.acme.errors import MalformedIdentifiers, Rejected, RejectedIdentifiers
from protocols.acme.objects import Account, Authorization, Challenge, Order
from protocols.acme.order_messages import Named
from protocols.acme.states import AuthorizationStatus, ChallengeStatus, OrderStatus
from protocols.encoding import base64url

ORDER_SECONDS = 7 * 86_400
"""How long an order and its pending authorizations wait."""

PENDING_SECONDS = 86_400
"""How long a pending authorization must still wait to be used by one more order."""

VETTED_SECONDS = 30 * 86_400
"""How long an authorization by the RA's word is shown as valid; at issuance the registration decides anew."""

_TOKEN_OCTETS = 32
_SPANNING = frozenset({challenges.DNS_01, challenges.DNS_ACCOUNT_01})


class Ordered(msgspec.Struct, frozen=True):
    """What was ordered.

    Attributes:
        identifiers: without duplicates, in the order in which they came.
        replaces: the certificate that it replaces, as RFC 9773, 4.1 names it.
    """

    identifiers: tuple[Identifier, ...]
    period: WishedPeriod = WHOLE
    replaces: str | None = None


class Authorizing(msgspec.Struct, frozen=True):
    """A new authorization and its challenges."""

    authorization: Authorization
    challenges: tuple[Challenge, ...]


class Needed(msgspec.Struct, frozen=True):
    """What authorizes a name: the RA's word for it, or a proof of it or of a domain above it.

    Attributes:
        types: of the challenges that this server offers.
        spans: whether the proof is to do for every name below, too.
    """

    identifier: Identifier
    vetted: bool
    types: tuple[str, ...]
    spans: bool = False


def chosen(profiles: Mapping[str, Profile], account: Account, registration: Registration, name: str | None) -> Profile:
    """The profile that an order means: the one that it names, else the first that the account may order.

    Raises:
        ProfileNotOffered: there is none of this name, or not through ACME.
        ProfileNotGranted: the registration does not hold it, or the account's EAB key is not for it.
    """
    if name is None:
        name = offer.offered(profiles, account.narrowed(registration), Door.ACME)[0].name
    profile = offer.named(profiles, name)
    registration.require_profile(profile.name)
    account.require_profile(profile.name)
    offer.require_door(profile, Door.ACME)
    return profile


def require_obtainable(
    account: Account,
    registration: Registration,
    profile: Profile,
    named: Iterable[Named],
    rejected: tuple[Rejected, ...] = (),
    *,
    types: tuple[str, ...],
) -> None:
    """Let only names pass that the account can get a certificate of this profile for.

    Args:
        rejected: what could not even be read.
        types: of the challenges that this server offers.

    Raises:
        NameNotGranted: one name is not to be had.
        RejectedIdentifiers: several are not (RFC 8555, 6.7.1).
        MalformedIdentifiers: the same, and some could not be read.
    """
    refused = [
        Rejected(one.identifier.kind.value, one.identifier.value, refusal)
        for one in named
        if (refusal := _refusal(account, registration, profile, one, types)) is not None
    ]
    every = (*rejected, *refused)
    if len(every) == 1:
        raise every[0].refusal
    if rejected:
        raise MalformedIdentifiers(every)
    if refused:
        raise RejectedIdentifiers(every)


def require_ancestor(registration: Registration, ancestor: Identifier) -> None:
    """Let only a domain pass whose proof could bring the registration something: it or names below it are granted.

    Raises:
        NameNotGranted: none is.
    """
    for grant in registration.grants:
        granted = grant.identifier
        is_in_zone = grant.zone and names.is_below(ancestor, granted)
        if granted == ancestor or is_in_zone or names.is_below(granted, ancestor):
            return
    raise NameNotGranted(
        f"nothing at or below {ancestor.value} is registered for this account; ask your registration authority"
    )


def needed(account: Account, registration: Registration, named: Named, types: tuple[str, ...]) -> Needed:
    """What authorizes a name that is granted. Where the RA vouches for it, no ancestor has to be proved."""
    if is_vetted(account, registration, named.identifier):
        return Needed(named.identifier, vetted=True, types=types)
    return Needed(named.ancestor or named.identifier, vetted=False, types=types, spans=named.ancestor is not None)


def is_vetted(account: Account, registration: Registration, identifier: Identifier) -> bool:
    """Whether the RA's word is enough; nobody vouched for an open account, so it is for none of its names."""
    return not account.is_open and registration.grant_for(identifier).vetted


def authorizing(account: Account, need: Needed, *, now: int) -> Authorizing:
    """A new authorization: valid by the RA's word, or pending with every challenge that is offered.

    A vetted one shows a challenge that was met, because there are clients that stumble over none.
    """
    vetted = need.vetted
    authorization = Authorization(
        id=new_id(now),
        account_id=account.id,
        identifier=need.identifier,
        status=AuthorizationStatus.VALID if vetted else AuthorizationStatus.PENDING,
        vetted=vetted,
        expires_at=now + (VETTED_SECONDS if vetted else ORDER_SECONDS),
        created_at=now,
        spans=need.spans,
    )
    types = (challenges.shown(need.identifier),) if vetted else offered(need)
    return Authorizing(
        authorization,
        tuple(
            Challenge(
                id=new_id(now),
                authorization_id=authorization.id,
                type=type_,
                token=base64url(secrets.token_bytes(_TOKEN_OCTETS)),
                status=ChallengeStatus.VALID if vetted else ChallengeStatus.PENDING,
                error=None,
                validated_at=now if vetted else None,
            )
            for type_ in types
        ),
    )


def offered(need: Needed) -> tuple[str, ...]:
    """The challenges that prove what is needed.

    Who serves a name may not command the names below it, so a proof that spans those is one over DNS.
    """
    found = challenges.offered(need.identifier, need.types)
    return tuple(one for one in found if one in _SPANNING) if need.spans else found


def spans_are_offered(types: tuple[str, ...]) -> bool:
    """Whether any of these challenges can prove a domain and all below it (RFC 9444)."""
    return not _SPANNING.isdisjoint(types)


def ordered(
    account: Account, message: Ordered, profile: Profile, authorizations: Sequence[Authorization], *, now: int
) -> Order:
    """A new order: ready at once where every name is authorized already."""
    is_ready = all(one.status is AuthorizationStatus.VALID for one in authorizations)
    return Order(
        id=new_id(now),
        account_id=account.id,
        status=OrderStatus.READY if is_ready else OrderStatus.PENDING,
        identifiers=message.identifiers,
        profile=profile.name,
        # No longer than what it waits for, which may be older.
        expires_at=min(now + ORDER_SECONDS, *(one.expires_at for one in authorizations)),
        error=None,
        csr_digest=None,
        created_at=now,
        period=message.period,
        replaces=message.replaces,
    )


def _refusal(
    account: Account, registration: Registration, profile: Profile, named: Named, types: tuple[str, ...]
) -> Refusal | None:
    try:
        decision.require_names(registration, profile, frozenset({named.identifier}))
        account.limits.require_names((named.identifier,))
    except NameNotGranted as refusal:
        return refusal
    need = needed(account, registration, named, types)
    if need.vetted or offered(need):
        return None
    return NameNotGranted(
        f"no challenge proves control of {need.identifier} here; ask your registration authority to vet it"
    )
