"""Forms that another site has a browser send: each of the portal's, from everywhere, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from conformance.hostile.portal import COOKIE, PASSWORD, POSTS, SAME_ORIGIN, Browser, Subscriber, placed
from conformance.house import House

ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same-site": {"Sec-Fetch-Site": "same-site"},
    "nonsense": {"Sec-Fetch-Site": "sideways"},
    "twice": {"Sec-Fetch-Site": "same-origin, cross-site"},
    "cross-site of ours": {"Sec-Fetch-Site": "cross-site", "Origin": "https://localhost"},
    "older browser": {"Origin": "https://evil.example"},
    "sandboxed": {"Origin": "null"},
    "empty": {"Origin": ""},
    "other port": {"Origin": "https://localhost:1"},
    "plain": {"Origin": "http://localhost"},
    "looks like ours": {"Origin": "https://localhost.evil.example"},
    "spelled": {"Origin": "https://localhost@evil.example"},
}


@pytest.fixture(scope="module")
def somebody(portal: House) -> Subscriber:
    """All of whose forms would do something."""
    made = Subscriber(portal)
    made.enter()
    made.certify("signing")
    made.device()
    made.acme_account()
    return made


def filled(somebody: Subscriber, path: str) -> str:
    """A form's address with identifiers of theirs."""
    (serial,) = somebody.held().values()
    ids = somebody.rows("SELECT id FROM credentials WHERE registration_id = :them AND kid IS NOT NULL ORDER BY id DESC")
    if "/accounts/" in path:
        ids = somebody.rows("SELECT id FROM acme_accounts WHERE registration_id = :them")
    return placed(path, serial=serial, id=ids[0][0])


FIELDS = {"reason": "superseded", "confirmed": "yes", "note": "x", "label": "x", "answer": "{}", "profile": "signing"}


@pytest.mark.parametrize("path", POSTS)
def test_a_form_that_another_site_sends_does_nothing(somebody: Subscriber, path: str) -> None:
    place, token, before = filled(somebody, path), somebody.csrf, somebody.state

    for name, headers in ELSEWHERE.items():
        answer = somebody.post(place, {"csrf": token, **FIELDS}, headers)
        assert (answer.status, answer.headers["Set-Cookie"]) == (403, None), name
        assert 'href="/help/page-outdated"' in answer.text, name

    assert somebody.state == before


@pytest.mark.parametrize("path", POSTS)
def test_a_form_with_the_token_of_nobody_or_of_somebody_else_does_nothing(
    somebody: Subscriber, mallory: Subscriber, path: str
) -> None:
    place, own = filled(somebody, path), somebody.csrf
    before, tokens = somebody.state, ("", mallory.csrf, own[:-1], f"{own}A", own.swapcase(), "\uffff", "符記")

    for token in tokens:
        assert somebody.post(place, {"csrf": token, **FIELDS}).status == 403, token
    assert somebody.post(place, FIELDS).status == 403
    assert somebody.post(place, [("csrf", tokens[1]), ("csrf", own), *FIELDS.items()]).status == 403
    assert somebody.post(f"{place}?csrf={own}", FIELDS).status == 403

    assert somebody.state == before


@pytest.mark.parametrize("path", POSTS)
def test_a_form_of_nobody_leads_to_nothing(portal: House, path: str) -> None:
    for cookies in ({}, {COOKIE: "A" * 43}, {COOKIE: "A" * 4000}, {COOKIE: "\xff\xfe"}):
        stranger = Browser(portal)
        stranger.cookies = dict(cookies)
        assert stranger.post(placed(path), {"csrf": "", **FIELDS}).status == 403


def test_the_token_of_before_the_change_of_the_password_is_good_for_nothing_after_it(portal: House) -> None:
    somebody = Subscriber(portal)
    initial = somebody.sheet["initial_password"]
    somebody.sign_in(somebody.account, initial)
    before = somebody.csrf
    somebody.enter()
    state = somebody.state

    answers = [somebody.post(placed(path), {"csrf": before, **FIELDS}) for path in POSTS]

    assert {answer.status for answer in answers} == {403}
    assert somebody.state == state
    assert somebody.csrf != before


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/passkey"])
def test_nobody_is_signed_in_as_somebody_else_by_another_site(portal: House, mallory: Subscriber, path: str) -> None:
    for name, headers in ELSEWHERE.items():
        browser = Browser(portal)
        answer = browser.post(path, {"account": mallory.account, "password": PASSWORD, "answer": "{}"}, headers)
        assert (answer.status, browser.cookies) == (403, {}), name


def test_older_browsers_send_the_address_of_the_page_with_the_form(portal: House) -> None:
    somebody = Subscriber(portal)
    initial = somebody.sheet["initial_password"]
    fields = {"account": somebody.account, "password": initial}

    answer = somebody.post("/sign-in", fields, {"Origin": f"https://localhost:{portal.port}"})

    assert answer.headers["Location"] == "/password"
    assert somebody.post("/sign-out", {"csrf": somebody.csrf}, SAME_ORIGIN).status == 303
