"""How much one may do, in token buckets (RFC 8555, 6.6).

Who pays is who is accountable. An account pays for itself, and with it the registration that vouched for it; of an open
account, which nobody vouched for, the source pays instead. So devices behind one address never spend each other's
tokens, and whoever makes open accounts by the thousand gains nothing. Every check comes after the sign-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ca_core.errors import Throttled
from ca_core.metering import Meters, own_meter
from ca_core.names import Identifier
from ca_core.policy.buckets import Rate, hourly, source_key
from ca_core.store.database import Transaction
from protocols.acme.standing import LimitOptions, Standing, require_room

_RENEWALS = Rate(burst=10, seconds_each=3600)
"""How many orders for the renewal of one certificate are not counted: enough for every honest retry, and a client that
has lost its mind is counted like all others."""

CHANGES = hourly(100)
"""How often an account may change its contacts or its key: each change is kept for ever, in the journal or as a claim
on a key, and nobody needs more."""


class Accountable(Protocol):
    """What limits need to know of an ACME account."""

    @property
    def id(self) -> str:
        """The account's."""

    @property
    def registration_id(self) -> str:
        """Of the registration that it belongs to."""

    @property
    def is_open(self) -> bool:
        """Whether nobody vouched for it."""


class Limits:
    """Counts what accounts do, and refuses what is too much.

    What is counted is counted in the caller's transaction, which a refusal must end: then nobody has paid.

    Args:
        meters: makes what counts.
    """

    def __init__(self, options: LimitOptions, meters: Meters = own_meter) -> None:
        self._options = options
        self._orders = meters("orders", hourly(options.orders_per_hour))
        self._renewals = meters("renewals", _RENEWALS)
        self._accounts = meters("accounts", hourly(options.new_accounts_per_hour))
        self._changes = meters("changes", CHANGES)
        self._failures = meters("failed-probes", hourly(options.failed_probes_per_hour))

    async def new_account(self, tx: Transaction, account: Accountable, *, source: str, now: int) -> None:
        """Count an account that is being made.

        Raises:
            Throttled: too many of late.
        """
        payer = source_key(source) if account.is_open else account.registration_id
        if wait := await self._accounts.take(tx, payer, now=now):
            raise _too_many("new accounts", "new_accounts_per_hour", self._options.new_accounts_per_hour, wait)

    def may_order(self, account: Accountable, *, source: str, renews: str | None, now: int) -> None:
        """Refuse early what is known to be refused by `order()`, before anything is looked up; nothing is counted.

        Raises:
            Throttled: too many of late.
        """
        if renews is None and (wait := self._orders.known_wait_seconds(*_payers(account, source), now=now)):
            raise self._too_many_orders(wait)

    async def order(self, tx: Transaction, account: Accountable, *, source: str, renews: str | None, now: int) -> None:
        """Count an order that is about to be placed, or an authorization that is asked for ahead of one.

        Args:
            renews: the serial of a live certificate in its renewal window for the same names, which is not counted
                while there are few such orders.

        Raises:
            Throttled: too many of late.
        """
        if renews is not None and await self._renewals.take(tx, renews, now=now) == 0:
            return
        if wait := await self._orders.take(tx, *_payers(account, source), now=now):
            raise self._too_many_orders(wait)

    async def change(self, tx: Transaction, account: Accountable, *, source: str, now: int) -> None:
        """Count a change that an account makes to itself; its registration, which may have thousands, pays nothing.

        Raises:
            Throttled: too many of late.
        """
        payers = _payers(account, source) if account.is_open else (account.id,)
        if wait := await self._changes.take(tx, *payers, now=now):
            raise _too_many("changes of this account", "", CHANGES.burst, wait)

    def challenged(self, standing: Standing, names: Sequence[Identifier], *, registered_as: str) -> None:
        """As `standing.require_room` says."""
        require_room(self._options, standing, names, registered_as=registered_as)

    async def look(self, tx: Transaction, account: Accountable, *, source: str, now: int) -> None:
        """Let the network be asked for an account only while not too much of what was asked for it failed of late.

        Raises:
            Throttled: it did.
        """
        if wait := await self._failures.wait_seconds(tx, *_payers(account, source), now=now):
            raise _too_many("failed challenges", "failed_probes_per_hour", self._options.failed_probes_per_hour, wait)

    async def looked_in_vain(self, tx: Transaction, account: Accountable, *, source: str, now: int) -> None:
        """Count what was asked of the network for an account, and failed; what does not fail costs nothing.

        Args:
            source: from where it was asked for; empty where nobody knows any more, and the account pays alone.
        """
        await self._failures.spend(tx, *_payers(account, source), now=now)

    def _too_many_orders(self, wait_seconds: int) -> Throttled:
        return _too_many("orders", "orders_per_hour", self._options.orders_per_hour, wait_seconds)


def _payers(account: Accountable, source: str) -> tuple[str, ...]:
    if not account.is_open:
        return (account.id, account.registration_id)
    return (account.id, source_key(source)) if source else (account.id,)


def _too_many(what: str, setting: str, number: int, wait_seconds: int) -> Throttled:
    named = f" (limits.{setting})" if setting else ""
    return Throttled(
        f"too many {what} of late: {number} an hour are let through{named}; try again in {wait_seconds} s",
        retry_after_seconds=wait_seconds,
    )
