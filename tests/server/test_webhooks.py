"""Telling real HTTPS servers what happened, where that is allowed, and what is made of their answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from ca_core.notices.notice import Notice, Topic
from ca_core.notices.outbox import NotNow
from ca_core.store.outbox import Parcel
from server.probes.policy import ProbePolicy
from server.webhooks import Hook
from tests.builders.core import Core, core
from tests.builders.hooks import Shop, open_shop
from tests.builders.listening import free_port
from tests.builders.mail import server_tls
from tests.builders.tls import TestCa

CA = TestCa()
KEY = bytes(range(32))
ALLOWED = ProbePolicy(allowed=(ip_network("127.0.0.0/8"),), total_seconds=5)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Core]:
    async with core(tmp_path) as opened:
        await opened.register("acc")
        yield opened


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    return server_tls(str(CA.issue("localhost").written(tmp_path / "shop.pem")))


def hook(house: Core, port: int, policy: ProbePolicy = ALLOWED, trusted: TestCa = CA) -> Hook:
    context = ssl.create_default_context(cadata=trusted.pem)
    url = f"https://localhost:{port}/hooks/ca?x=1"
    return Hook(house.database, house.clock, url=url, key=KEY, policy=policy, tls=context)


async def parcel(house: Core) -> Parcel:
    id_ = (await house.desk.show("acc")).id
    one = Notice(topic=Topic.WAITING, key="k", registration_id=id_, at=house.clock.now(), number=7)
    return Parcel("0007", "webhook:shop", one, house.clock.now(), 1)


async def test_a_target_can_prove_who_told_it_what(house: Core, tls: ssl.SSLContext) -> None:
    shop = Shop()
    async with open_shop(shop, tls) as port:
        await hook(house, port).send(await parcel(house))

    (call,) = shop.calls
    signed = b"0007.%d.%s" % (house.clock.now(), call.body)
    expected = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert (call.path, call.headers["Host"]) == ("/hooks/ca", f"localhost:{port}")
    assert call.headers["webhook-signature"] == f"v1,{expected}"
    assert json.loads(call.body)["data"] == {"account": "acc", "realm": "main", "request": 7}


async def test_of_a_registration_that_is_yet_to_be_made_the_realm_is_told(house: Core, tls: ssl.SSLContext) -> None:
    shop = Shop()
    one = Notice(topic=Topic.WAITING, key="k", registration_id="", at=house.clock.now(), number=8, realm="north")
    async with open_shop(shop, tls) as port:
        await hook(house, port).send(Parcel("0008", "webhook:shop", one, house.clock.now(), 1))

    (call,) = shop.calls
    assert json.loads(call.body)["data"] == {"account": None, "realm": "north", "request": 8}


async def test_a_message_keeps_its_identity_however_often_it_is_sent(house: Core, tls: ssl.SSLContext) -> None:
    shop = Shop(503)
    async with open_shop(shop, tls) as port:
        with pytest.raises(NotNow, match="503"):
            await hook(house, port).send(await parcel(house))
        house.clock.move(5)
        await hook(house, port).send(await parcel(house))

    assert [call.headers["webhook-id"] for call in shop.calls] == ["0007", "0007"]
    assert len({call.headers["webhook-timestamp"] for call in shop.calls}) == 2


@pytest.mark.parametrize(("status", "is_channel"), [(422, False), (404, True), (410, True), (429, True), (500, True)])
async def test_an_answer_that_is_no_yes_is_tried_again(
    house: Core, tls: ssl.SSLContext, status: int, *, is_channel: bool
) -> None:
    async with open_shop(Shop(status), tls) as port:
        with pytest.raises(NotNow) as refused:
            await hook(house, port).send(await parcel(house))

    assert refused.value.is_channel is is_channel


async def test_a_redirect_is_not_followed(house: Core, tls: ssl.SSLContext) -> None:
    elsewhere = Shop()
    async with (
        open_shop(elsewhere, tls) as other,
        open_shop(Shop(307, location=f"https://localhost:{other}/"), tls) as port,
    ):
        with pytest.raises(NotNow, match="307"):
            await hook(house, port).send(await parcel(house))

    assert elsewhere.calls == []


async def test_what_settings_do_not_allow_is_not_dialled(house: Core, tls: ssl.SSLContext) -> None:
    shop = Shop()
    async with open_shop(shop, tls) as port:
        ours = frozenset({(ip_address("127.0.0.1"), port)})
        own = ProbePolicy(allowed=ALLOWED.allowed, own_listeners=ours)
        for policy in (ProbePolicy(), own):
            with pytest.raises(NotNow, match="is not dialled"):
                await hook(house, port, policy).send(await parcel(house))

    assert shop.calls == []


async def test_who_does_not_prove_to_be_the_target_is_told_nothing(house: Core, tls: ssl.SSLContext) -> None:
    shop = Shop()
    async with open_shop(shop, tls) as port:
        with pytest.raises(NotNow, match="prove"):
            await hook(house, port, trusted=TestCa("Another")).send(await parcel(house))

    assert shop.calls == []


async def test_a_target_that_is_away_is_tried_again(house: Core) -> None:
    with pytest.raises(NotNow, match="took no connection"):
        await hook(house, free_port()).send(await parcel(house))
