from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ca_core.policy.renewal import Window, overdue_window, renewal_window, suggested_window

DAY = 86_400


def test_the_window_opens_30_days_before_the_end() -> None:
    window = renewal_window(0, 365 * DAY, days=30)

    assert window == Window(opens_at=335 * DAY, closes_at=365 * DAY)


def test_a_certificate_shorter_lived_than_the_window_is_always_inside_it() -> None:
    window = renewal_window(100, 100 + 29 * DAY, days=30)

    assert window == Window(opens_at=100, closes_at=100 + 29 * DAY)


def test_the_window_of_a_recalled_certificate_is_open_since_then() -> None:
    assert renewal_window(0, 90 * DAY, days=30, recalled_at=5 * DAY) == Window(5 * DAY, 90 * DAY)
    assert renewal_window(0, 90 * DAY, days=30, recalled_at=70 * DAY) == Window(60 * DAY, 90 * DAY)


def test_both_ends_are_inside() -> None:
    window = Window(opens_at=10, closes_at=20)

    assert [window.is_open(now) for now in (9, 10, 20, 21)] == [False, True, True, False]


YEAR = Window(335 * DAY, 365 * DAY)
QUARTER = Window(60 * DAY, 90 * DAY)


def serial(number: int) -> str:
    return f"{number:040x}"


def test_a_suggestion_is_a_slice_of_the_window_that_leaves_a_third_for_failures() -> None:
    slices = [suggested_window(QUARTER, not_before=0, serial=serial(number)) for number in range(500)]

    assert {one.closes_at - one.opens_at for one in slices} == {2 * DAY}
    assert 60 * DAY <= min(one.opens_at for one in slices) < 61 * DAY
    assert 79 * DAY < max(one.closes_at for one in slices) <= 80 * DAY


def test_a_fleet_of_one_hour_is_spread_evenly_and_each_device_is_told_the_same_again() -> None:
    drawn = [suggested_window(YEAR, not_before=0, serial=serial(number)) for number in range(1000)]

    tenths = [(one.opens_at - YEAR.opens_at) // (2 * DAY) for one in drawn]
    assert drawn == [suggested_window(YEAR, not_before=0, serial=serial(number)) for number in range(1000)]
    assert all(60 < tenths.count(tenth) < 160 for tenth in range(9))


def test_a_short_lived_certificate_is_not_replaced_while_it_is_fresh() -> None:
    always_open = Window(opens_at=0, closes_at=9 * 3600)

    suggested = suggested_window(always_open, not_before=0, serial=serial(1))

    assert suggested.opens_at >= 6 * 3600
    assert suggested.closes_at <= 8 * 3600


@given(st.integers(0, 400 * DAY), st.integers(1, 400 * DAY), st.integers(1, 45), st.integers(0, 1 << 158))
def test_a_suggestion_lies_inside_the_window_and_ends_after_it_begins(
    not_before: int, life: int, days: int, number: int
) -> None:
    window = renewal_window(not_before, not_before + life, days=days)

    suggested = suggested_window(window, not_before=not_before, serial=serial(number))

    assert window.opens_at <= suggested.opens_at < suggested.closes_at <= window.closes_at


def test_what_should_have_been_replaced_is_told_that_it_is_late() -> None:
    window = overdue_window(1_000_000)

    assert window.opens_at < window.closes_at == 1_000_000
