"""What ACME ought to do, in little: accounts, orders, authorizations and certificates, without a store or a network.

Small enough to be read against the figures of RFC 8555, 7.1.6, and of a different make than the server: objects
know when they end, and nothing is ever written because time has passed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

DAY = 86_400
ORDER_SECONDS = 7 * DAY
WINDOW_SECONDS = 30 * DAY

AFTER = {
    "account": {"valid": {"deactivated", "revoked"}},
    "order": {
        "pending": {"ready", "invalid"},
        "ready": {"processing", "invalid"},
        "processing": {"valid", "invalid"},
    },
    "authorization": {"pending": {"valid", "invalid", "deactivated"}, "valid": {"expired", "deactivated", "revoked"}},
    "challenge": {"pending": {"processing"}, "processing": {"valid", "invalid"}},
}
"""The figures of RFC 8555, 7.1.6; that a pending authorization can be given up is in 7.5.2."""


def may_become(kind: str, was: str, now: str) -> bool:
    """Whether a status leads to another by any number of arrows."""
    reached, new = {was}, {was}
    while new:
        new = {after for status in new for after in AFTER[kind].get(status, set())} - reached
        reached |= new
    return now in reached


@dataclass
class Account:
    """An ACME account; `key` counts the keys that it has had."""

    url: str
    registration: str
    key: int
    is_valid: bool = True


@dataclass
class Authorization:
    """Who waits for nothing more has a `status` for good, but that a valid one expires.

    Attributes:
        answered: URLs of challenges that wait for the validator.
        is_shaken: whether a network failed, after which the server tries again when it sees fit.
    """

    url: str
    account: Account
    name: str
    status: str
    expires_at: int
    challenges: list[str]
    answered: list[str] = field(default_factory=list)
    is_shaken: bool = False

    def status_at(self, now: int) -> str:
        late = {"pending": "invalid", "valid": "expired"}
        return late.get(self.status, self.status) if now > self.expires_at else self.status


@dataclass
class Order:
    """An order is what its authorizations make of it, until it is finalized."""

    url: str
    finalize_url: str
    account: Account
    names: tuple[str, ...]
    authorizations: list[Authorization]
    placed_at: int
    expires_at: int
    is_broken: bool = False
    certificate: str | None = None
    csr: bytes | None = None

    def status_at(self, now: int) -> str:
        if self.certificate is not None:
            return "valid"
        if self.is_broken or now > self.expires_at:
            return "invalid"
        return "ready" if all(one.status == "valid" for one in self.authorizations) else "pending"


@dataclass
class Certificate:
    """What was issued."""

    registration: str
    names: frozenset[str]
    expires_at: int
    is_revoked: bool = False


@dataclass
class Model:
    """All that there is."""

    accounts: list[Account] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    authorizations: dict[str, Authorization] = field(default_factory=dict)
    certificates: dict[str, Certificate] = field(default_factory=dict)

    def is_too_early(self, registration: str, names: Iterable[str], now: int) -> bool:
        """Whether the renewal window of the oldest live certificate for these names is still closed (RULES, S9)."""
        wanted = frozenset(names)
        live = [
            one.expires_at
            for one in self.certificates.values()
            if (one.registration, one.names) == (registration, wanted) and not one.is_revoked and now <= one.expires_at
        ]
        return bool(live) and now < min(live) - WINDOW_SECONDS

    def proved(self, account: Account, name: str, good_until: int) -> bool:
        """Whether an account has a valid authorization for a name that will do until then."""
        return any(
            (one.account, one.name, one.status) == (account, name, "valid") and one.expires_at >= good_until
            for one in self.authorizations.values()
        )

    def useless_orders(self, *, placed_before: int, now: int) -> list[Order]:
        """Orders that came to nothing and were placed before a time."""
        return [one for one in self.orders if one.placed_at < placed_before and one.status_at(now) == "invalid"]

    def useless_authorizations(self, now: int) -> list[Authorization]:
        """Those that have run out and that no order needs."""
        needed = {one.url for order in self.orders for one in order.authorizations}
        return [one for one in self.authorizations.values() if now > one.expires_at and one.url not in needed]

    def give_up(self, authorization: Authorization, status: str) -> None:
        """End an authorization, and with it the orders that need it and have no certificate yet."""
        authorization.status = status
        for order in self.orders:
            if authorization in order.authorizations and order.certificate is None:
                order.is_broken = True
