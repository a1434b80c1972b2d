"""`/agreement/VERSION` and `/agreement?token=...`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.registration.agreement import HTML, PLAIN_TEXT, agreement
from protocols.wire import Peer, Reply, Request
from server.agreement import publish
from server.portal.routes import portal_frame
from server.web.agreement import AgreementPages
from server.web.asset_files import AssetFiles
from server.web.open_pages import OpenPages
from tests.builders.acme import BASE, AcmeHouse, Client, acme_house, agreements_of

OLD = agreement("2026-1", b"terms", PLAIN_TEXT, "agreement.txt")
SHOWN = OpenPages(portal_frame(AssetFiles()))
CURRENT = agreement("2026-2", "<p>條款</p>".encode(), HTML, "agreement.html")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[AcmeHouse]:
    async with acme_house(tmp_path, agreement=CURRENT) as opened:
        for version in (OLD, CURRENT):
            await publish(version, opened.core.database, opened.core.clock)
        yield opened


@pytest.fixture
def pages(house: AcmeHouse) -> AgreementPages:
    return AgreementPages(house.core.database, house.services.agreements, SHOWN)


async def ask(pages: AgreementPages, url: str, method: str = "GET", **headers: str) -> tuple[Reply, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path, _, query = url.removeprefix(BASE).partition("?")
    reply = await pages.answer(Request(method, path, named, b"", Peer("192.0.2.9"), query))
    return reply, dict(reply.headers)


async def asked_again(house: AcmeHouse) -> tuple[Client, str]:
    """An account that has accepted the version before, and the page that its order is told."""
    client = await house.subscriber("acme-corp", "a.example")
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE acme_accounts SET agreed_version = '2026-1'")
    return client, str((await client.order("a.example")).json["instance"])


async def test_the_text_of_today_is_shown_and_may_be_kept(pages: AgreementPages) -> None:
    reply, headers = await ask(pages, "/agreement/2026-2")

    assert (reply.status, reply.body) == (200, CURRENT.text)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "public, max-age=86400, immutable"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_an_earlier_text_stays_where_it_was(pages: AgreementPages) -> None:
    reply, headers = await ask(pages, "/agreement/2026-1", "HEAD")

    assert (reply.status, reply.body) == (200, OLD.text)
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("tag", [f'"{CURRENT.sha256}"', f'W/"{CURRENT.sha256}", "x"', "*"])
async def test_who_has_it_is_not_sent_it_again(pages: AgreementPages, tag: str) -> None:
    reply, headers = await ask(pages, "/agreement/2026-2", if_none_match=tag)

    assert (reply.status, reply.body) == (304, b"")
    assert headers["ETag"] == f'"{CURRENT.sha256}"'


async def test_who_has_another_text_is_sent_this_one(pages: AgreementPages) -> None:
    reply, _ = await ask(pages, "/agreement/2026-2", if_none_match=f'"{OLD.sha256}"')

    assert (reply.status, reply.body) == (200, CURRENT.text)


@pytest.mark.parametrize("version", ["", "2026-3", "../soapstone.toml", "2026-1/"])
async def test_no_other_version_is_there(pages: AgreementPages, version: str) -> None:
    assert (await ask(pages, f"/agreement/{version}"))[0].status == 404


@pytest.mark.parametrize(
    ("url", "method", "allow"),
    [("/agreement/2026-2", "POST", "GET, HEAD"), ("/agreement", "PUT", "GET, HEAD, POST")],
)
async def test_nothing_else_can_be_done_there(pages: AgreementPages, url: str, method: str, allow: str) -> None:
    reply, headers = await ask(pages, url, method)

    assert (reply.status, headers["Allow"]) == (405, allow)


async def test_the_holder_of_an_account_accepts_with_one_click(house: AcmeHouse, pages: AgreementPages) -> None:
    client, link = await asked_again(house)

    shown, headers = await ask(pages, link)
    asked_for_nothing = await client.order("a.example")
    accepted, _ = await ask(pages, link, "POST")

    assert (shown.status, accepted.status) == (200, 200)
    assert f'href="{BASE}/agreement/2026-2"' in shown.body.decode()
    assert '<form method="post">' in shown.body.decode()
    assert "form-action 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert asked_for_nothing.refusal == (403, "userActionRequired")
    assert "Accepted" in accepted.body.decode()
    assert (await client.order("a.example")).status == 201
    event = (await house.core.journal("acme-agreement-accepted"))[-1]
    assert (event.actor, event.detail["version"]) == ("web:agreement-link:192.0.2.9", "2026-2")


async def test_the_page_speaks_the_language_of_its_reader(house: AcmeHouse, pages: AgreementPages) -> None:
    _, link = await asked_again(house)

    shown, headers = await ask(pages, link, accept_language="zh-TW")
    chosen, kept = await ask(pages, f"{link}&lang=en", accept_language="zh-TW")

    assert headers["Content-Language"] == "zh-Hant"
    assert "我已閱讀並同意" in shown.body.decode()
    assert kept["Set-Cookie"].startswith("__Host-lang=en; ")
    assert "I have read it and accept it" in chosen.body.decode()
    token = link.partition("token=")[2]
    assert f"/agreement?token={token}&amp;lang=zh-Hant" in chosen.body.decode()


async def test_a_second_click_says_the_same_and_records_nothing(house: AcmeHouse, pages: AgreementPages) -> None:
    _, link = await asked_again(house)

    answers = [(await ask(pages, link, "POST"))[0] for _ in range(3)]

    assert len({answer.body for answer in answers}) == 1
    assert len(await house.core.journal("acme-agreement-accepted")) == 2


@pytest.mark.parametrize("link", ["/agreement", "/agreement?token=", "/agreement?token=x", "/agreement?token=%00&a=b"])
async def test_a_link_that_was_made_up_accepts_nothing(pages: AgreementPages, link: str) -> None:
    for method in ("GET", "POST"):
        reply, _ = await ask(pages, link, method)
        assert reply.status == 404
        assert "not good any more" in reply.body.decode()


async def test_a_link_ends_with_its_time_and_with_its_text(house: AcmeHouse, pages: AgreementPages) -> None:
    _, link = await asked_again(house)
    third = agreement("2026-3", b"other terms", PLAIN_TEXT, "agreement.txt")
    under_another_text = AgreementPages(house.core.database, agreements_of(house.core, third), SHOWN)
    under_none = AgreementPages(house.core.database, agreements_of(house.core, None), SHOWN)

    assert (await ask(under_another_text, link, "POST"))[0].status == 404
    assert (await ask(under_none, link, "POST"))[0].status == 404
    house.core.clock.move(15 * 86_400)
    assert (await ask(pages, link, "POST"))[0].status == 404


@pytest.mark.parametrize("stopped", ["deactivated", "suspended"])
async def test_an_account_without_power_accepts_nothing(house: AcmeHouse, pages: AgreementPages, stopped: str) -> None:
    client, link = await asked_again(house)
    if stopped == "deactivated":
        await client.post(str(client.kid), {"status": "deactivated"})
    else:
        await house.core.desk.suspend("acme-corp", actor="test")

    reply, _ = await ask(pages, link, "POST")

    assert reply.status == 403
    assert len(await house.core.journal("acme-agreement-accepted")) == 1


async def test_nobody_accepts_for_an_account_that_is_not_known(house: AcmeHouse, pages: AgreementPages) -> None:
    _, link = await asked_again(house)
    async with house.core.database.write() as tx:
        await tx.execute("DELETE FROM acme_accounts")

    assert (await ask(pages, link, "POST"))[0].status == 404
