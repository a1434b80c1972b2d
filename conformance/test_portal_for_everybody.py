"""Every page of the portal, and all that its forms lead to, in both languages: it is there, and open to everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request

from conformance.browser import LANGUAGES, NARROW, WIDE, Browser, barriers, browser
from conformance.portal_answers import Answers
from conformance.portal_scene import FILES, PAGES, PortalScene, portal_house
from conformance.waiting import until

Look = Literal["dark", "light"]
_HEIGHT = 800
_SHOWN: dict[str, tuple[int, Look]] = {"en": (WIDE, "light"), "zh-Hant": (NARROW, "dark")}
"""On which screen and in which look axe reads a language: what it says of one, it says of the others."""
_ALWAYS_LOGGED = "Failed to load resource"
"""What Chromium says of each page whose status is an error."""
_MOST_OCTETS, _MOST_TO_APPLY = 60_000, 350_000
_SOON_MS = 300
_LONG_SECONDS = 600
"""A busy machine takes many times what a walk through all pages takes alone."""
_PAINTED = "performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)"
_UNHELD = (
    "[...document.querySelectorAll('script, link[rel=stylesheet]')].filter(one => !/^sha384-/.test(one.integrity))"
    ".map(one => one.outerHTML)"
)
_NAMED = re.compile(r"\{[a-z_]+\}")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("portal")
    house = portal_house(folder)
    try:
        house.start()
        with browser(house, folder / "browser") as opened:
            yield opened
        assert "Traceback" not in house.log, house.log[-4000:]
    finally:
        house.close()


@pytest.fixture(scope="module")
def scene(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> PortalScene:
    return PortalScene(chromium.house, chromium, tmp_path_factory.mktemp("scene"))


class Witness:
    """What a page asks for, and what its browser complains of, from now on."""

    def __init__(self, *pages: Page) -> None:
        self.asked: set[tuple[str, str]] = set()
        self.complaints: list[str] = []
        for page in pages:
            page.on("request", self._request)
            page.on("console", self._message)
            page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _request(self, request: Request) -> None:
        here, url = urlsplit(request.frame.page.url), urlsplit(request.url)
        self.asked.add((request.method, url.path))
        if url.scheme not in {"blob", "data"} and here.netloc and url.netloc != here.netloc:
            self.complaints.append(f"{request.method} {request.url}")

    def _message(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_ALWAYS_LOGGED):
            self.complaints.append(f"{message.text} at {message.location}")


def found_on(page: Page, language: str) -> list[str]:
    """What keeps somebody out; on a wide screen and on a telephone's, nothing is wider than the screen."""
    found = []
    read_on, look = _SHOWN[language]
    # The style sheet changes colours slowly otherwise, and what is between two looks is neither.
    page.emulate_media(color_scheme=look, reduced_motion="reduce")
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": _HEIGHT})
        taken = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{taken} pixels wide on {width}"] if taken > width else []
        found += barriers(page) if width == read_on else []
    shown = page.locator("html").get_attribute("lang")
    return [*found, *page.evaluate(_UNHELD), *([f"in {shown}"] if shown != language else [])]


def left_out(asked: set[tuple[str, str]], method: str) -> list[str]:
    """The pages, or the forms, that nobody has looked at."""
    patterns = [page.removeprefix(f"{method} ") for page in PAGES if page.startswith(f"{method} ")]
    paths = [path for asked_by, path in asked if asked_by == method]
    expressions = {pattern: re.compile(_NAMED.sub("[^/]+", pattern)) for pattern in patterns}
    return [pattern for pattern, found in expressions.items() if not any(map(found.fullmatch, paths))]


@pytest.mark.timeout(_LONG_SECONDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_for_everybody(scene: PortalScene, language: str) -> None:
    stranger, known = scene.page(language, known=False), scene.page(language)
    seen, found = Witness(stranger, known), {}

    for page, pages in ((stranger, scene.outside()), (known, scene.pages())):
        for name, path in pages:
            page.goto(path)
            found[name] = found_on(page, language)

    assert {name: said for name, said in found.items() if said} == {}
    assert seen.complaints == []
    assert left_out(seen.asked, "GET") == []


@pytest.mark.timeout(_LONG_SECONDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_form_leads_to_is_for_everybody(scene: PortalScene, language: str) -> None:
    stranger, known = scene.page(language, known=False), scene.page(language)
    seen, found = Witness(stranger, known), {}

    for name, page in Answers(scene, stranger, known, f"new-{language.lower()}-1"):
        found[name] = found_on(page, language)

    assert {name: said for name, said in found.items() if said} == {}
    assert seen.complaints == []
    assert left_out(seen.asked, "POST") == []


def weight(page: Page, path: str) -> int:
    """The octets that a page and all that it loads take on their way to a browser that was never here."""
    weighing = page.context.new_cdp_session(page)
    weighing.send("Network.enable")
    weighing.send("Network.setCacheDisabled", {"cacheDisabled": True})
    taken: list[int] = []
    weighing.on("Network.loadingFinished", lambda told: taken.append(int(told["encodedDataLength"])))
    page.goto(path, wait_until="load")
    weighing.detach()
    return sum(taken)


@pytest.mark.timeout(_LONG_SECONDS)
def test_pages_are_light_and_painted_soon(scene: PortalScene) -> None:
    heavy = {}
    for known, pages in ((False, scene.outside()), (True, scene.pages())):
        page = scene.page("zh-Hant", known=known)
        for name, path in pages:
            octets = weight(page, path)
            assert octets > 1_000, name
            if octets >= (_MOST_TO_APPLY if name == "apply" else _MOST_OCTETS):
                heavy[name] = octets

            def is_soon(path: str = path, page: Page = page) -> bool:
                page.goto(path)
                until(lambda: page.evaluate(_PAINTED), what=f"a paint of {path}")
                return float(page.evaluate(_PAINTED)[0]) < _SOON_MS

            # The best of as many as a busy machine needs.
            until(is_soon, what=f"{path} painted in {_SOON_MS} ms")

    assert heavy == {}


def test_what_is_no_page_comes_as_what_it_is(scene: PortalScene) -> None:
    page = scene.page()
    page.goto(f"/certificates/{scene.serials['good']}")
    files = [page.request.get(path) for path in (f"{page.url}/file/pem", "/devices/trust.pem")]
    stranger = scene.page(known=False)
    stranger.goto("/sign-in?gate=picture")
    picture, sound = (
        stranger.request.get(str(stranger.locator(what).get_attribute("src"))) for what in ("img.code", "audio")
    )

    told = [one.headers["content-type"] for one in (picture, sound, *files)]

    assert told == ["image/png", "audio/wav", "application/x-pem-file", "application/x-pem-file"]
    assert len(told) == len(FILES)
