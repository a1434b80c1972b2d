"""A subscriber's passkeys: registered by who is signed in, they sign in by themselves and pass no gate (RULES, S4)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.registration.freshness import FRESH_SECONDS
from protocols.wire import Reply
from tests.builders.authenticator import PRESENT, Authenticator
from tests.builders.portal_house import GOOD, ORIGIN, Browser, PortalHouse, initial, portal_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[PortalHouse]:
    async with portal_house(tmp_path) as made:
        yield made


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(host="localhost", origin=ORIGIN)


async def register(browser: Browser, device: Authenticator, label: str = "phone") -> None:
    await browser.get("/passkeys")
    await browser.post("/passkeys/new", label=label)
    await browser.post("/passkeys", label=label, answer=device.create(browser.attribute("data-options")).decode())


async def show(browser: Browser, device: Authenticator) -> Reply:
    await browser.get("/sign-in")
    return await browser.post("/sign-in/passkey", answer=device.get(browser.attribute("data-options")).decode())


async def is_in(browser: Browser) -> bool:
    await browser.get("/password")
    return browser.path == "/password"


async def test_a_passkey_signs_in_without_password_and_gate(house: PortalHouse, device: Authenticator) -> None:
    await register(await house.signed_in(), device)
    other = house.browser()

    await show(other, device)

    assert other.page.status == 200
    assert await is_in(other)


async def test_a_passkey_must_verify_its_holder_and_be_found_by_the_browser(
    house: PortalHouse, device: Authenticator
) -> None:
    browser = await house.signed_in()
    await browser.get("/passkeys")
    await browser.post("/passkeys/new", label="phone")
    options = json.loads(browser.attribute("data-options"))
    assert options["authenticatorSelection"]["residentKey"] == "required"
    await register(browser, device)
    device.flags = PRESENT

    reply = await show(house.browser(), device)

    assert reply.status == 403


async def test_an_answer_is_taken_once_and_in_its_time(house: PortalHouse, device: Authenticator) -> None:
    await register(await house.signed_in(), device)
    browser = house.browser()
    await browser.get("/sign-in")
    answer = device.get(browser.attribute("data-options")).decode()
    late = device.get(browser.attribute("data-options")).decode()
    assert (await browser.posted("/sign-in/passkey", answer=answer)).status == 303

    again = await house.browser().posted("/sign-in/passkey", answer=answer)

    assert again.status == 403
    house.move(301)
    assert (await house.browser().posted("/sign-in/passkey", answer=late)).status == 403


@pytest.mark.parametrize("answer", ["", "{}", "[]", '{"id": 1}', "x" * 70_000])
async def test_what_is_no_answer_is_refused(house: PortalHouse, answer: str) -> None:
    reply = await house.browser().posted("/sign-in/passkey", answer=answer)

    assert 400 <= reply.status < 500


async def test_a_challenge_that_nobody_here_made_is_none(house: PortalHouse, device: Authenticator) -> None:
    await register(await house.signed_in(), device)
    made = json.dumps({"challenge": "A" * 75})

    reply = await house.browser().posted("/sign-in/passkey", answer=device.get(made).decode())

    assert reply.status == 403


async def test_a_passkey_that_nobody_registered_opens_nothing(house: PortalHouse, device: Authenticator) -> None:
    await house.signed_in()

    assert (await show(house.browser(), device)).status == 403


async def test_a_new_sheet_ends_passkeys_as_every_other_secret(house: PortalHouse, device: Authenticator) -> None:
    await register(await house.signed_in(), device)

    await house.opened.desk.new_sheet("acc", actor="desk:test")

    assert (await show(house.browser(), device)).status == 403


async def test_nobody_signs_in_who_is_suspended(house: PortalHouse, device: Authenticator) -> None:
    await register(await house.signed_in(), device)
    await house.opened.desk.suspend("acc", actor="desk:test")

    reply = await show(house.browser(), device)

    assert reply.status == 403
    assert b"The registration is suspended." in reply.body


async def test_an_initial_password_registers_no_passkey(house: PortalHouse) -> None:
    sheet, browser = await house.register(), house.browser()
    await browser.sign_in("acc", initial(sheet))

    reply = await browser.posted("/passkeys/new", label="phone")

    assert reply.status == 403
    await browser.get("/passkeys")
    assert browser.path == "/password"


async def test_long_after_the_sign_in_a_passkey_needs_the_password(house: PortalHouse, device: Authenticator) -> None:
    browser = await house.signed_in()
    house.move(FRESH_SECONDS + 60)

    await browser.get("/passkeys")
    assert 'name="password"' in browser.text
    await browser.post("/passkeys/new", label="phone", password="wrong")
    assert browser.page.status == 403
    assert "The password is not right." in browser.text
    assert 'value="phone"' in browser.text
    await browser.post("/passkeys/new", label="phone", password=GOOD)
    answer = device.create(browser.attribute("data-options")).decode()
    await browser.post("/passkeys", label="phone", answer=answer)
    assert "The passkey is registered" in browser.text


async def test_a_passkey_is_removed_by_its_holder_only(house: PortalHouse, device: Authenticator) -> None:
    browser, stranger = await house.signed_in(), await house.signed_in("stranger")
    await register(browser, device)
    place = f"/passkeys/{device.credential_id[:8].hex()}/remove"
    await stranger.get("/passkeys")
    assert (await stranger.sent("GET", place, {})).status == 404
    assert (await stranger.posted(place)).status == 404

    await browser.get(place)
    await browser.post(place)

    assert "The passkey opens nothing any more." in browser.text
    assert (await show(house.browser(), device)).status == 403


async def test_an_officers_passkey_opens_no_portal(house: PortalHouse, device: Authenticator) -> None:
    browser = await house.signed_in()
    await register(browser, device)
    async with house.opened.database.write() as tx:
        await tx.execute("UPDATE registrations SET kind = 'officer' WHERE account = 'acc'")

    reply = await show(house.browser(), device)

    assert reply.status == 403
    assert b"The passkey proves nothing here." in reply.body


async def test_marks_of_answers_are_forgotten_once_nobody_takes_those(tmp_path: Path, device: Authenticator) -> None:
    async with portal_house(tmp_path) as house:
        await register(await house.signed_in(), device)
        await show(house.browser(), device)
        assert await marks(house) == 2
        await house.entering.forget()
        assert await marks(house) == 2

        house.move(301)
        await house.entering.forget()

        assert await marks(house) == 0


async def marks(house: PortalHouse) -> int:
    async with house.opened.database.read() as tx:
        ((count,),) = await tx.all("SELECT COUNT(*) FROM spent_marks")
    return int(count)


@pytest.mark.parametrize("public", ["https://192.0.2.9:8443", "https://[2001:db8::9]:8443"])
async def test_at_an_address_the_page_says_why_no_passkey_is_made(tmp_path: Path, public: str) -> None:
    async with portal_house(tmp_path, f"public_url={public}") as house:
        browser = await house.signed_in()

        await browser.get("/passkeys")
        told, has_form = browser.text, 'action="/passkeys/new"' in browser.text
        refused = await browser.posted("/passkeys/new", label="phone")
        await browser.get("/passkeys?lang=zh-Hant")
        await house.browser().get("/sign-in")

        assert f"this portal is at an IP address ({public})" in told
        assert not has_form
        assert refused.status == 409
        assert "瀏覽器只為 ca.example 這樣的網域名稱保存通行金鑰" in browser.text


async def test_at_a_name_as_that_of_a_first_start_a_passkey_is_made(house: PortalHouse) -> None:
    browser = await house.signed_in()

    await browser.get("/passkeys")

    assert "They work at https://localhost:8443 and nowhere else." in browser.text
    assert 'action="/passkeys/new"' in browser.text
    assert 'id="not-offered"' not in browser.text
