from __future__ import annotations

import pytest

from ca_core.errors import Throttled
from ca_core.registration.throttle import Throttle


def exhausted(source: str = "a", now: int = 0) -> Throttle:
    throttle = Throttle()
    for _ in range(30):
        throttle.failed(source, now)
    return throttle


def test_thirty_failures_at_once_are_forgiven_and_no_more() -> None:
    throttle = exhausted()

    with pytest.raises(Throttled) as caught:
        throttle.failed("a", 0)

    assert caught.value.retry_after_seconds == 2


def test_another_source_is_not_concerned() -> None:
    exhausted().failed("b", 0)


def test_every_two_seconds_one_more_is_forgiven() -> None:
    throttle = exhausted()

    throttle.failed("a", 2)
    with pytest.raises(Throttled):
        throttle.failed("a", 3)
    throttle.failed("a", 4)


def test_a_clock_that_goes_back_forgives_nothing() -> None:
    throttle = exhausted(now=100)

    with pytest.raises(Throttled):
        throttle.failed("a", 0)


def test_an_ipv6_source_is_its_whole_64() -> None:
    throttle = exhausted("2001:db8::1")

    with pytest.raises(Throttled):
        throttle.failed("2001:db8::ffff:2", 0)
    throttle.failed("2001:db8:0:1::1", 0)
