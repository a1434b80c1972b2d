"""Renewal windows for calendars (RFC 5545, RFC 5546): one entry for each certificate, under one UID for its life."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from icalendar import Calendar, Event

from ca_core.notices.notice import Notice, Told, Topic

_CANCELLED_SEQUENCE = 100
_LAST_SEQUENCE = 99
_SUMMARY: Final = {"en": "Renew the certificate of {who}", "zh-Hant": "{who} 的憑證展期"}


def calendar(notice: Notice, account: str, portal_url: str, language: str) -> tuple[str, str]:
    """The method, and the text of a calendar with the windows of a notice's certificates.

    What comes later takes the place of what came earlier; a revocation takes the entry away.
    """
    is_over = notice.topic is Topic.REVOKED
    method = "CANCEL" if is_over else "PUBLISH"
    made = Calendar()
    made.add("prodid", "-//soapstone//notices//EN")
    made.add("version", "2.0")
    made.add("method", method)
    for told in notice.certificates:
        event = _event(told, notice.at, account, portal_url, language)
        # RFC 5546, 2.1.4: of two with one UID, the higher number counts; one day before is later than thirty.
        event.add("sequence", _CANCELLED_SEQUENCE if is_over else _LAST_SEQUENCE - (notice.days or 0))
        event.add("status", "CANCELLED" if is_over else "CONFIRMED")
        made.add_component(event)
    return method, made.to_ical().decode()


def _event(told: Told, at: int, account: str, portal_url: str, language: str) -> Event:
    event = Event()
    event.add("uid", f"renewal-{told.serial}@soapstone")
    event.add("dtstamp", datetime.fromtimestamp(at, UTC))
    event.add("dtstart", datetime.fromtimestamp(told.opens_at, UTC))
    event.add("dtend", datetime.fromtimestamp(told.not_after, UTC))
    who = told.names[0].partition(":")[2] if told.names else account
    event.add("summary", _SUMMARY[language].format(who=who))
    event.add("description", f"{told.serial} ({told.profile}), {account}")
    event.add("url", portal_url)
    # It says until when, and blocks nobody's month.
    event.add("transp", "TRANSPARENT")
    return event
