from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.policy.buckets import MOST_KEYS, Buckets, Rate, hourly, source_key


def test_a_burst_is_let_through_and_then_one_at_a_time() -> None:
    buckets = Buckets(hourly(360))
    burst = [buckets.take("a", now=0) for _ in range(360)]

    assert set(burst) == {0}
    assert buckets.take("a", now=0) == 10
    assert buckets.take("a", now=9) == 1
    assert buckets.take("a", now=10) == 0


def test_an_hour_of_rest_fills_a_bucket_and_no_more() -> None:
    buckets = Buckets(hourly(2))
    buckets.spend("a", "a", now=0)

    taken = [buckets.take("a", now=36_000) for _ in range(3)]

    assert taken == [0, 0, 1800]


def test_of_several_keys_all_pay_or_none() -> None:
    buckets = Buckets(Rate(1, 60))
    buckets.take("registration", now=0)

    assert buckets.take("account", "registration", now=0) == 60
    assert buckets.take("account", now=0) == 0


def test_asking_costs_nothing() -> None:
    buckets = Buckets(Rate(1, 60))

    assert [buckets.wait_seconds("a", now=0) for _ in range(3)] == [0, 0, 0]
    assert len(buckets) == 0


def test_what_is_spent_beyond_the_last_token_is_not_owed() -> None:
    buckets = Buckets(Rate(1, 60))
    for _ in range(5):
        buckets.spend("a", now=0)

    assert buckets.wait_seconds("a", now=0) == 60


def test_a_clock_that_goes_back_forgives_nothing() -> None:
    buckets = Buckets(Rate(1, 60))
    buckets.take("a", now=100)

    assert buckets.take("a", now=0) == 60
    assert buckets.take("a", now=60) == 0


def test_who_is_refused_is_not_forgotten_before_others() -> None:
    buckets = Buckets(Rate(1, 60))
    buckets.take("loud", now=0)
    for number in range(MOST_KEYS - 1):
        buckets.spend(str(number), now=0)
    buckets.take("loud", now=0)
    buckets.spend("one more", now=0)

    assert buckets.take("loud", now=0) == 60


def test_memory_is_bounded_and_the_quietest_is_forgotten() -> None:
    buckets = Buckets(Rate(1, 60))
    for number in range(MOST_KEYS):
        buckets.spend(str(number), now=0)
    buckets.spend("0", "one more", now=0)

    assert len(buckets) == MOST_KEYS
    assert buckets.wait_seconds("0", now=0) == 60
    assert buckets.wait_seconds("1", now=0) == 0


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::ffff:2", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_source_is_its_address_or_its_64(source: str, expected: str) -> None:
    assert source_key(source) == expected


@given(st.integers(1, 1000), st.lists(st.integers(0, 50), max_size=200))
def test_no_more_is_let_through_than_burst_and_time_allow(number: int, steps: list[int]) -> None:
    buckets, now, taken = Buckets(hourly(number)), 0, 0

    for step in steps:
        now += step
        taken += buckets.take("a", now=now) == 0

    assert taken <= number + now * number / 3600 + 1
