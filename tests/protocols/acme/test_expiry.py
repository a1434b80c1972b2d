"""What runs out: RFC 8555, 7.1.2.1, 7.1.3, 7.1.4 and 7.1.6."""

from __future__ import annotations

from protocols.acme.expiry import Expiry
from protocols.acme.links import Resource
from protocols.acme.records import orders
from tests.builders.acme import LINKS, AcmeHouse, Answer, Client, url

DAY = 86_400


async def swept(house: AcmeHouse) -> None:
    await Expiry(house.core.database, house.core.clock).turn()


async def listed(client: Client) -> Answer:
    assert client.kid is not None
    return await client.post(LINKS.to(Resource.ORDERS, client.kid.rpartition("/")[2]))


async def stored(house: AcmeHouse, table: str) -> list[str]:
    async with house.core.database.read() as tx:
        if table == "acme_orders":
            return [row[0] for row in await tx.all("SELECT status FROM acme_orders ORDER BY status")]
        return [row[0] for row in await tx.all("SELECT status FROM acme_authorizations ORDER BY status")]


async def test_what_ran_out_is_shown_so_before_and_after_it_is_marked(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    (authorization,) = order.json["authorizations"]
    house.core.clock.move(7 * DAY + 1)

    before = [(await client.post(place)).json for place in (url(order), authorization)]
    await swept(house)
    after = [(await client.post(place)).json for place in (url(order), authorization)]

    assert before == after
    assert [one["status"] for one in after] == ["invalid", "invalid"]
    assert "expired" in after[0]["error"]["detail"]
    assert await stored(house, "acme_orders") == await stored(house, "acme_authorizations") == ["invalid"]


async def test_what_waits_or_was_proved_is_left_as_it_is(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)
    proved = await client.order("a.example")
    await client.authorize(proved)
    await client.finalize(proved)
    pending = await client.order("b.example")
    house.core.clock.move(7 * DAY)

    await swept(house)

    assert await stored(house, "acme_orders") == ["pending", "processing"]
    assert await stored(house, "acme_authorizations") == ["pending", "valid"]
    assert (await client.post(url(pending))).json["status"] == "pending"


async def test_a_proof_that_ran_out_is_shown_as_expired_and_nobody_can_give_it_up(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    await client.authorize(order)
    house.core.clock.move(31 * DAY)
    (authorization,) = order.json["authorizations"]

    shown = await client.post(authorization)

    assert shown.json["status"] == "expired"
    assert shown.json["expires"]
    assert (await client.post(authorization, {"status": "deactivated"})).status == 409


async def test_what_came_to_nothing_is_not_looked_through_for_what_did_not(house: AcmeHouse) -> None:
    texts = dict.fromkeys(
        ("account_id", "before", "pending", "ready", "processing", "prefix", "waiting", "approved"), ""
    )
    async with house.core.database.read() as tx:
        listed_ = await tx.all("EXPLAIN QUERY PLAN " + orders.LISTED, **texts, now=0, most=1)
        failed = await tx.all("EXPLAIN QUERY PLAN " + orders.FAIL_ALL, to="", error="", account_id="", was="ready")

    assert "USING INDEX acme_orders_listed" in listed_[0][-1]
    assert "USING INDEX acme_orders_listed" in failed[0][-1]


async def test_the_list_has_no_order_that_is_invalid(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", *(f"{letter}.example" for letter in "abcd"))
    valid, given_up, ran_out = [await client.order(f"{letter}.example") for letter in "abc"]
    await client.finalize(valid)
    await client.finalize(given_up)
    async with house.core.database.write() as tx:
        await tx.execute("DELETE FROM certificates WHERE names = 'dns:b.example'")
    house.core.clock.move(7 * DAY + 1)
    waiting = await client.order("d.example")

    shown = (await listed(client)).json["orders"]

    assert shown == [url(waiting), url(valid)]
    assert [(await client.post(url(one))).json["status"] for one in (given_up, ran_out)] == ["invalid", "invalid"]
