"""Keys and codes that subscribers make on the page about devices and programs, and the records of it all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ca_core import names
from ca_core.applicant import Door
from ca_core.identity import new_id
from ca_core.registration.account import Grant
from ca_core.registration.credential import CredentialKind
from ca_core.registration.eab_desk import EabForm
from ca_core.registration.errors import SessionEnded
from ca_core.registration.form import Form
from ca_core.registration.freshness import FRESH_SECONDS
from ca_core.secret import Secret
from ca_core.subscriber.devices import MOST_LIVE, Devices
from protocols.acme.objects import Account
from protocols.acme.records import accounts
from protocols.acme.states import AccountStatus
from server.portal.event_groups import GROUPS
from server.web.event_words import EVENTS
from server.web.life import DATES
from tests.builders.portal_house import GOOD, SOURCE, Browser, PortalHouse, initial, portal_house

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
    assert "Enrollment code \N{EN DASH} meter" in browser.text
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


async def bound(house: PortalHouse, key_id: str | None) -> str:
    """The identity of an ACME account that a key, or none, has brought to the panel."""
    now, id_ = house.opened.clock.now(), new_id(house.opened.clock.now())
    registration = await house.opened.desk.show("panel")
    made = Account(id_, registration.id, key_id, f"thumb {id_}", "{}", (), AccountStatus.VALID, None, now)
    async with house.opened.database.write() as tx:
        assert await accounts.insert(tx, made)
    return id_


async def test_an_account_is_deactivated_by_whose_it_is_once_and_its_key_goes_on(house: PortalHouse) -> None:
    browser, other = await partner(house), await house.signed_in()
    key = await made(browser, note="web")
    stopped, kept = await bound(house, key), await bound(house, key)
    place = f"/devices/accounts/{stopped}/deactivate"

    assert (await other.get(place)).status == 404
    await other.get("/devices")
    assert (await other.posted(place)).status == 404
    await browser.get("/devices")
    assert (await browser.posted(place, token="forged")).status == 403
    await browser.get(place)
    await browser.post(place)

    assert browser.path == "/devices"
    assert "The ACME account is deactivated" in browser.text
    assert place not in browser.text
    assert f"/devices/accounts/{kept}/deactivate" in browser.text
    assert (await browser.posted(place)).status == 409
    async with house.opened.database.read() as tx:
        found = [await accounts.by_id(tx, id_) for id_ in (stopped, kept)]
    assert [one and one.status for one in found] == [AccountStatus.DEACTIVATED, AccountStatus.VALID]
    assert (await house.opened.eab_desk.of_account("panel"))[-1].is_live(house.opened.clock.now())
    await browser.get("/history?event=acme-account-deactivated")
    assert "An ACME account was deactivated by" in browser.text


async def test_accounts_of_void_keys_and_of_none_are_seen_so_that_they_can_be_stopped(house: PortalHouse) -> None:
    browser = await partner(house)
    old = [await bound(house, await made(browser)), await bound(house, None)]
    await browser.get("/devices")
    assert browser.text.count("ACME accounts of earlier sheets") == 1

    sheet = await house.opened.desk.new_sheet("panel", actor="desk:test")
    await browser.sign_in("panel", initial(sheet))
    await browser.post("/password", old=initial(sheet), new=GOOD, again=GOOD)
    await browser.get("/devices")

    below = browser.text.partition("ACME accounts of earlier sheets")[2]
    assert all(f"/devices/accounts/{id_}/deactivate" in below for id_ in old)


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


async def test_records_are_looked_through_by_groups_and_days(house: PortalHouse) -> None:
    browser = await partner(house)
    await made(browser, note="web")
    titles = re.compile(r"<td[^>]*><strong>([^<]+)</strong>")

    async def found(query: str) -> set[str]:
        await browser.get(f"/history?{query}")
        return set(titles.findall(browser.text))

    everything = await found("")
    by_group = [await found(f"event={group}") for group in ("sign-ins", "certificates", "credentials", "registration")]

    assert by_group[0] == {"Signed in", "Password changed"}
    assert by_group[1] == set()
    assert by_group[2] == {"Password sheet made", "EAB key added"}
    assert by_group[3] == {"Subscriber registered"}
    assert set.union(*by_group) == everything
    today = datetime.fromtimestamp(house.opened.clock.now(), UTC).date()
    assert await found(f"event=credentials&since={today}&until={today}") == by_group[2]
    assert await found(f"event=credentials&until={today - timedelta(days=1)}") == set()
    assert await found(f"event=sign-ins&since={today + timedelta(days=1)}") == set()
    assert await found("event=nothing") == set()
    await browser.get("/history?event=sign-ins&lang=zh-Hant")
    assert '<optgroup label="密碼單、金鑰與註冊碼">' in browser.text
    assert '<option value="sign-ins" selected>登入' in browser.text
    assert titles.findall(browser.text)[-1] == "已登入"


def test_every_event_of_a_registration_stands_in_one_group() -> None:
    grouped = [event for events in GROUPS.values() for event in events]
    known = {key.removeprefix("event.") for key in EVENTS} - set(DATES)

    assert len(grouped) == len(set(grouped))
    assert set(grouped) <= known
    assert known - set(grouped) == {
        *("agreement-published", "authority-made", "ca-made", "ca-requested", "ca-withdrawn", "crl-published"),
        *("root-trusted", "roots-crossed", "decryption-key-made", "server-started", "server-stopped", "store-moved"),
        *("backup-made", "home-restored", "restore-acknowledged", "officer-added", "officer-ended", "token-added"),
        *("token-ended", "import-begun", "import-ended"),
    }


async def test_records_of_a_group_go_on_page_by_page(house: PortalHouse) -> None:
    browser = await partner(house)
    await browser.get("/devices/new/code")
    for _ in range(17):
        await browser.posted("/devices/new/code")
    for one in (await house.opened.code_desk.of_account("panel"))[:15]:
        await browser.get(f"/devices/{one.id}/revoke")
        await browser.post(f"/devices/{one.id}/revoke")
    titles = re.compile(r"<td[^>]*><strong>([^<]+)</strong>")

    await browser.get("/history?event=credentials")
    first = titles.findall(browser.text)
    following = re.search(r'href="(/history\?[^"]*)" rel="next"', browser.text)
    assert following is not None
    assert "event=credentials" in following[1]
    await browser.get(following[1].replace("&amp;", "&"))
    second = titles.findall(browser.text)

    assert len(first) == 30
    assert (first + second).count("Enrollment code added") == 17
    assert (first + second).count("Enrollment code revoked") == 15
    assert second[-1] == "Password sheet made"


async def test_records_name_no_officer(house: PortalHouse) -> None:
    browser = await partner(house)
    await house.opened.desk.suspend("panel", actor="cli:operator:bob")
    await house.opened.desk.resume("panel", actor="desk:officer:alice")

    await browser.sign_in("panel", GOOD)
    await browser.get("/history")

    assert "The registration was suspended by the registration authority" in browser.text
    assert "The registration was resumed by the registration authority" in browser.text
    assert "alice" not in browser.text
    assert "bob" not in browser.text


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


async def test_what_was_under_way_when_a_new_sheet_came_makes_and_changes_nothing(house: PortalHouse) -> None:
    """It would be of the new sheet, and whoever has begun it is out."""
    browser, opened = await partner(house), house.opened
    key, code = await made(browser), await made(browser, "code")
    session = await house.entering.sessions.look(browser.session, door=Door.PORTAL)
    service = Devices(
        opened.database,
        opened.clock,
        opened.kinds,
        eab_desk=opened.eab_desk,
        code_desk=opened.code_desk,
        fresh=house.entering.fresh,
    )
    await opened.desk.new_sheet("panel", actor="desk:test")
    before = await service.held(session)

    asked = (
        lambda: service.add_key(session, EabForm(None), Secret(""), source=SOURCE),
        lambda: service.add_code(session, EabForm(None), Secret(""), source=SOURCE),
        lambda: service.rotate(session, key, Secret(""), source=SOURCE),
        lambda: service.rotate(session, code, Secret(""), source=SOURCE),
    )
    for ask in asked:
        with pytest.raises(SessionEnded):
            await ask()

    assert await service.held(session) == before


async def test_rotating_again_and_again_is_no_way_around_how_many_can_be_live(house: PortalHouse) -> None:
    """Each key works on for a day beside its successor."""
    browser = await partner(house)
    statuses = []
    id_ = await made(browser, note="web")
    for _ in range(2 * MOST_LIVE):
        await browser.get(f"/devices/{id_}/rotate")
        await browser.post(f"/devices/{id_}/rotate")
        statuses.append(browser.page.status)
        id_ = next(
            one.id for one in await house.opened.eab_desk.of_account("panel") if one.successor is None and one.note
        )

    now = house.opened.clock.now()
    live = [one for one in await house.opened.eab_desk.of_account("panel") if one.is_live(now)]
    assert len(live) < 2 * MOST_LIVE
    assert statuses[-1] == 409
