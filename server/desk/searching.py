"""What the pages with a form for searching have in common: days, and the address of the next page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

from ca_core.errors import BadRequest
from server.web.forms import Posted

DAY_SECONDS = 86_400
AFTER = "after"
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
"""Numbers of the overview lead to as many lines: their time is not the beginning of a day."""
_FORMS = (
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "%Y-%m-%d"),
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"), _MOMENT),
)


def optional(posted: Posted, name: str) -> str | None:
    """A field; None where it is empty or was not sent."""
    return posted.get(name) or None


def first_second(posted: Posted, name: str) -> int | None:
    """Of a day, in UTC seconds; None where none is given.

    Raises:
        BadRequest: it is no day, and no moment as our own links name them.
    """
    found = _time(posted.get(name))
    return found and found[0]


def last_second(posted: Posted, name: str) -> int | None:
    """Of a day, in UTC seconds; None where none is given.

    Raises:
        BadRequest: it is no day, and no moment as our own links name them.
    """
    found = _time(posted.get(name))
    return found and found[1]


def _time(text: str) -> tuple[int, int] | None:
    """The first and the last second of a day; of a moment, that second."""
    if not text:
        return None
    # `strptime` takes a day of one digit as well, which no browser sends.
    form = next((form for pattern, form in _FORMS if pattern.fullmatch(text)), "")
    try:
        first = int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()) if form else None
    except ValueError:
        first = None
    if first is None:
        raise BadRequest(f"{text[:40]!r} is no day; write one like 2027-01-24")
    return first, first if form == _MOMENT else first + DAY_SECONDS - 1


def next_page(path: str, posted: Posted, more: str | None) -> str:
    """The address of the next page of what is looked for; empty where there is none."""
    if more is None:
        return ""
    asked = [(name, value) for name, value in posted.items() if value and name != AFTER]
    return f"{path}?{urlencode([*asked, (AFTER, more)])}"


def first_page(path: str, posted: Posted) -> str:
    """The address of the first page of what is looked for; empty on that page itself."""
    if not posted.get(AFTER):
        return ""
    asked = [(name, value) for name, value in posted.items() if value and name != AFTER]
    return f"{path}?{urlencode(asked)}" if asked else path
