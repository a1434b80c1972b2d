"""Sessions that are planted, kept, copied or too old: each page and each form lets only the right ones in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.hostile.portal import COOKIE, PAGES, PASSWORD, POSTS, ROUTES, Answer, Browser, Subscriber, placed
from conformance.house import House

OTHER = "lobster paints nine moons"
FIELDS = {"reason": "superseded", "confirmed": "yes", "label": "x", "answer": "{}", "profile": "signing"}


def changes_the_password(victim: Subscriber) -> None:
    other = victim.again()
    token = other.get("/password").field("csrf")
    fields = {"csrf": token, "old": PASSWORD, "new": OTHER, "again": OTHER}
    assert other.post("/password", fields).status == 303


def signs_out(victim: Subscriber) -> None:
    copy = Browser(victim.house)
    copy.cookies = dict(victim.cookies)
    assert copy.post("/sign-out", {"csrf": victim.csrf}).status == 303


def is_suspended_for_a_while(victim: Subscriber) -> None:
    victim.house.command("suspend", victim.account)
    victim.house.command("resume", victim.account)


def gets_a_new_sheet(victim: Subscriber) -> None:
    victim.house.command("sheet", victim.account, "--json")


def is_told_to_sign_in(answer: Answer) -> None:
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?why=ended")


@pytest.mark.parametrize("end", [changes_the_password, signs_out, is_suspended_for_a_while, gets_a_new_sheet])
def test_a_session_that_was_ended_opens_no_page_and_sends_no_form(
    victim: Subscriber, end: Callable[[Subscriber], None]
) -> None:
    kept, token = dict(victim.cookies), victim.csrf
    end(victim)
    before, copy = victim.state, Browser(victim.house)

    for path in PAGES:
        copy.cookies = dict(kept)
        is_told_to_sign_in(copy.get(placed(path)))
    for path in POSTS:
        copy.cookies = dict(kept)
        answer = copy.post(placed(path), {"csrf": token, **FIELDS})
        assert (answer.status, "/help/session-ended" in answer.text) == (403, True), path

    assert victim.state == before


@pytest.mark.parametrize("command", ["suspend", "close"])
def test_whoever_may_not_any_more_is_out_at_once_and_everywhere(victim: Subscriber, command: str) -> None:
    kept, token = dict(victim.cookies), victim.csrf
    victim.house.command(command, victim.account)
    before, copy = victim.state, Browser(victim.house)

    for method, path, step in ROUTES:
        copy.cookies = dict(kept)
        place = placed(path)
        answer = copy.get(place) if method == "GET" else copy.post(place, {"csrf": token, **FIELDS})
        # Whoever signs in with nothing has been told to wait by then.
        assert answer.status in {303, 403} if step else answer.status in {200, 403, 404, 400, 429}, (method, path)
        assert victim.account not in answer.text
    assert victim.state == before
    answer = Browser(victim.house).sign_in(victim.account, PASSWORD)
    assert (answer.status, answer.cookies) == (403, {})


def test_a_planted_session_is_not_the_one_that_is_signed_in(portal: House, mallory: Subscriber) -> None:
    planted, victim = mallory.again(), Subscriber(portal)
    victim.cookies = dict(planted.cookies)

    victim.sign_in(victim.account, victim.sheet["initial_password"])

    assert victim.cookies[COOKIE] != planted.cookies[COOKIE]
    is_told_to_sign_in(planted.get("/certificates"))
    assert mallory.get("/certificates").status == 200


@pytest.mark.parametrize("planted", ["fixed", "A" * 43, "A" * 3000, "", "\xe9"])
def test_a_planted_token_is_never_taken_over(portal: House, victim: Subscriber, planted: str) -> None:
    browser = Browser(portal)
    browser.cookies = {COOKIE: planted}

    browser.sign_in(victim.account, PASSWORD)

    assert browser.cookies[COOKIE] != planted
    copy = Browser(portal)
    copy.cookies = {COOKIE: planted}
    assert copy.get("/certificates").status == 303


def test_each_step_in_has_a_token_of_its_own_and_ends_the_one_before(portal: House) -> None:
    somebody, tokens = Subscriber(portal), list[str]()
    initial = somebody.sheet["initial_password"]
    for _ in range(2):
        somebody.sign_in(somebody.account, initial)
        tokens.append(somebody.cookies[COOKIE])
    somebody.enter()
    tokens.append(somebody.cookies[COOKIE])
    somebody.post("/password", {"csrf": somebody.csrf, "old": PASSWORD, "new": OTHER, "again": OTHER})

    assert len({*tokens, somebody.cookies[COOKIE]}) == 4
    for token in tokens:
        copy = Browser(portal)
        copy.cookies = {COOKIE: token}
        is_told_to_sign_in(copy.get("/password"))
    assert somebody.get("/certificates").status == 200


def test_an_initial_password_opens_the_change_of_it_and_nothing_else(portal: House) -> None:
    somebody = Subscriber(portal)
    somebody.sign_in(somebody.account, somebody.sheet["initial_password"])
    token, before = somebody.csrf, somebody.state

    for path in (path for path in PAGES if path != "/password"):
        answer = somebody.get(placed(path))
        assert (answer.status, answer.headers["Location"]) == (303, "/password"), path
    for path in (path for path in POSTS if path not in {"/password", "/sign-out"}):
        answer = somebody.post(placed(path), {"csrf": token, **FIELDS})
        assert (answer.status, "/help/password-to-be-changed" in answer.text) == (403, True), path

    assert somebody.state == before


def test_the_cookie_is_for_this_host_for_no_script_and_never_in_an_address(portal: House, victim: Subscriber) -> None:
    browser = victim.again()
    token = browser.cookies[COOKIE]

    set_, ended = (
        browser.sign_in(victim.account, PASSWORD).cookies,
        browser.post("/sign-out", {"csrf": browser.get("/password").field("csrf")}),
    )

    assert set_[COOKIE].split("; ")[1:] == ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"]
    assert len(token) == 43
    assert ended.cookies[COOKIE] == "; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert token not in portal.log
    other = Browser(portal)
    for path in (f"/certificates?{COOKIE}={token}", f"/certificates?token={token}", f"/certificates;{COOKIE}={token}"):
        assert other.get(path).status in {303, 404}


def test_of_two_cookies_no_mixture_is_a_session(portal: House, victim: Subscriber, mallory: Subscriber) -> None:
    own, foreign = victim.cookies[COOKIE], mallory.cookies[COOKIE]
    browser = Browser(portal)
    for value in (
        f"{own[:20]}{foreign[20:]}",
        f"{own}{foreign}",
        f'"{own}"',
        f"{own},{foreign}",
        own.swapcase(),
        f"{own}=",
    ):
        browser.cookies = {COOKIE: value}
        assert browser.get("/certificates").status == 303, value


def test_a_session_without_use_ends_and_no_request_makes_it_last_for_ever(tmp_path: Path) -> None:
    house, minute = House(tmp_path, "portal.gate=off"), 1 / 1440
    try:
        house.start()
        busy, idle = Subscriber(house), Subscriber(house)
        busy.enter()
        idle.enter()

        seen = []
        for minutes in (*range(0, 8 * 60, 10), 8 * 60 + 1):
            house.move_clock(days=minutes * minute)
            seen.append(busy.get("/certificates").status)
            seen += [idle.get("/certificates").status] if minutes == 20 else []
    finally:
        house.close()

    assert seen == [200, 200, 200, 303, *[200] * 45, 303]
