"""How much one may do (RFC 8555, 6.6)."""

from __future__ import annotations

import msgspec
import pytest

from ca_core.errors import Throttled
from ca_core.names import dns
from ca_core.policy.buckets import MOST_KEYS
from protocols.acme.errors import NamesPaused
from protocols.acme.limits import LimitOptions, Limits, Standing

SOURCE = "192.0.2.7"
NOTHING = Standing(pending=0, paused=frozenset())


class Somebody(msgspec.Struct, frozen=True):
    id: str
    registration_id: str = "registration"
    is_open: bool = False


def limits(**options: int) -> Limits:
    return Limits(LimitOptions(**options))


def order(limits: Limits, account: Somebody, *, source: str = SOURCE, renews: str | None = None, now: int = 0) -> None:
    limits.order(account, source=source, renews=renews, now=now)


def test_by_default_a_fleet_behind_one_address_is_not_held_up() -> None:
    generous = Limits(LimitOptions())

    for number in range(2_000):
        device = Somebody(f"account-{number}", f"registration-{number}")
        generous.new_account(device, source=SOURCE, now=0)
        order(generous, device)
        generous.challenged(NOTHING, [dns("device.example")], registered_as="device")


def test_by_default_one_account_orders_five_hundred_names_at_once() -> None:
    generous, names = Limits(LimitOptions()), [dns(f"n{number}.example") for number in range(500)]

    for number in range(500):
        order(generous, Somebody("a"))
        generous.challenged(Standing(number, frozenset()), names[:1], registered_as="corp")
    generous.challenged(NOTHING, names, registered_as="corp")


def test_an_account_pays_and_its_registration_with_it() -> None:
    narrow = limits(orders_per_hour=2)
    order(narrow, Somebody("a"))
    order(narrow, Somebody("b"))

    with pytest.raises(Throttled) as caught:
        order(narrow, Somebody("c"))

    assert caught.value.retry_after_seconds == 1800
    assert str(caught.value) == (
        "too many orders of late: 2 an hour are let through (limits.orders_per_hour); try again in 1800 s"
    )
    order(narrow, Somebody("d", "another"), now=0)
    order(narrow, Somebody("c"), now=1800)


def test_a_source_pays_for_accounts_that_nobody_vouched_for_and_for_no_others() -> None:
    narrow = limits(orders_per_hour=1)
    order(narrow, Somebody("a", "open", is_open=True), source="2001:db8::1")

    with pytest.raises(Throttled):
        order(narrow, Somebody("b", "open", is_open=True), source="2001:db8::2")
    order(narrow, Somebody("c", "open", is_open=True), source="192.0.2.8")
    order(narrow, Somebody("d"), source="2001:db8::1")


def test_a_renewal_is_not_counted_until_it_is_a_habit() -> None:
    narrow = limits(orders_per_hour=1)
    order(narrow, Somebody("a"))

    for _ in range(10):
        order(narrow, Somebody("a"), renews="serial")

    with pytest.raises(Throttled):
        order(narrow, Somebody("a"), renews="serial")
    order(narrow, Somebody("a"), renews="another serial")


def test_new_accounts_are_counted_by_who_vouches_for_them() -> None:
    narrow = limits(new_accounts_per_hour=1)
    narrow.new_account(Somebody("a"), source=SOURCE, now=0)
    narrow.new_account(Somebody("b", "another"), source=SOURCE, now=0)
    narrow.new_account(Somebody("c", "open", is_open=True), source=SOURCE, now=0)

    with pytest.raises(Throttled, match=r"new accounts.*limits\.new_accounts_per_hour"):
        narrow.new_account(Somebody("d"), source="192.0.2.8", now=0)
    with pytest.raises(Throttled):
        narrow.new_account(Somebody("e", "open", is_open=True), source=SOURCE, now=0)


def test_an_account_is_not_changed_all_the_time() -> None:
    narrow = limits()
    for _ in range(100):
        narrow.change(Somebody("a"), source=SOURCE, now=0)
        narrow.change(Somebody("o", "open", is_open=True), source=SOURCE, now=0)

    with pytest.raises(Throttled, match="too many changes of this account of late: 100 an hour are let through; try"):
        narrow.change(Somebody("a"), source="192.0.2.8", now=0)
    with pytest.raises(Throttled):
        narrow.change(Somebody("p", "open", is_open=True), source=SOURCE, now=0)
    narrow.change(Somebody("b"), source=SOURCE, now=0)
    narrow.change(Somebody("a"), source=SOURCE, now=36)


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


def test_whose_probes_fail_answers_no_challenge_for_a_while() -> None:
    narrow, account = limits(failed_probes_per_hour=1), Somebody("a")
    narrow.answer(account, "challenge", source=SOURCE, now=0)
    narrow.probed(account, "challenge", failed=True, now=0)

    with pytest.raises(Throttled, match=r"failed challenges.*limits\.failed_probes_per_hour"):
        narrow.answer(account, "another", source=SOURCE, now=0)
    narrow.answer(account, "another", source=SOURCE, now=3600)


def test_probes_that_succeed_cost_nothing() -> None:
    narrow, account = limits(failed_probes_per_hour=1), Somebody("a")

    for number in range(5):
        narrow.answer(account, str(number), source=SOURCE, now=0)
        narrow.probed(account, str(number), failed=False, now=0)


def test_the_source_pays_for_failures_of_open_accounts() -> None:
    narrow, one, other = (
        limits(failed_probes_per_hour=1),
        Somebody("a", "open", is_open=True),
        Somebody("b", "open", is_open=True),
    )
    narrow.answer(one, "challenge", source=SOURCE, now=0)
    narrow.probed(one, "challenge", failed=True, now=0)

    with pytest.raises(Throttled):
        narrow.answer(other, "another", source=SOURCE, now=0)
    narrow.answer(other, "another", source="192.0.2.8", now=0)


def test_who_asked_before_a_restart_is_not_known_and_the_account_pays_alone() -> None:
    narrow, account = limits(failed_probes_per_hour=1), Somebody("a", "open", is_open=True)
    narrow.probed(account, "from before", failed=True, now=0)

    with pytest.raises(Throttled):
        narrow.answer(account, "another", source=SOURCE, now=0)


def test_of_those_who_wait_for_a_probe_only_so_many_are_remembered() -> None:
    narrow, account = limits(), Somebody("a", "open", is_open=True)

    for number in range(MOST_KEYS + 1):
        narrow.answer(account, str(number), source=SOURCE, now=0)

    assert len(narrow._sources) == MOST_KEYS
