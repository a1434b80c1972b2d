"""How much one may do: token buckets in memory, of this process (RFC 8555, 6.6).

Who pays is who is accountable. An account pays for itself, and with it the registration that vouched for it; of an open
account, which nobody vouched for, the source pays instead. So devices behind one address never spend each other's
tokens, and whoever makes open accounts by the thousand gains nothing. Every check comes after the sign-in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import msgspec

from ca_core.errors import Throttled
from ca_core.names import Identifier
from ca_core.policy.buckets import MOST_KEYS, Buckets, Rate, hourly, source_key
from protocols.acme.errors import NamesPaused

_RENEWALS = Rate(burst=10, seconds_each=3600)
"""How many orders for the renewal of one certificate are not counted: enough for every honest retry, and a client that
has lost its mind is counted like all others."""

CHANGES = hourly(100)
"""How often an account may change its contacts or its key: each change is kept for ever, in the journal or as a claim
on a key, and nobody needs more."""

_LOOK_AGAIN_SECONDS = 3600
"""When an account whose authorizations pend may ask again: what it finishes meanwhile makes room at once."""


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


class LimitOptions(msgspec.Struct, frozen=True):
    """The numbers; each by account, and by registration or source."""

    orders_per_hour: int = 20_000
    new_accounts_per_hour: int = 5_000
    failed_probes_per_hour: int = 1_000
    pending_authorizations: int = 3_000
    paused_after_failures: int = 20


class Standing(msgspec.Struct, frozen=True):
    """What stands against new challenges of an account.

    Attributes:
        pending: how many of its authorizations pend.
        paused: the names that only failed of late.
    """

    pending: int
    paused: frozenset[Identifier]


class Limits:
    """Counts what accounts do, and refuses what is too much."""

    def __init__(self, options: LimitOptions) -> None:
        self._options = options
        self._orders = Buckets(hourly(options.orders_per_hour))
        self._renewals = Buckets(_RENEWALS)
        self._accounts = Buckets(hourly(options.new_accounts_per_hour))
        self._changes = Buckets(CHANGES)
        self._failures = Buckets(hourly(options.failed_probes_per_hour))
        self._sources: OrderedDict[str, str] = OrderedDict()

    def new_account(self, account: Accountable, *, source: str, now: int) -> None:
        """Count an account that is being made.

        Raises:
            Throttled: too many of late.
        """
        payer = source_key(source) if account.is_open else account.registration_id
        if wait := self._accounts.take(payer, now=now):
            raise _too_many("new accounts", "new_accounts_per_hour", self._options.new_accounts_per_hour, wait)

    def may_order(self, account: Accountable, *, source: str, renews: str | None, now: int) -> None:
        """Refuse early what `order()` would refuse, before anything is looked up for it; nothing is counted.

        Raises:
            Throttled: too many of late.
        """
        if renews is None and (wait := self._orders.wait_seconds(*_payers(account, source), now=now)):
            raise self._too_many_orders(wait)

    def order(self, account: Accountable, *, source: str, renews: str | None, now: int) -> None:
        """Count an order that is about to be placed, or an authorization that is asked for ahead of one.

        Args:
            renews: the serial of a live certificate in its renewal window for the same names, which is not counted
                while there are few such orders.

        Raises:
            Throttled: too many of late.
        """
        if renews is not None and self._renewals.take(renews, now=now) == 0:
            return
        if wait := self._orders.take(*_payers(account, source), now=now):
            raise self._too_many_orders(wait)

    def change(self, account: Accountable, *, source: str, now: int) -> None:
        """Count a change that an account makes to itself; its registration, which may have thousands, pays nothing.

        Raises:
            Throttled: too many of late.
        """
        payers = _payers(account, source) if account.is_open else (account.id,)
        if wait := self._changes.take(*payers, now=now):
            raise _too_many("changes of this account", "", CHANGES.burst, wait)

    def challenged(self, standing: Standing, names: Sequence[Identifier], *, registered_as: str) -> None:
        """Let an account have new challenges for these names.

        Args:
            registered_as: the site account of its registration.

        Raises:
            NamesPaused: for some of them it may not.
            Throttled: too many of its authorizations would pend.
        """
        if paused := tuple(name for name in names if name in standing.paused):
            raise NamesPaused(paused, registered_as=registered_as)
        most = self._options.pending_authorizations
        if standing.pending + len(names) > most:
            raise Throttled(
                f"this account has {standing.pending} pending authorizations and can have {most}"
                " (limits.pending_authorizations): meet their challenges or deactivate them, then order again",
                retry_after_seconds=_LOOK_AGAIN_SECONDS,
            )

    def answer(self, account: Accountable, challenge_id: str, *, source: str, now: int) -> None:
        """Let a challenge be answered only by those whose probes did not fail too often of late.

        Raises:
            Throttled: they did.
        """
        self.look(account, source=source, now=now)
        if account.is_open:
            # What failed is known only after the probe, and then nobody knows any more who had asked.
            self._sources[challenge_id] = source
            if len(self._sources) > MOST_KEYS:
                self._sources.popitem(last=False)

    def look(self, account: Accountable, *, source: str, now: int) -> None:
        """Let the network be asked for an account only while not too much of what was asked for it failed of late.

        Raises:
            Throttled: it did.
        """
        if wait := self._failures.wait_seconds(*_payers(account, source), now=now):
            raise _too_many("failed challenges", "failed_probes_per_hour", self._options.failed_probes_per_hour, wait)

    def looked_in_vain(self, account: Accountable, *, source: str, now: int) -> None:
        """Count what was asked for an account that waits for the answer, and failed."""
        self._failures.spend(*_payers(account, source), now=now)

    def probed(self, account: Accountable, challenge_id: str, *, failed: bool, now: int) -> None:
        """Count a probe that failed; one that did not costs nothing."""
        source = self._sources.pop(challenge_id, "")
        if failed:
            self._failures.spend(*_payers(account, source), now=now)

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
