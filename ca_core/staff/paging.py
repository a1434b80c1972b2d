"""Filling one page from whatever is in order, without reading more than a page may cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ca_core.staff.lines import Key, Page, place_of
from ca_core.store.database import Row

MOST_LOOKED = 2_000
"""Rows that one page may look at: where few of them are what is asked for, it ends there and says where to go on."""
_MOST_AT_ONCE = 500

Line = TypeVar("Line")
Fetch = Callable[[Key, int], Awaitable[list[Row]]]
"""The next rows behind a key, so many at most; each begins with its own key."""


async def filled(
    fetch: Fetch, line: Callable[[Row], Line | None], first: Key, *, most: int, most_looked: int = MOST_LOOKED
) -> Page[Line]:
    """One page.

    Args:
        line: what is shown of a row; None where it is not what is asked for.
        first: the key that the page begins behind.
        most_looked: rows that it may look at.
    """
    page, after, looked = Page[Line](), first, 0
    # One more than is wanted tells whether there is a next page.
    at_once = most + 1
    while True:
        rows = await fetch(after, at_once)
        for number, row in enumerate(rows, 1):
            after = (row[0], row[1])
            found = line(row)
            if found is not None:
                page.append(found)
            if len(page) == most:
                page.more = place_of(after) if number < len(rows) or len(rows) == at_once else None
                return page
        looked += len(rows)
        if len(rows) < at_once:
            return page
        if looked >= most_looked:
            page.more = place_of(after)
            return page
        at_once = max(at_once, min(2 * at_once, _MOST_AT_ONCE))
