"""RULES, S5, by the pages: guesses close a password for good, repetitions do not, and a new sheet opens it again."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPSConnection
from ssl import create_default_context
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from conformance.browser import Browser, Officer, browser
from conformance.house import House
from conformance.portal_steps import PASSWORD, Hand, address_of, enter, press, register, sign_in

pytestmark = pytest.mark.timeout(240)
_WRONG = ("lobster paints nine moon", "Lobster paints nine moons", "nine lobsters paint moons")
_REPETITIONS, _ROUNDS, _CONNECTIONS = 10_000, 10, 8
_SHARE = _REPETITIONS // _ROUNDS // _CONNECTIONS
_ROUND_DAYS = 10 / 1440
"""Ten minutes: as long as it takes until ten more wrong passwords of one account are looked at."""
_REFUSED = {"en": "Not signed in", "zh-Hant": "未能登入"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), 'portal.gate="off"')
    try:
        built.start()
        yield built
        assert "Traceback" not in built.log, built.log[-4000:]
    finally:
        built.close()


@pytest.fixture(scope="module")
def chromium(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(house, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def alice(chromium: Browser) -> Officer:
    return chromium.take_on("alice")


@pytest.fixture(scope="module")
def wait(house: House) -> Callable[[], None]:
    """Ten minutes go by, and wrong passwords of before hold nobody back."""
    rounds = itertools.count(1)
    return lambda: house.move_clock(days=_ROUND_DAYS * next(rounds))


class Answer(NamedTuple):
    """All that tells one answer to a sign-in from another; the time of day is not among it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def answer_to(page: Page, account: str, password: str) -> Answer:
    """What the server answers to somebody who signs in."""
    page.goto("/sign-in")
    page.locator("#account").fill(account)
    page.locator("#password").fill(password)
    with page.expect_response(lambda response: response.request.method == "POST") as answered:
        press(page.locator("form[data-sign-in] button"))
    headers = [(one["name"], one["value"]) for one in answered.value.headers_array() if one["name"].lower() != "date"]
    return Answer(answered.value.status, headers, answered.value.body())


def new_sheet(page: Page, account: str) -> str:
    """Make one at the desk; the address that its QR code holds."""
    page.goto(f"/registrations/{account}")
    press(page.locator(f'a[href="/registrations/{account}/sheet"]'))
    press(page.locator('button[name="as"][value="show"]'))
    password, portal = page.locator("code.secret").first.inner_text(), page.locator("dd code").last.inner_text()
    return address_of({"account": account, "initial_password": password, "portal_url": portal})


@pytest.mark.parametrize("language", ["zh-Hant", "en"])
def test_the_third_wrong_password_closes_it_without_a_word_and_a_new_sheet_opens_it(
    house: House, chromium: Browser, alice: Officer, wait: Callable[[], None], language: str
) -> None:
    account, page = f"forgetful-{language.lower()}", chromium.portal_page(language)
    wait()
    enter(page, register(house, account, language), Hand())
    press(page.locator('form[action="/sign-out"] button'))

    wrong = [answer_to(page, account, password) for password in _WRONG]
    right = answer_to(page, account, PASSWORD)
    expect(page.locator("h1")).to_have_text(_REFUSED[language])
    nobody = answer_to(page, "nobody", PASSWORD)
    wait()
    waited = answer_to(page, account, PASSWORD)
    address = new_sheet(chromium.desk_page(alice, language), account)
    old = answer_to(page, account, PASSWORD)
    enter(page, address, Hand())
    press(page.locator('form[action="/sign-out"] button'))
    sign_in(page, account)

    assert {one.status for one in wrong} == {HTTPStatus.FORBIDDEN}
    assert all(one == wrong[0] for one in [*wrong, right, nobody, waited, old])
    expect(page.locator("nav.tabs")).to_be_visible()


def test_ten_thousand_repetitions_of_one_stale_password_suspend_nobody(
    house: House, chromium: Browser, wait: Callable[[], None]
) -> None:
    page = chromium.portal_page()
    wait()
    enter(page, register(house, "stale", "en"), Hand())
    press(page.locator('form[action="/sign-out"] button'))
    statuses: Counter[int] = Counter()

    with ThreadPoolExecutor(_CONNECTIONS) as programs:
        for _ in range(_ROUNDS):
            wait()
            for said in programs.map(lambda _: repeated(house, "stale", _WRONG[0], _SHARE), range(_CONNECTIONS)):
                statuses.update(said)
    wait()
    sign_in(page, "stale")

    expect(page.locator("nav.tabs")).to_be_visible()
    assert statuses.total() == _REPETITIONS
    # The last one is for a machine that has no time for passwords, as they come last.
    held_back = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
    assert HTTPStatus.TOO_MANY_REQUESTS in statuses
    assert statuses.keys() <= {HTTPStatus.FORBIDDEN, *held_back}, statuses
    # As many as the throttle lets somebody look at in that time.
    assert statuses[HTTPStatus.FORBIDDEN] >= _ROUNDS


def repeated(house: House, account: str, password: str, times: int) -> list[int]:
    """What a program is answered that signs in again and again, over one connection."""
    tls = create_default_context(cafile=str(house.trust))
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    body = urlencode({"account": account, "password": password})
    connection = HTTPSConnection("localhost", house.port, context=tls, timeout=60)
    statuses = []
    for _ in range(times):
        connection.request("POST", "/sign-in", body, headers)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    return statuses
