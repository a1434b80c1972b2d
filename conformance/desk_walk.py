"""From page to page of the desk by its links, as somebody goes who looks at everything once."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from playwright.sync_api import Page

_ONE = "one"
"""In the place of whose page it is: an account, a serial or a number, each of which has a digit here."""
_START = "/"


def name_of(path: str) -> str:
    """What a page is called, whoever it is about: `/registrations/wang-1/sheet` is `registrations-one-sheet`."""
    parts = [_ONE if any(map(str.isdigit, part)) else part for part in path.split("/") if part]
    return "-".join(parts) or "overview"


def pages(page: Page, *known: str) -> Iterator[tuple[str, str]]:
    """Go to each page of the desk that links lead to, to one of each name; yields name and path while it is shown.

    A link that leads nowhere is an error. What is no page, such as a file, is looked at and not gone to.

    Args:
        known: where to begin, beside the first page.
    """
    waiting = list({name_of(path): path for path in (_START, *known)}.values())
    seen = {name_of(path) for path in waiting}
    while waiting:
        path = waiting.pop(0)
        # The browser would save a file instead of showing it.
        answer = page.context.request.get(path)
        assert answer.status == 200, f"{path}: {answer.status}"
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        page.goto(path)
        for link in links(page):
            if name_of(link) not in seen:
                seen.add(name_of(link))
                waiting.append(link)
        yield name_of(path), path


def links(page: Page) -> list[str]:
    """The paths of the desk that a page links to, without queries, each once, in the order of the page."""
    found: list[str] = page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
    here = urlsplit(page.url).netloc
    return list(dict.fromkeys(link.path for link in map(urlsplit, found) if link.netloc == here))
