"""The way into the portal: sheets, passwords, sessions, and who is let past a form (RULES, S3 to S5 and S13)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from server.portal.cookie import COOKIE
from tests.builders.portal_house import FORM, GOOD, Browser, PortalHouse, initial, portal_house

OTHER = "seven quiet geese at dawn"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[PortalHouse]:
    async with portal_house(tmp_path) as made:
        yield made


async def is_in(browser: Browser) -> bool:
    await browser.get("/password")
    return "Old password" in browser.text


async def test_an_initial_password_opens_the_change_of_it_and_nothing_else(house: PortalHouse) -> None:
    """RULES, S3."""
    sheet = await house.register()
    browser = house.browser()

    await browser.sign_in("acc", initial(sheet))

    assert browser.path == "/password"
    assert "opens this one page" in browser.text
    assert "aria-current" in browser.text
    assert 'class="tabs"' not in browser.text
    await browser.get("/")
    assert browser.path == "/password"
    await browser.post("/password", old=initial(sheet), new=GOOD, again=GOOD)
    assert browser.page.status == 200
    assert 'class="tabs"' in browser.text


async def test_changing_the_password_gives_another_token_and_ends_the_other_sessions(house: PortalHouse) -> None:
    """RULES, S13."""
    one, two = await house.signed_in(), house.browser()
    await two.sign_in("acc", GOOD)
    before = one.session.reveal()

    await one.get("/password")
    await one.post("/password", old=GOOD, new=OTHER, again=OTHER)

    assert "The password is changed." in one.text
    assert one.session.reveal() != before
    assert await is_in(one)
    assert not await is_in(two)


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        (GOOD, OTHER, "another one", "differ"),
        (GOOD, "short", "short", "too short"),
        (GOOD, "password123", "password123", "can be guessed"),
        (GOOD, GOOD, GOOD, "is the old one"),
        ("not the old one", OTHER, OTHER, "The old password is not right."),
    ],
)
async def test_a_password_is_not_changed_without_the_old_one_and_to_a_good_one(
    house: PortalHouse, old: str, new: str, again: str, said: str
) -> None:
    browser = await house.signed_in()
    await browser.get("/password")

    await browser.post("/password", old=old, new=new, again=again)

    assert browser.page.status in {403, 422}
    assert said in browser.text
    await house.browser().sign_in("acc", GOOD)


async def test_unknown_wrong_and_suspended_are_one_page(house: PortalHouse) -> None:
    """RULES, S5."""
    sheet = await house.register()
    pages, browser = set(), house.browser()
    for account, password in (("nobody", "x"), ("acc", "1"), ("acc", "2"), ("acc", "3"), ("acc", initial(sheet))):
        browser = house.browser()
        await browser.sign_in(account, password)
        pages.add((browser.page.status, browser.page.headers, browser.page.body))

    assert len(pages) == 1
    assert next(iter(pages))[0] == 403
    again = await house.opened.desk.new_sheet("acc", actor="desk:test")
    await browser.sign_in("acc", initial(again))
    assert browser.path == "/password"


async def test_the_cookie_is_for_this_host_and_for_no_script(house: PortalHouse) -> None:
    sheet, browser = await house.register(), house.browser()
    await browser.get("/sign-in")

    reply = await browser.posted("/sign-in", account="acc", password=initial(sheet), **browser.gate)

    (cookie,) = (value for name, value in reply.headers if name == "Set-Cookie")
    assert cookie.startswith("__Host-soapstone=")
    assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")


async def test_a_session_that_somebody_planted_is_not_the_one_that_is_signed_in(house: PortalHouse) -> None:
    thief = await house.signed_in("thief")
    sheet, browser = await house.register(), house.browser()
    await browser.get("/sign-in")
    browser.cookies[COOKIE] = thief.session.reveal()

    await browser.posted("/sign-in", account="acc", password=initial(sheet), **browser.gate)

    assert browser.session.reveal() != thief.session.reveal()
    assert not await is_in(thief)


async def test_signing_out_ends_the_session_and_not_only_the_cookie(house: PortalHouse) -> None:
    browser = await house.signed_in()
    kept = browser.session.reveal()
    await browser.get("/password")

    await browser.post("/sign-out")

    assert browser.path == "/"
    browser.cookies[COOKIE] = kept
    assert not await is_in(browser)
    assert browser.path == "/sign-in"


async def test_who_does_nothing_for_a_while_is_signed_out_and_told_so(house: PortalHouse) -> None:
    browser = await house.signed_in()

    house.move(16 * 60)
    await browser.get("/password")

    assert browser.path == "/sign-in"
    assert "nothing was done for a while" in browser.text


async def test_whoever_is_suspended_is_out_at_the_next_page(house: PortalHouse) -> None:
    browser = await house.signed_in()

    await house.opened.desk.suspend("acc", actor="desk:test")

    assert not await is_in(browser)


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}]
)
@pytest.mark.parametrize("path", ["/password", "/sign-out", "/sign-in"])
async def test_no_form_is_taken_from_another_site(house: PortalHouse, path: str, headers: dict[str, str]) -> None:
    browser = await house.signed_in()
    await browser.get("/password")
    body = f"csrf={browser.token}&old=x&new=y&again=y&account=acc&password=x".encode()

    reply = await browser.sent("POST", path, {"content-type": FORM, **headers}, body)

    assert reply.status == 403
    assert b"The page is old." in reply.body
    assert await is_in(browser)


@pytest.mark.parametrize("path", ["/password", "/sign-out"])
@pytest.mark.parametrize("token", ["", "of another session"])
async def test_no_form_is_taken_without_the_token_of_the_session(house: PortalHouse, path: str, token: str) -> None:
    browser = await house.signed_in()

    reply = await browser.posted(path, token=token, old=GOOD, new=OTHER, again=OTHER)

    assert reply.status == 403
    assert await is_in(browser)


async def test_older_browsers_name_the_origin_of_their_page(house: PortalHouse) -> None:
    sheet, browser = await house.register(), house.browser()
    headers = {"content-type": FORM, "origin": "https://localhost:8443"}
    await browser.get("/sign-in")
    body = urlencode({"account": "acc", "password": initial(sheet), **browser.gate}).encode()

    reply = await browser.sent("POST", "/sign-in", headers, body)

    assert reply.status == 303


async def test_the_language_is_kept_and_so_is_the_query(house: PortalHouse) -> None:
    browser = house.browser("zh-TW")
    await browser.get("/sign-in?why=ended")
    assert "登入" in browser.text
    assert 'href="/sign-in?why=ended&amp;lang=en"' in browser.text

    await browser.get("/sign-in?why=ended&lang=en")

    assert "nothing was done for a while" in browser.text
    await browser.get("/")
    assert "Certificate service" in browser.text


async def test_what_is_nowhere_and_what_cannot_be_done_have_pages(house: PortalHouse) -> None:
    browser = house.browser()

    assert (await browser.get("/elsewhere")).status == 404
    assert "There is no such thing" in browser.text
    reply = await browser.sent("POST", "/", {"content-type": FORM}, b"")
    assert (reply.status, dict(reply.headers)["Allow"]) == (405, "GET, HEAD")


async def test_pages_run_nothing_inline_and_stand_in_no_frame(house: PortalHouse) -> None:
    browser = house.browser()
    for path in ("/", "/sign-in", "/elsewhere"):
        headers = dict((await browser.get(path)).headers)

        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert "<script>" not in browser.text
        assert " style=" not in browser.text


async def test_no_password_is_looked_at_without_an_answer_to_the_gate(house: PortalHouse) -> None:
    """RULES, S4: also the right one opens nothing, and wrong ones suspend nothing."""
    sheet, browser = await house.register(), house.browser()
    for password in ("1", "2", "3", initial(sheet)):
        await browser.get("/sign-in")
        await browser.post("/sign-in", account="acc", password=password, code="000", picture=browser.field("picture"))
        assert browser.page.status == 403
        assert "no program signs in" in browser.text

    await browser.sign_in("acc", initial(sheet))

    assert browser.path == "/password"


async def test_an_answer_to_the_gate_is_taken_once(house: PortalHouse) -> None:
    sheet, browser = await house.register(), house.browser()
    await browser.get("/sign-in")
    answer = browser.gate
    await browser.posted("/sign-in", account="acc", password="wrong", **answer)

    reply = await browser.posted("/sign-in", account="acc", password=initial(sheet), **answer)

    assert reply.status == 403
    assert b"no program signs in" in reply.body


async def test_the_picture_of_a_page_is_there_and_can_be_heard(house: PortalHouse) -> None:
    browser = house.browser()
    await browser.get("/sign-in")
    place = f"/gate/{browser.field('picture')}"

    picture, sound = await browser.sent("GET", f"{place}.png", {}), await browser.sent("GET", f"{place}.wav", {})

    assert dict(picture.headers)["Content-Type"] == "image/png"
    assert dict(sound.headers)["Content-Type"] == "audio/wav"
    house.move(301)
    assert (await browser.sent("GET", f"{place}.png", {})).status == 404
    assert (await browser.sent("GET", "/gate/other.png", {})).status == 404
