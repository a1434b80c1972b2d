"""Days and times by CLDR, and the years of the Republic of China for readers of Chinese."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ca_core.errors import Misconfigured
from server.setting_tables import Calendar
from server.settings import from_builtins
from server.web.dates import Dates
from tests.builders.portal_house import portal_house

AT = int(datetime(2026, 11, 28, 17, 5, 9, tzinfo=UTC).timestamp())
LEAST = {"host": "localhost", "port": 8443}


def seconds(year: int) -> int:
    return int(datetime(year, 1, 2, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("language", "calendar", "day", "moment"),
    [
        ("en", Calendar.GREGORIAN, "Nov 28, 2026", "Nov 28, 2026, 5:05:09\u202fPM UTC"),
        ("en", Calendar.ROC, "Nov 28, 2026", "Nov 28, 2026, 5:05:09\u202fPM UTC"),
        ("zh-Hant", Calendar.GREGORIAN, "2026年11月28日", "2026年11月28日 下午5:05:09 UTC"),
        ("zh-Hant", Calendar.ROC, "民國115年11月28日", "民國115年11月28日 下午5:05:09 UTC"),
    ],
)
def test_a_day_and_a_time_are_written_as_readers_write_them(
    language: str, calendar: Calendar, day: str, moment: str
) -> None:
    dates = Dates(language, calendar)

    assert (dates.day(AT), dates.moment(AT)) == (day, moment)


@pytest.mark.parametrize(("year", "written"), [(1911, "民國前1"), (1912, "民國1"), (1970, "民國59"), (2050, "民國139")])
def test_years_of_the_republic_have_no_year_zero(year: int, written: str) -> None:
    assert Dates("zh-Hant", Calendar.ROC).day(seconds(year)) == f"{written}年1月2日"


def test_a_calendar_that_nobody_knows_is_refused() -> None:
    assert from_builtins({**LEAST, "portal": {"calendar": "roc"}}).portal.calendar is Calendar.ROC
    with pytest.raises(Misconfigured, match=r"portal\.calendar"):
        from_builtins({**LEAST, "portal": {"calendar": "lunar"}})


async def test_pages_of_the_portal_count_years_as_the_operator_says(tmp_path: Path) -> None:
    async with portal_house(tmp_path, 'portal.calendar="roc"') as house:
        browser = await house.signed_in()
        year = datetime.fromtimestamp(house.opened.clock.now(), UTC).year

        await browser.get("/history?lang=zh-Hant")
        chinese = browser.text
        await browser.get("/history?lang=en")

    assert re.search(
        rf'<time datetime="{year}-[^"]*Z">民國{year - 1911}年\d+月\d+日 \D+\d+:\d+:\d+ UTC</time>', chinese
    )
    assert f", {year}, " in browser.text
    assert "民國" not in browser.text
