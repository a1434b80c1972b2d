"""Which authorizations an order stands on, and what is authorized ahead of one: found, or made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ca_core.names import Identifier, Kind
from ca_core.store import holds
from ca_core.store.database import Transaction
from protocols.acme import ordering
from protocols.acme.limits import Limits
from protocols.acme.objects import Account, Authorization
from protocols.acme.ordering import Needed
from protocols.acme.records import authorizations, failures
from protocols.acme.sign_in import ByAccount


class Authorized(msgspec.Struct, frozen=True):
    """The authorizations that were needed.

    Attributes:
        made: the ids of those among them that are new.
    """

    used: tuple[Authorization, ...]
    made: frozenset[str]


async def authorize(
    tx: Transaction,
    limits: Limits,
    asked: ByAccount,
    needs: Iterable[Needed],
    *,
    reuses_vetted: bool = False,
    now: int,
) -> Authorized:
    """Find or make what is needed, each once. Who asks counts it as an order, when all else is stored.

    A valid one is used as long as an order can wait. A pending one is used again while a day is left to prove it,
    so that a client which places order after order does not pile them up.

    Args:
        reuses_vetted: whether the RA's word of another day does, which each order has afresh.

    Raises:
        NamesPaused, Throttled: new challenges are not to be had.
    """
    account = asked.account
    used: dict[str, Authorization] = {}
    made = []
    needed = tuple(dict.fromkeys(needs))
    await _hold(tx, account, needed, reuses_vetted=reuses_vetted)
    spanning = await spanning_of(tx, account, needed, now=now)
    for need in needed:
        found = await usable(tx, account, need, spanning, reuses_vetted=reuses_vetted, now=now)
        if found is None:
            made.append(ordering.authorizing(account, need, now=now))
            found = made[-1].authorization
        used[found.id] = found
    if pending := [one.authorization.identifier for one in made if not one.authorization.vetted]:
        standing = await failures.standing(tx, account.id, now=now)
        limits.challenged(standing, pending, registered_as=asked.registration.account)
    await authorizations.insert(
        tx,
        [one.authorization for one in made],
        [challenge for one in made for challenge in one.challenges],
    )
    return Authorized(tuple(used.values()), frozenset(one.authorization.id for one in made))


async def _hold(tx: Transaction, account: Account, needs: Iterable[Needed], *, reuses_vetted: bool) -> None:
    """Keep what may be used again as it is found, until what stands on it is stored.

    Else who settles an authorization at this moment would not see the order that waits for it.
    """
    looked_for = [need.identifier for need in needs if reuses_vetted or not need.vetted]
    names = {holds.acme_name(account.id, one.kind, name) for one in looked_for for name in _that_cover(one)}
    await tx.hold(*names, shared=True)


def _that_cover(identifier: Identifier) -> list[str]:
    """An identifier and, of a DNS name, the domains above it."""
    if identifier.kind is not Kind.DNS:
        return [identifier.value]
    labels = identifier.value.removeprefix("*.").split(".")
    return [identifier.value, *(".".join(labels[first:]) for first in range(len(labels)))]


async def spanning_of(tx: Transaction, account: Account, needs: Iterable[Needed], *, now: int) -> list[Authorization]:
    """The account's proofs that do for names below, too, where any of what is needed has to be proved."""
    if all(need.vetted for need in needs):
        return []
    return await authorizations.spanning(tx, account.id, good_until=now + ordering.ORDER_SECONDS)


async def usable(
    tx: Transaction,
    account: Account,
    need: Needed,
    spanning: Sequence[Authorization],
    *,
    reuses_vetted: bool = False,
    now: int,
) -> Authorization | None:
    """The authorization that there is of what is needed, if it is used again.

    Args:
        spanning: what `spanning_of` says.
    """
    if need.vetted and not reuses_vetted:
        return None
    good_until = now + ordering.ORDER_SECONDS
    if not need.vetted:
        proved = next((one for one in spanning if one.covers(need.identifier)), None)
        if proved is None and not need.spans:
            proved = await authorizations.proved(tx, account.id, need.identifier, good_until=good_until)
        if proved is not None:
            return proved
        good_until = now + ordering.PENDING_SECONDS
    wanted = ordering.authorizing(account, need, now=now)
    found = await authorizations.alike(tx, wanted.authorization, good_until=good_until)
    if found is None or need.vetted:
        return found
    # What is offered may have changed since it was made.
    shown = {one.type for one in await authorizations.challenges(tx, found.id)}
    return found if shown == {one.type for one in wanted.challenges} else None
