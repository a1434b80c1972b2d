"""No page of a subscriber's walks over a whole table: what is quick with ten accounts must be quick with a million.

On both databases, for each plans for itself.
"""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlencode

import pytest

from conformance.stores import KINDS
from tests.builders.plans import Run, heard, tell
from tests.builders.portal_house import FORM, GOOD, Browser, PortalHouse, portal_house
from tests.builders.store import store_of
from tests.builders.subscribers import pair
from tests.contract.test_plans import is_long

PAGES = (
    *("/apply", "/apply/requests", "/renew", "/download", "/revoke", "/certificates", "/certificates?name=a"),
    *("/certificates?status=valid", "/certificates?serial=ab", "/devices", "/devices/new/key", "/history"),
    *("/history?event=signed-in", "/passkeys", "/password"),
)
OF_ONE = ("/certificates/{}", "/certificates/{}/revoke", "/certificates/{}/file/p7b", "/apply/lost/{}")


@pytest.mark.parametrize("kind", KINDS)
async def test_no_page_of_a_subscribers_walks_over_a_table(tmp_path: Path, kind: str) -> None:
    url = store_of(tmp_path, kind)
    tell(url)
    async with portal_house(tmp_path, f"store.url={url}") as house:
        await house.keep()
        async with heard(house.opened.database) as ran:
            await visited(house)

    assert len(ran) > 50
    assert list(map(told, filter(is_slow, ran))) == []


async def visited(house: PortalHouse) -> None:
    browser = await house.signed_in()
    serial = await applied(browser)
    for page in (*PAGES, *(one.format(serial) for one in OF_ONE)):
        assert (await browser.get(page)).status == 200, page
    await browser.get("/devices/new/code")
    await browser.post("/devices/new/code", note="meter")
    await browser.get(f"/certificates/{serial}/revoke")
    await browser.post(f"/certificates/{serial}/revoke", reason="superseded", confirmed="yes")
    await browser.posted("/sign-out")
    await browser.sign_in("acc", GOOD)
    await house.browser().sign_in("acc", "wrong")


async def applied(browser: Browser) -> str:
    await browser.get("/apply")
    csrs = {f"csr.{profile}": b64encode(der).decode() for profile, der in pair().items()}
    body = urlencode([("csrf", browser.token), ("profile", "signing"), ("profile", "encryption"), *csrs.items()])
    reply = await browser.sent("POST", "/apply", {"content-type": FORM, "sec-fetch-site": "same-origin"}, body.encode())
    found = re.search("/apply/lost/([0-9a-f]{40})", reply.body.decode())
    assert found is not None
    return found[1]


def is_slow(run: Run) -> bool:
    return any(map(is_long, run.steps))


def told(run: Run) -> str:
    return f"{[one for one in run.steps if is_long(one)]} {' '.join(run.statement.split())}"
