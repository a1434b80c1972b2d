"""Keys and codes that subscribers make on the page about devices and programs, and the records of it all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core import names
from ca_core.registration.account import Grant
from ca_core.registration.credential import CredentialKind
from ca_core.registration.form import Form
from ca_core.subscriber.devices import FRESH_SECONDS, MOST_LIVE
from tests.builders.portal_house import GOOD, Browser, PortalHouse, initial, portal_house

ZONE = (Grant(names.dns("example.com"), zone=True), Grant(names.dns("www.example.com")))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[PortalHouse]:
    async with portal_house(tmp_path) as made:
        yield made


async def partner(house: PortalHouse, account: str = "panel") -> Browser:
    """A browser of a subscriber who may have keys and codes, signed in."""
    form = Form("partner", "CN=panel,O=Example,C=TW", account=account, grants=ZONE, profiles=("tls-server", "device"))
    _, sheet = await house.opened.desk.register(form, actor="desk:test")
    browser = house.browser()
    await browser.sign_in(account, initial(sheet))
    await browser.post("/password", old=initial(sheet), new=GOOD, again=GOOD)
    return browser


async def made(browser: Browser, what: str = "key", **fields: str) -> str:
    """The identity of what a form has made."""
    desk = browser.house.opened.eab_desk if what == "key" else browser.house.opened.code_desk
    before = {one.id for one in await desk.of_account("panel")}
    await browser.get(f"/devices/new/{what}")
    await browser.post(f"/devices/new/{what}", **fields)
    (one,) = [one.id for one in await desk.of_account("panel") if one.id not in before]
    return one


async def test_a_key_is_shown_once_with_lines_to_paste(house: PortalHouse) -> None:
    browser = await partner(house)

    id_ = await made(browser, note="web 2", uses="3", days="30", profiles="tls-server", names=".example.com")

    (key,) = [one for one in await house.opened.eab_desk.of_account("panel") if one.id == id_]
    assert (key.note, key.uses_left, key.names, key.profiles) == ("web 2", 3, ("zone:example.com",), ("tls-server",))
    secret = re.search(r'HMAC key</dt><dd><code class="secret break">([^<]+)<', browser.text)
    assert secret is not None
    for program in ("certbot", "lego", "Caddy", "mod_md (Apache)", "cert-manager"):
        assert f"<summary>{program}</summary>" in browser.text
    assert browser.text.count(secret[1]) > 5
    assert "KID=xxx" not in browser.text
    await browser.get("/devices")
    assert secret[1] not in browser.text
    assert "web 2" in browser.text


async def test_a_code_is_shown_once_with_lines_for_curl_and_strongswan(house: PortalHouse) -> None:
    browser = await partner(house)

    await made(browser, "code", names="www.example.com", profiles="device")

    assert "-u panel:" in browser.text
    assert "--userpass panel:" in browser.text
    assert "/.well-known/est/device/simpleenroll" in browser.text
    assert "HOST" not in browser.text
    assert "ACCOUNT" not in browser.text


async def test_a_page_says_what_is_wrong_beside_each_field(house: PortalHouse) -> None:
    browser = await partner(house)
    await browser.get("/devices/new/key")

    for field, wrong in {
        "uses": "none",
        "days": "-1",
        "names": "elsewhere.example.net",
        "networks": "here",
        "profiles": "signing",
    }.items():
        page = await browser.post("/devices/new/key", **{field: wrong})
        assert page.status == 422, field
        assert f'id="{field}-wrong-1"' in browser.text

    assert len(await house.opened.eab_desk.of_account("panel")) == 1


async def test_long_after_the_sign_in_a_new_secret_needs_the_password(house: PortalHouse) -> None:
    browser = await partner(house)
    house.move(FRESH_SECONDS + 60)

    await browser.get("/devices/new/key")
    refused = await browser.post("/devices/new/key", password="something else")

    assert refused.status == 403
    assert 'id="password-wrong-1"' in browser.text
    await made(browser, password=GOOD)


async def test_a_key_is_rotated_and_revoked_on_the_page(house: PortalHouse) -> None:
    browser = await partner(house)
    id_ = await made(browser, note="old one")

    await browser.get(f"/devices/{id_}/rotate")
    await browser.post(f"/devices/{id_}/rotate")

    assert "old one" in browser.text
    assert "Ready to paste" in browser.text
    await browser.get(f"/devices/{id_}/revoke")
    await browser.post(f"/devices/{id_}/revoke")
    assert browser.path == "/devices"
    assert "revoked" in browser.text
    again = await browser.posted(f"/devices/{id_}/revoke")
    assert again.status == 409


async def test_a_code_is_rotated_on_the_page_and_shown_once(house: PortalHouse) -> None:
    browser = await partner(house)
    id_ = await made(browser, "code", note="meter", uses="3", profiles="device")
    shown = re.compile(r'code</dt><dd><code class="secret break">([^<]+)<')
    old = shown.findall(browser.text)

    await browser.get(f"/devices/{id_}/rotate")
    await browser.post(f"/devices/{id_}/rotate")

    (new,) = shown.findall(browser.text)
    assert old != [new]
    assert f"-u panel:{new}" in browser.text
    assert "Enrollment code: meter" in browser.text
    await browser.get("/devices")
    assert new not in browser.text
    assert browser.text.count("meter") > 0
    await browser.get("/history")
    assert "An enrollment code was replaced by" in browser.text


async def test_nobody_sees_or_changes_what_is_anothers(house: PortalHouse) -> None:
    other = await partner(house)
    id_ = await made(other)
    browser = await house.signed_in()

    for act in ("rotate", "revoke"):
        assert (await browser.get(f"/devices/{id_}/{act}")).status == 404
        await browser.get("/devices")
        assert (await browser.posted(f"/devices/{id_}/{act}")).status == 404
    await other.get("/devices")
    assert (await other.posted("/devices/new/key", token="forged")).status == 403
    assert (await browser.get("/devices/new/anything")).status == 404


async def test_a_kind_without_keys_makes_none(house: PortalHouse) -> None:
    browser = await house.signed_in()

    await browser.get("/devices")

    assert "/devices/new/key" not in browser.text
    assert "/devices/new/code" in browser.text
    assert (await browser.posted("/devices/new/key")).status == 409


async def test_no_more_can_be_live_than_is_sensible(house: PortalHouse) -> None:
    browser = await partner(house)
    await browser.get("/devices/new/code")
    found = [(await browser.posted("/devices/new/code")).status for _ in range(MOST_LIVE)]

    assert found[0] == 200
    assert found[-1] == 409
    every = await house.opened.code_desk.of_account("panel")
    keys = await house.opened.eab_desk.of_account("panel")
    assert len([one for one in (*every, *keys) if one.kind is not CredentialKind.PASSWORD]) == MOST_LIVE


async def test_records_tell_in_sentences_and_of_nobody_else(house: PortalHouse) -> None:
    other = await house.signed_in("other")
    browser = await partner(house)
    await made(browser, note="web")
    await made(browser, "code")

    await browser.get("/history")

    assert "EAB key added" in browser.text
    assert "An enrollment code was added to sheet 1" in browser.text
    assert browser.text.count("was registered by") == 1
    await browser.get("/history?event=eab-key-added&since=2020-01-01")
    assert "EAB key added</strong>" in browser.text
    assert "Enrollment code added</strong>" not in browser.text
    assert (await browser.get("/history?since=yesterday")).status == 400
    assert (await browser.get("/history?after=nowhere")).status == 400
    await other.get("/history")
    assert "EAB key added</strong>" not in other.text


async def test_records_go_on_page_by_page(house: PortalHouse) -> None:
    browser = await partner(house)
    await browser.get("/devices/new/code")
    for _ in range(17):
        await browser.posted("/devices/new/code")
    every = [one.id for one in await house.opened.code_desk.of_account("panel")]
    for id_ in every[:15]:
        await browser.get(f"/devices/{id_}/revoke")
        await browser.post(f"/devices/{id_}/revoke")

    await browser.get("/history")
    following = re.search(r'href="(/history\?[^"]*)" rel="next"', browser.text)

    assert following is not None
    await browser.get(following[1].replace("&amp;", "&"))
    assert "To the newest" in browser.text
