"""Days and times as pages write them: by CLDR, in the reader's language and in UTC, which they say."""

from __future__ import annotations

from datetime import datetime

from babel.dates import format_date, format_time, get_date_format, get_datetime_format

from ca_core.clock import as_datetime
from server.setting_tables import Calendar

_ROC_LANGUAGE = "zh-Hant"
_BEFORE_THE_FIRST_YEAR = 1911


class Dates:
    """Writes them in one language.

    Args:
        language: one of `LANGUAGES`.
        calendar: of readers of Chinese; no other language has years of the Republic of China.
    """

    def __init__(self, language: str, calendar: Calendar = Calendar.GREGORIAN) -> None:
        self._locale = language.replace("-", "_")
        self._is_roc = calendar is Calendar.ROC and language == _ROC_LANGUAGE
        self._date = str(get_date_format("medium", locale=self._locale).pattern)
        self._both = str(get_datetime_format("medium", locale=self._locale))

    def day(self, seconds: int) -> str:
        """The day of a time, UTC seconds."""
        return self._day(as_datetime(seconds))

    def moment(self, seconds: int) -> str:
        """A time, UTC seconds, to the second."""
        at = as_datetime(seconds)
        time = format_time(at, "medium", locale=self._locale)
        return f"{self._both.format(time, self._day(at))} UTC"

    def _day(self, at: datetime) -> str:
        # Babel has the names and patterns of one calendar. CLDR's pattern of the other is the same with the era in
        # front: `Gy` in the place of `y`.
        written = self._date.replace("y", f"'{_roc_year(at.year)}'") if self._is_roc else self._date
        return str(format_date(at, written, locale=self._locale))


def _roc_year(year: int) -> str:
    """Era and year; there is no year 0."""
    count = year - _BEFORE_THE_FIRST_YEAR
    return f"民國{count}" if count > 0 else f"民國前{1 - count}"
