"""Whatever an answer links is there: pages that help, as curl and Chromium find them from each door's refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from conformance.acme import Client
from conformance.browser import LANGUAGES, NARROW, Browser, barriers, browser
from conformance.house import House, must

_PAGES = ("/help/", "/help/wrong-secret", "/help/acme/badCSR", "/help/rate-limits", "/help/unproven")
_ADDRESS = re.compile(r"https://localhost:[0-9]+/help/[A-Za-z/-]+")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("help")
    house = House(folder)
    try:
        house.start()
        with browser(house, folder / "browser") as opened:
            yield opened
    finally:
        house.close()


def curl(house: House, port: int, path: str, *options: str) -> str:
    """The head and body of an answer."""
    url = f"https://localhost:{house.port + port}{path}"
    return must("curl", "--silent", "--show-error", "--include", "--cacert", house.trust, *options, url)


def title(house: House, told: str, language: str) -> str:
    """The heading of the one page that an answer names."""
    (address,) = set(_ADDRESS.findall(told))
    shown = must("curl", "--silent", "--fail", "--cacert", house.trust, "-H", f"Accept-Language: {language}", address)
    found = re.search(r"<h1>(.*)</h1>", shown)
    assert found
    return found[1]


def test_what_est_says_of_a_wrong_code_leads_to_a_page_in_the_readers_language(chromium: Browser) -> None:
    asked = ("-u", "nobody:nothing", "-H", "Content-Type: application/pkcs10", "--data", "AAAA")

    told = curl(chromium.house, 1, "/.well-known/est/simpleenroll", *asked)

    assert told.startswith("HTTP/1.1 401")
    assert len(told.rpartition("\n\n")[2]) < 300
    assert title(chromium.house, told, "en") == "The account or the secret is not right"
    assert title(chromium.house, told, "zh-TW") == "帳號或密碼不正確"


def test_an_acme_problem_links_its_page(chromium: Browser) -> None:
    client = Client(chromium.house)

    refused = client.new_account()

    assert refused.problem == "externalAccountRequired"
    links = " ".join(refused.headers.get_all("Link", []))
    assert title(chromium.house, links, "en") == "A new ACME account needs an EAB key"


def test_the_desk_and_its_api_lead_to_a_page_that_needs_no_certificate(chromium: Browser) -> None:
    page, api = curl(chromium.house, 2, "/"), curl(chromium.house, 2, "/api/v1/me")

    assert json.loads(api.rpartition("\n\n")[2])["type"] == "urn:soapstone:problem:unproven"
    for told in (page, api):
        assert title(chromium.house, told, "en") == "The desk and its API are for officers"


@pytest.mark.parametrize("width", [NARROW, 1280])
@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_that_help_are_for_everybody(chromium: Browser, language: str, width: int) -> None:
    page = chromium.desk_page(None, language, width=width)

    found = {}
    for path in _PAGES:
        page.goto(f"https://localhost:{chromium.house.port}{path}")
        assert page.locator("html").get_attribute("lang") == language
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        found[path] = barriers(page)

    assert {path: said for path, said in found.items() if said} == {}


def test_another_language_is_chosen_on_the_page_and_kept(chromium: Browser) -> None:
    page = chromium.desk_page(None, "en", javascript=False)
    page.goto(f"https://localhost:{chromium.house.port}/help/weak-key")

    page.get_by_role("link", name="繁體中文").click()
    page.get_by_role("link", name="所有說明").click()

    assert page.locator("h1").inner_text() == "說明"
    page.get_by_role("link", name="金鑰太弱或類型不允許").click()
    assert page.locator("h1").inner_text() == "金鑰太弱或類型不允許"
