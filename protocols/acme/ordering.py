"""What an order needs: pure decisions about its names, and the objects that come of them (RFC 8555, 7.4)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

import msgspec

from ca_core.errors import NameNotGranted, Refusal
from ca_core.identity import new_id
from ca_core.names import Identifier
from ca_core.policy import decision
from ca_core.policy.profile import Profile
from ca_core.registration.account import Registration
from protocols.acme import challenges
from protocols.acme.errors import RejectedIdentifiers
from protocols.acme.objects import Account, Authorization, Challenge, Order
from protocols.acme.states import AuthorizationStatus, ChallengeStatus, OrderStatus
from protocols.encoding import base64url

ORDER_SECONDS = 7 * 86_400
"""How long an order and its pending authorizations wait."""

VETTED_SECONDS = 30 * 86_400
"""How long an authorization by the RA's word is shown as valid; at issuance the registration decides anew."""

_TOKEN_OCTETS = 32


class Authorizing(msgspec.Struct, frozen=True):
    """A new authorization and its challenges."""

    authorization: Authorization
    challenges: tuple[Challenge, ...]


def require_obtainable(
    account: Account, registration: Registration, profile: Profile, identifiers: Iterable[Identifier]
) -> None:
    """Let only names pass that the account can get a certificate of this profile for.

    Raises:
        NameNotGranted: one name is not to be had.
        RejectedIdentifiers: several are not (RFC 8555, 6.7.1).
    """
    refusals = [
        (identifier, refusal)
        for identifier in identifiers
        if (refusal := _refusal(account, registration, profile, identifier)) is not None
    ]
    if len(refusals) == 1:
        raise refusals[0][1]
    if refusals:
        raise RejectedIdentifiers(tuple(refusals))


def is_vetted(account: Account, registration: Registration, identifier: Identifier) -> bool:
    """Whether the RA's word is enough; nobody vouched for an open account, so it is for none of its names."""
    return not account.is_open and registration.grant_for(identifier).vetted


def authorizing(account: Account, identifier: Identifier, *, vetted: bool, now: int) -> Authorizing:
    """A new authorization: valid by the RA's word, or pending with every challenge that is offered.

    A vetted one shows a challenge that was met, because there are clients that stumble over none.
    """
    authorization = Authorization(
        id=new_id(now),
        account_id=account.id,
        identifier=identifier,
        status=AuthorizationStatus.VALID if vetted else AuthorizationStatus.PENDING,
        vetted=vetted,
        expires_at=now + (VETTED_SECONDS if vetted else ORDER_SECONDS),
        created_at=now,
    )
    types = (challenges.HTTP_01,) if vetted else challenges.offered(identifier)
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


def ordered(
    account: Account, identifiers: tuple[Identifier, ...], profile: Profile, *, is_ready: bool, now: int
) -> Order:
    """A new order: ready at once where every name is authorized already."""
    return Order(
        id=new_id(now),
        account_id=account.id,
        status=OrderStatus.READY if is_ready else OrderStatus.PENDING,
        identifiers=identifiers,
        profile=profile.name,
        expires_at=now + ORDER_SECONDS,
        error=None,
        csr_digest=None,
        created_at=now,
    )


def _refusal(account: Account, registration: Registration, profile: Profile, identifier: Identifier) -> Refusal | None:
    try:
        decision.require_names(registration, profile, frozenset({identifier}))
    except NameNotGranted as refusal:
        return refusal
    if is_vetted(account, registration, identifier) or challenges.offered(identifier):
        return None
    return NameNotGranted(
        f"no challenge proves control of {identifier} here; ask your registration authority to vet it"
    )
