"""Dates and times as people type them."""

from __future__ import annotations

import click
import pytest

from server.cli.shared import Moment

DAY = 86_400
NOVEMBER_20 = 1_795_132_800


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-20", NOVEMBER_20),
        ("20261120", NOVEMBER_20),
        ("2026-11-20T00:00:01", NOVEMBER_20 + 1),
        ("2026-11-20T12:00:00Z", NOVEMBER_20 + DAY // 2),
        ("2026-11-20T12:00:00+12:00", NOVEMBER_20),
        ("1969-12-31", -DAY),
    ],
)
def test_a_date_is_its_first_second_and_a_time_without_a_zone_is_utc(text: str, seconds: int) -> None:
    assert Moment().convert(text, None, None) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-20", NOVEMBER_20 + DAY - 1),
        ("20261120", NOVEMBER_20 + DAY - 1),
        ("2026-11-20T00:00:00Z", NOVEMBER_20),
        ("9999-12-31", 253_402_300_799),
    ],
)
def test_until_a_date_means_until_its_last_second(text: str, seconds: int) -> None:
    assert Moment(is_until=True).convert(text, None, None) == seconds


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_what_is_no_moment_of_the_calendar_is_refused(text: str) -> None:
    for moment in (Moment(), Moment(is_until=True)):
        with pytest.raises(click.BadParameter, match="is no date such as 2026-11-25"):
            moment.convert(text, None, None)


def test_seconds_pass() -> None:
    assert Moment(is_until=True).convert(NOVEMBER_20, None, None) == NOVEMBER_20
