"""How much one may do (RFC 8555, 6.6)."""

from __future__ import annotations

import msgspec
import pytest

from ca_core.errors import Throttled
from ca_core.names import dns
from protocols.acme.errors import NamesPaused
from protocols.acme.limits import Limits
from protocols.acme.standing import LimitOptions, Standing
from tests.builders.nowhere import NoTransaction

SOURCE = "192.0.2.7"
NOTHING = Standing(pending=0, paused=frozenset())
NOWHERE = NoTransaction()
"""Limits of one process are in memory, whatever becomes of the transaction."""


class Somebody(msgspec.Struct, frozen=True):
    id: str
    registration_id: str = "registration"
    is_open: bool = False


def limits(**options: int) -> Limits:
    return Limits(LimitOptions(**options))


async def order(
    limits: Limits, account: Somebody, *, source: str = SOURCE, renews: str | None = None, now: int = 0
) -> None:
    await limits.order(NOWHERE, account, source=source, renews=renews, now=now)


async def test_by_default_a_fleet_behind_one_address_is_not_held_up() -> None:
    generous = Limits(LimitOptions())

    for number in range(2_000):
        device = Somebody(f"account-{number}", f"registration-{number}")
        await generous.new_account(NOWHERE, device, source=SOURCE, now=0)
        await order(generous, device)
        generous.challenged(NOTHING, [dns("device.example")], registered_as="device")


async def test_by_default_one_account_orders_five_hundred_names_at_once() -> None:
    generous, names = Limits(LimitOptions()), [dns(f"n{number}.example") for number in range(500)]

    for number in range(500):
        await order(generous, Somebody("a"))
        generous.challenged(Standing(number, frozenset()), names[:1], registered_as="corp")
    generous.challenged(NOTHING, names, registered_as="corp")


async def test_an_account_pays_and_its_registration_with_it() -> None:
    narrow = limits(orders_per_hour=2)
    await order(narrow, Somebody("a"))
    await order(narrow, Somebody("b"))

    with pytest.raises(Throttled) as caught:
        await order(narrow, Somebody("c"))

    assert caught.value.retry_after_seconds == 1800
    assert str(caught.value) == (
        "too many orders of late: 2 an hour are let through (limits.orders_per_hour); try again in 1800 s"
    )
    await order(narrow, Somebody("d", "another"), now=0)
    await order(narrow, Somebody("c"), now=1800)


async def test_a_source_pays_for_accounts_that_nobody_vouched_for_and_for_no_others() -> None:
    narrow = limits(orders_per_hour=1)
    await order(narrow, Somebody("a", "open", is_open=True), source="2001:db8::1")

    with pytest.raises(Throttled):
        await order(narrow, Somebody("b", "open", is_open=True), source="2001:db8::2")
    await order(narrow, Somebody("c", "open", is_open=True), source="192.0.2.8")
    await order(narrow, Somebody("d"), source="2001:db8::1")


async def test_a_renewal_is_not_counted_until_it_is_a_habit() -> None:
    narrow = limits(orders_per_hour=1)
    await order(narrow, Somebody("a"))

    for _ in range(10):
        await order(narrow, Somebody("a"), renews="serial")

    with pytest.raises(Throttled):
        await order(narrow, Somebody("a"), renews="serial")
    await order(narrow, Somebody("a"), renews="another serial")


async def test_new_accounts_are_counted_by_who_vouches_for_them() -> None:
    narrow = limits(new_accounts_per_hour=1)
    await narrow.new_account(NOWHERE, Somebody("a"), source=SOURCE, now=0)
    await narrow.new_account(NOWHERE, Somebody("b", "another"), source=SOURCE, now=0)
    await narrow.new_account(NOWHERE, Somebody("c", "open", is_open=True), source=SOURCE, now=0)

    with pytest.raises(Throttled, match=r"new accounts.*limits\.new_accounts_per_hour"):
        await narrow.new_account(NOWHERE, Somebody("d"), source="192.0.2.8", now=0)
    with pytest.raises(Throttled):
        await narrow.new_account(NOWHERE, Somebody("e", "open", is_open=True), source=SOURCE, now=0)


async def test_an_account_is_not_changed_all_the_time() -> None:
    narrow = limits()
    for _ in range(100):
        await narrow.change(NOWHERE, Somebody("a"), source=SOURCE, now=0)
        await narrow.change(NOWHERE, Somebody("o", "open", is_open=True), source=SOURCE, now=0)

    with pytest.raises(Throttled, match="too many changes of this account of late: 100 an hour are let through; try"):
        await narrow.change(NOWHERE, Somebody("a"), source="192.0.2.8", now=0)
    with pytest.raises(Throttled):
        await narrow.change(NOWHERE, Somebody("p", "open", is_open=True), source=SOURCE, now=0)
    await narrow.change(NOWHERE, Somebody("b"), source=SOURCE, now=0)
    await narrow.change(NOWHERE, Somebody("a"), source=SOURCE, now=36)


def test_only_so_many_authorizations_pend() -> None:
    narrow, names = limits(pending_authorizations=3), [dns("a.example"), dns("b.example")]
    narrow.challenged(Standing(1, frozenset()), names, registered_as="corp")

    with pytest.raises(Throttled, match="has 2 pending authorizations and can have 3") as caught:
        narrow.challenged(Standing(2, frozenset()), names, registered_as="corp")

    assert caught.value.retry_after_seconds == 3600


def test_a_paused_name_is_refused_with_how_to_lift_it() -> None:
    standing = Standing(0, frozenset({dns("b.example"), dns("elsewhere.example")}))

    with pytest.raises(NamesPaused) as caught:
        limits().challenged(standing, [dns("a.example"), dns("b.example")], registered_as="corp")

    assert caught.value.names == (dns("b.example"),)
    assert str(caught.value).endswith("have it lifted: soapstone unpause corp b.example")
    assert caught.value.retry_after_seconds == 86_400


async def test_whose_probes_fail_answers_no_challenge_for_a_while() -> None:
    narrow, account = limits(failed_probes_per_hour=1), Somebody("a")
    await narrow.look(NOWHERE, account, source=SOURCE, now=0)
    await narrow.looked_in_vain(NOWHERE, account, source=SOURCE, now=0)

    with pytest.raises(Throttled, match=r"failed challenges.*limits\.failed_probes_per_hour"):
        await narrow.look(NOWHERE, account, source=SOURCE, now=0)
    await narrow.look(NOWHERE, account, source=SOURCE, now=3600)


async def test_the_source_pays_for_failures_of_open_accounts() -> None:
    narrow, one, other = (
        limits(failed_probes_per_hour=1),
        Somebody("a", "open", is_open=True),
        Somebody("b", "open", is_open=True),
    )
    await narrow.look(NOWHERE, one, source=SOURCE, now=0)
    await narrow.looked_in_vain(NOWHERE, one, source=SOURCE, now=0)

    with pytest.raises(Throttled):
        await narrow.look(NOWHERE, other, source=SOURCE, now=0)
    await narrow.look(NOWHERE, other, source="192.0.2.8", now=0)


async def test_where_nobody_knows_from_where_it_was_asked_the_account_pays_alone() -> None:
    narrow, account = limits(failed_probes_per_hour=1), Somebody("a", "open", is_open=True)
    await narrow.looked_in_vain(NOWHERE, account, source="", now=0)

    with pytest.raises(Throttled):
        await narrow.look(NOWHERE, account, source=SOURCE, now=0)
    await narrow.look(NOWHERE, Somebody("b", "open", is_open=True), source=SOURCE, now=0)
