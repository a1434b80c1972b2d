"""EAB keys and the accounts that they bind: WIRE, External account binding."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.names import dns, permanent
from ca_core.registration.account import Grant
from ca_core.registration.eab_desk import EabForm
from ca_core.registration.sheet import EabKey
from protocols.acme.errors import OrderNotReady
from protocols.acme.links import Resource
from protocols.acme.records import orders
from protocols.encoding import from_base64url
from tests.builders import jws
from tests.builders.acme import LINKS, AcmeHouse, Answer, Client
from tests.builders.core import granted

NEW_ACCOUNT = LINKS.to(Resource.NEW_ACCOUNT)
DAY = 86_400


async def bind(client: Client, key: EabKey, **changes: Any) -> Answer:
    """Make an account by a key of any sheet or none."""
    mac_key = changes.pop("mac_key", None) or from_base64url(key.mac_key.reveal())
    binding = jws.binding(key.kid, mac_key, client.signer.jwk, url=NEW_ACCOUNT)
    return await client.new_account(None, externalAccountBinding=binding)


async def registered(house: AcmeHouse, form: EabForm, *, profiles: tuple[str, ...] = ("tls-server",)) -> EabKey:
    await house.core.register("acme-corp", *granted(dns("a.example")), profiles=profiles)
    return (await house.core.eab_desk.add("acme-corp", form, actor="test"))[1]


async def test_a_further_key_binds_as_often_as_it_may(house: AcmeHouse) -> None:
    key = await registered(house, EabForm(2))

    answers = [await bind(house.client(which), key) for which in range(3)]

    assert [answer.status for answer in answers] == [201, 201, 403]
    assert "no uses left" in answers[2].json["detail"]
    (event, _) = await house.core.journal("acme-account-bound")
    assert event.detail["kid"] == key.kid


async def test_of_fifty_at_once_as_many_are_bound_as_there_are_uses(house: AcmeHouse) -> None:
    key = await registered(house, EabForm(3))
    _, _, successor = await house.core.eab_desk.rotate(key.kid, overlap_seconds=DAY, actor="test")

    answers = await asyncio.gather(*(bind(house.client(which), (key, successor)[which % 2]) for which in range(50)))

    assert Counter(answer.status for answer in answers) == {201: 3, 403: 47}
    assert await house.core.count("acme_accounts") == 3


async def test_a_key_is_used_from_its_networks_only_and_is_not_spent_elsewhere(house: AcmeHouse) -> None:
    elsewhere = await registered(house, EabForm(1, None, ("198.51.100.0/24",)))
    _, here = await house.core.eab_desk.add("acme-corp", EabForm(1, None, ("192.0.2.0/24",)), actor="test")

    refused = await bind(house.client(), elsewhere)

    assert refused.refusal == (403, "unauthorized")
    assert "192.0.2.7" in refused.json["detail"]
    assert (await house.core.eab_desk.find(elsewhere.kid)).uses_left == 1
    assert await house.core.count("acme_accounts") == 0
    (event,) = await house.core.journal("credential-refused")
    assert event.detail["why"] == "NetworkNotAllowed"
    assert (await bind(house.client(), here)).status == 201


async def test_who_does_not_know_the_key_learns_nothing_of_its_limits(house: AcmeHouse) -> None:
    key = await registered(house, EabForm(1, house.core.clock.now() + 1, ("198.51.100.0/24",)))
    await house.core.eab_desk.revoke(key.kid, actor="test")
    unknown = EabKey("NOBODY", key.mac_key)
    house.core.clock.move(DAY)

    answers = [await bind(house.client(), key, mac_key=bytes(32)), await bind(house.client(), unknown)]

    assert [answer.refusal for answer in answers] == [(403, "unauthorized")] * 2
    assert answers[0].body == answers[1].body


async def test_what_stands_against_a_key_is_said_in_a_fixed_order(house: AcmeHouse) -> None:
    key = await registered(house, EabForm(1, house.core.clock.now() + DAY, ("198.51.100.0/24",)))
    said = []
    said.append((await bind(house.client(), key)).json["detail"])
    house.core.clock.move(2 * DAY)
    said.append((await bind(house.client(), key)).json["detail"])
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE credentials SET uses_left = 0 WHERE kid = :kid", kid=key.kid)
    said.append((await bind(house.client(), key)).json["detail"])
    await house.core.eab_desk.revoke(key.kid, actor="test")
    said.append((await bind(house.client(), key)).json["detail"])

    found = [next(word for word in ("may not be used", "expired", "no uses", "revoked") if word in one) for one in said]
    assert found == ["may not be used", "expired", "no uses", "revoked"]


async def test_an_account_orders_only_what_its_key_is_for(house: AcmeHouse) -> None:
    key = await registered(house, EabForm(None, profiles=("device",)), profiles=("tls-server", "device"))
    limited, free = house.client(), house.client(1)
    await bind(limited, key)
    sheet = await house.core.desk.new_sheet("acme-corp", actor="test")
    await free.new_account(sheet)

    by_default = await limited.order("a.example")
    refused = await limited.order("a.example", profile="tls-server")

    assert by_default.json["profile"] == "device"
    assert refused.refusal == (403, "invalidProfile")
    assert "the EAB key of this account is for device" in refused.json["detail"]
    assert (await free.order("a.example")).json["profile"] == "tls-server"
    assert (await limited.finalize(by_default)).status == 200


async def test_a_key_for_profiles_that_are_gone_binds_nobody(house: AcmeHouse) -> None:
    key = await registered(house, EabForm(1, profiles=("device",)), profiles=("tls-server", "device"))
    await hold(house, '["tls-server"]')

    answer = await bind(house.client(), key)

    assert answer.refusal == (403, "invalidProfile")
    assert (await house.core.eab_desk.find(key.kid)).uses_left == 1


async def hold(house: AcmeHouse, profiles: str) -> None:
    """Change what the registration holds, as another process would."""
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE registrations SET profiles = :profiles", profiles=profiles)


async def test_what_the_registration_holds_counts_at_the_next_request(house: AcmeHouse) -> None:
    key = await registered(house, EabForm(None, profiles=("device", "tls-server")), profiles=("tls-server", "device"))
    client = house.client()
    await bind(client, key)
    order = await client.order("a.example", profile="device")

    await hold(house, '["tls-server"]')
    finalized, ordered = await client.finalize(order), await client.order("a.example", profile="device")
    await house.core.desk.regrant("acme-corp", granted(dns("b.example")), actor="test")
    gone, come = await client.order("a.example"), await client.order("b.example")

    assert finalized.refusal == ordered.refusal == (403, "invalidProfile")
    assert gone.refusal == (403, "rejectedIdentifier")
    assert come.json["status"] == "ready"
    assert await house.core.certificates() == []


async def test_revoking_a_key_stops_its_accounts_at_once_and_no_others(house: AcmeHouse) -> None:
    key = await registered(house, EabForm(None))
    _, other_key = await house.core.eab_desk.add("acme-corp", EabForm(None), actor="test")
    client, other = house.client(), house.client(1)
    await bind(client, key)
    await bind(other, other_key)
    order = await client.order("a.example")
    der = (await client.certificate("a.example")).public_bytes(Encoding.DER)

    await house.core.eab_desk.revoke(key.kid, actor="test")
    refused = [
        await client.post(str(client.kid)),
        await client.post(str(client.kid), {"status": "deactivated"}),
        await client.post(LINKS.to(Resource.KEY_CHANGE), {}),
        await client.order("a.example"),
        await client.finalize(order),
        await client.revoke(der),
        await client.new_account(None),
        await bind(client, key),
        await bind(house.client(2), key),
    ]

    assert [answer.refusal for answer in refused] == [(403, "unauthorized")] * len(refused)
    assert all("registration authority" in answer.json["detail"] for answer in refused)
    assert (await other.post(str(other.kid))).status == 200


async def test_restoring_a_key_lets_its_accounts_go_on(house: AcmeHouse) -> None:
    key = await registered(house, EabForm(None))
    client = house.client()
    await bind(client, key)
    order = await client.order("a.example")
    await house.core.eab_desk.revoke(key.kid, actor="test")

    await house.core.eab_desk.restore(key.kid, actor="test")

    assert (await client.finalize(order)).status == 200


async def test_a_finalize_that_crosses_the_revocation_brings_no_certificate(house: AcmeHouse) -> None:
    key = await registered(house, EabForm(None))
    client = house.client()
    await bind(client, key)
    order = await client.order("a.example")

    # The claim is what a request meets that had signed in before.
    await house.core.eab_desk.revoke(key.kid, actor="test")
    with pytest.raises(OrderNotReady):
        async with house.core.database.write() as tx:
            await orders.finalize(tx, order.header("Location")[-32:], bytes(32), now=house.core.clock.now())


async def test_the_key_of_a_voided_sheet_can_still_be_revoked_with_its_accounts(house: AcmeHouse) -> None:
    key = await registered(house, EabForm(None))
    client = house.client()
    await bind(client, key)
    await house.core.desk.new_sheet("acme-corp", actor="test")
    still_there = await client.post(str(client.kid))

    await house.core.eab_desk.revoke(key.kid, actor="test")

    assert still_there.status == 200
    assert (await client.post(str(client.kid))).refusal == (403, "unauthorized")


@pytest.mark.parametrize("overlap", [0, DAY])
async def test_a_rotation_leaves_the_accounts_of_the_old_key_alone(house: AcmeHouse, overlap: int) -> None:
    key = await registered(house, EabForm(None))
    client = house.client()
    await bind(client, key)

    _, _, successor = await house.core.eab_desk.rotate(key.kid, overlap_seconds=overlap, actor="test")

    assert (await client.order("a.example")).status == 201
    assert (await bind(house.client(1), key)).status == (201 if overlap else 403)
    assert (await bind(house.client(2), successor)).status == 201


async def test_names_of_other_profiles_are_not_authorized_ahead(house: AcmeHouse) -> None:
    """Who holds an authorization may revoke, also what accounts of other EAB keys were issued."""
    profiles = ("tls-server", "device")
    await house.core.register("acme-corp", *granted(permanent("SN-1"), dns("a.example")), profiles=profiles)
    _, key = await house.core.eab_desk.add("acme-corp", EabForm(None, profiles=("tls-server",)), actor="test")
    client = house.client()
    await bind(client, key)

    assert (await client.authorize_ahead("a.example")).status == 201
    url, identifier = LINKS.to(Resource.NEW_AUTHZ), {"type": "permanent-identifier", "value": "SN-1"}
    assert (await client.post(url, {"identifier": identifier})).refusal == (403, "rejectedIdentifier")


async def test_a_key_is_for_its_names_only_early_and_at_the_end(house: AcmeHouse) -> None:
    zone = Grant(dns("example.com"), zone=True)
    await house.core.register("acme-corp", zone, profiles=("tls-server",))
    form = EabForm(None, names=(".plant.example.com", "www.example.com"))
    _, key = await house.core.eab_desk.add("acme-corp", form, actor="test")
    client = house.client()
    assert (await bind(client, key)).status == 201

    refused = await client.order("shop.example.com")
    granted_ = [await client.order(name) for name in ("www.example.com", "a.plant.example.com")]

    assert refused.refusal == (403, "rejectedIdentifier")
    assert "EAB key is not for dns:shop.example.com" in refused.json["detail"]
    assert [answer.status for answer in granted_] == [201, 201]
