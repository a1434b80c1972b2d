"""What runs out: RFC 8555, 7.1.2.1, 7.1.3, 7.1.4 and 7.1.6."""

from __future__ import annotations

from ca_core.names import dns
from protocols.acme.expiry import Expiry
from protocols.acme.links import Resource
from protocols.acme.probes import Seen
from protocols.acme.records import failures
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


async def test_what_came_to_nothing_is_cleared_away_after_ninety_days_and_nothing_else(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", "c.example", vetted=False)
    kept = await client.order("a.example")
    await client.authorize(kept)
    await client.finalize(kept)
    both = await client.order("a.example", "b.example")
    house.probes.staged["b.example"] = Seen(proved=False, problem="unauthorized", detail="something else")
    await client.authorize(both)
    assert (await client.post(url(both))).json["status"] == "invalid"
    events = await house.core.count("journal")

    house.core.clock.move(90 * DAY)
    await swept(house)
    assert await stored(house, "acme_orders") == ["invalid", "processing"]
    await house.core.desk.renew_registration("acme-corp", actor="test")
    pending = await client.order("c.example")
    house.core.clock.move(1)
    await swept(house)

    assert await stored(house, "acme_orders") == ["pending", "processing"]
    assert await stored(house, "acme_authorizations") == ["pending", "valid"]
    assert (await client.post(url(both))).status == 404
    assert (await client.post(url(kept))).json["status"] == "valid"
    assert (await client.post(url(pending))).json["status"] == "pending"
    assert await house.core.count("journal") >= events
    assert len(await house.core.certificates()) == 1


async def test_what_was_authorized_ahead_of_no_order_is_cleared_away_ninety_days_after_it_ran_out(
    house: AcmeHouse,
) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", "c.example", vetted=False)
    unproved, proved = [await client.authorize_ahead(f"{name}.example") for name in "ab"]
    await client.post(proved.json["challenges"][0]["url"], {})
    used = await client.authorize_ahead("c.example")
    await house.validator.turn()
    order = await client.order("c.example")
    assert order.json["authorizations"] == [url(used)]
    assert await stored(house, "acme_authorizations") == ["pending", "pending", "valid"]

    counts = []
    for days in (97, 1, 22, 1):
        house.core.clock.move(days * DAY)
        await swept(house)
        counts.append(await house.core.count("acme_authorizations"))

    # What an order stood on is cleared with it. A pending one runs out after a week, a proof after thirty days.
    assert counts == [2, 1, 1, 0]
    assert [(await client.post(url(one))).status for one in (unproved, proved, used)] == [404, 404, 404]
    assert await house.core.count("acme_challenges") == 0


async def test_what_outlives_its_order_is_cleared_away_in_its_own_time(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)
    house.probes.staged["b.example"] = Seen(proved=False, problem="unauthorized", detail="something else")
    order = await client.order("a.example", "b.example")
    await client.authorize(order)
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE acme_authorizations SET expires_at = expires_at + :more", more=70 * DAY)

    counts = []
    for days in (91, 90, 10):
        house.core.clock.move(days * DAY)
        await swept(house)
        counts.append(await house.core.count("acme_authorizations"))

    assert await house.core.count("acme_orders") == 0
    assert counts == [1, 1, 0]


async def test_failures_are_forgotten_after_a_month_without_one_unless_the_name_is_paused(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)
    account_id, now = str(client.kid).rpartition("/")[2], house.core.clock.now()
    async with house.core.database.write() as tx:
        await failures.count(tx, account_id, dns("a.example"), paused_after=9, over_seconds=0, now=now)
        for _ in range(2):
            await failures.count(tx, account_id, dns("b.example"), paused_after=2, over_seconds=0, now=now)

    house.core.clock.move(30 * DAY)
    await swept(house)
    assert await house.core.count("acme_failures") == 2
    house.core.clock.move(1)
    await swept(house)

    assert await house.core.count("acme_failures") == 1
    async with house.core.database.read() as tx:
        assert [one.identifier for one in await failures.paused(tx)] == [dns("b.example")]
