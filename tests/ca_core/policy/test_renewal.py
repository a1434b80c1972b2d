from __future__ import annotations

from ca_core.policy.renewal import Window, renewal_window

DAY = 86_400


def test_the_window_opens_30_days_before_the_end() -> None:
    window = renewal_window(0, 365 * DAY, days=30)

    assert window == Window(opens_at=335 * DAY, closes_at=365 * DAY)


def test_a_certificate_shorter_lived_than_the_window_is_always_inside_it() -> None:
    window = renewal_window(100, 100 + 29 * DAY, days=30)

    assert window == Window(opens_at=100, closes_at=100 + 29 * DAY)


def test_both_ends_are_inside() -> None:
    window = Window(opens_at=10, closes_at=20)

    assert [window.is_open(now) for now in (9, 10, 20, 21)] == [False, True, True, False]
