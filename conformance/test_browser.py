"""The desk in Debian's Chromium: whose certificate opens it, and whether everybody can use it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.browser import Browser, barriers, browser
from conformance.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"))
    try:
        built.start()
        yield built
    finally:
        built.close()


@pytest.fixture(scope="module")
def chromium(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(house, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def test_an_officer_is_let_in_by_the_certificate_in_the_browser(chromium: Browser) -> None:
    page = chromium.desk_page(chromium.take_on("alice"))

    answer = page.goto("/")

    assert answer is not None
    assert answer.status == 200
    assert page.get_by_text("alice").first.is_visible()


def test_who_has_no_certificate_is_told_how_to_get_one(chromium: Browser) -> None:
    page = chromium.desk_page(None)

    answer = page.goto("/")

    assert answer is not None
    assert answer.status == 403
    assert page.get_by_text("soapstone officer add").first.is_visible()
    assert barriers(page) == []


def test_a_browser_that_knows_another_root_does_not_come_near(house: House, tmp_path: Path) -> None:
    stranger = House(tmp_path)

    def seen() -> tuple[int, str]:
        with browser(house, tmp_path / "browser", trust=stranger.trust) as opened:
            page = opened.desk_page(opened.take_on("bob"))
            answer = page.goto("/")
            assert answer is not None
            return answer.status, page.inner_text("body")

    try:
        # Playwright has one browser's loop a thread, and this thread has one already.
        with ThreadPoolExecutor(1) as beside:
            status, said = beside.submit(seen).result()
    finally:
        stranger.close()

    assert status == 503
    assert "unable to" in said or "self-signed" in said or "certificate" in said
