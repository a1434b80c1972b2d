from __future__ import annotations

import pytest

from ca_core.errors import Throttled
from ca_core.registration.throttle import Throttle
from tests.builders.nowhere import NoTransaction

NOWHERE = NoTransaction()


async def exhausted(source: str = "a", now: int = 0) -> Throttle:
    throttle = Throttle()
    for _ in range(30):
        await throttle.failed(NOWHERE, source, now)
    return throttle


async def test_thirty_failures_at_once_are_forgiven_and_no_more() -> None:
    throttle = await exhausted()

    with pytest.raises(Throttled) as caught:
        await throttle.failed(NOWHERE, "a", 0)

    assert caught.value.retry_after_seconds == 2


async def test_another_source_is_not_concerned() -> None:
    await (await exhausted()).failed(NOWHERE, "b", 0)


async def test_every_two_seconds_one_more_is_forgiven() -> None:
    throttle = await exhausted()

    await throttle.failed(NOWHERE, "a", 2)
    with pytest.raises(Throttled):
        await throttle.failed(NOWHERE, "a", 3)
    await throttle.failed(NOWHERE, "a", 4)


async def test_a_clock_that_goes_back_forgives_nothing() -> None:
    throttle = await exhausted(now=100)

    with pytest.raises(Throttled):
        await throttle.failed(NOWHERE, "a", 0)


async def test_an_ipv6_source_is_its_whole_64() -> None:
    throttle = await exhausted("2001:db8::1")

    with pytest.raises(Throttled):
        await throttle.failed(NOWHERE, "2001:db8::ffff:2", 0)
    await throttle.failed(NOWHERE, "2001:db8:0:1::1", 0)


async def test_who_is_known_to_have_failed_too_often_is_refused_before_anything_is_opened() -> None:
    throttle = await exhausted()

    with pytest.raises(Throttled):
        throttle.require_room("a", 0)
    throttle.require_room("b", 0)
    throttle.require_room("a", 2)
