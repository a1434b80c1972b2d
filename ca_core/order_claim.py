"""How a protocol with objects of its own ties one of them to its certificate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from ca_core.names import Identifier
from ca_core.policy.period import WHOLE, WishedPeriod
from ca_core.referral.request import EnrollmentRequest
from ca_core.store.database import Transaction


class OrderClaim(msgspec.Struct, frozen=True):
    """One order.

    Attributes:
        request_key: finds the certificate again, such as `acme-order:ID`.
        names: what was ordered, instead of the request's own.
        claim: moves the object by compare-and-set, in the transaction that stores the intention; it raises when lost.
            It is told of the request that the order takes over, which another one may have waited for.
        account: whose order it is, such as `acme-account:ID`; what waits for it is taken over whatever its key.
        credential_id: the secret that bound that account; None where none did.
        is_open: whether nobody vouched for that account.
        period: which part of the profile's period was ordered.
        replaces: serial of the certificate that the new one takes the place of.
    """

    request_key: str
    names: frozenset[Identifier]
    claim: Callable[[Transaction, EnrollmentRequest | None], Awaitable[None]]
    account: str | None = None
    credential_id: str | None = None
    is_open: bool = False
    period: WishedPeriod = WHOLE
    replaces: str | None = None
