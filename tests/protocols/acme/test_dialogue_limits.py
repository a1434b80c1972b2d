"""Limits and paused names over the dialogue: RFC 8555, 6.6."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import NotFound
from ca_core.names import Identifier, dns
from protocols.acme.dialogue import AcmeOptions
from protocols.acme.links import Help
from protocols.acme.pauses import OVER_SECONDS, Pauses
from protocols.acme.probes import OUR_PROBLEM, Seen
from protocols.acme.records import failures
from protocols.acme.standing import LimitOptions
from tests.builders.acme import LINKS, AcmeHouse, Answer, Client, acme_house
from tests.builders.certificate_ids import named
from tests.builders.core import granted

DAY = 86_400
UNREACHABLE = Seen(proved=False, problem="unauthorized", detail="something else was there")
NARROW = LimitOptions(
    orders_per_hour=3,
    new_accounts_per_hour=2,
    failed_probes_per_hour=2,
    pending_authorizations=2,
    paused_after_failures=3,
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[AcmeHouse]:
    async with acme_house(tmp_path, AcmeOptions(), limits=NARROW) as opened:
        yield opened


@pytest.fixture
def pauses(house: AcmeHouse) -> Pauses:
    return Pauses(house.core.database, house.core.clock)


def require_limited(answer: Answer, *, seconds: int, topic: Help = Help.RATE_LIMITS) -> str:
    assert answer.refusal == (429, "rateLimited")
    assert answer.header("Retry-After") == str(seconds)
    assert f'<{LINKS.help(topic)}>;rel="help"' in answer.headers["Link"]
    return str(answer.json["detail"])


async def fail(house: AcmeHouse, client: Client, name: str, times: int, *, every_seconds: int = DAY) -> None:
    house.probes.staged[name] = UNREACHABLE
    for _ in range(times):
        await client.authorize(await client.order(name))
        house.core.clock.move(every_seconds)


async def pending(house: AcmeHouse, client: Client) -> tuple[int, frozenset[Identifier]]:
    assert client.kid
    async with house.core.database.read() as tx:
        found = await failures.standing(tx, client.kid.rpartition("/")[2], now=house.core.clock.now())
    return found.pending, found.paused


async def test_orders_beyond_the_limit_are_told_when_to_come_again(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", "c.example", "d.example")
    for name in ("a.example", "b.example", "c.example"):
        assert (await client.order(name)).status == 201

    limited = await client.order("d.example")

    assert "limits.orders_per_hour" in require_limited(limited, seconds=1200)
    assert await house.core.count("acme_orders") == 3
    house.core.clock.move(1200)
    assert (await client.order("d.example")).status == 201


async def test_names_that_are_authorized_ahead_are_counted_as_orders(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    for _ in range(3):
        assert (await client.authorize_ahead("a.example")).status == 201

    require_limited(await client.authorize_ahead("a.example"), seconds=1200)
    require_limited(await client.order("a.example"), seconds=1200)


async def test_what_is_refused_for_another_reason_costs_nothing(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    for _ in range(5):
        assert (await client.order("bank.example")).refusal == (403, "rejectedIdentifier")

    assert (await client.order("a.example")).status == 201


async def test_an_order_that_is_refused_for_its_challenges_costs_no_token(house: AcmeHouse) -> None:
    names = ("a.example", "b.example", "c.example", "d.example")
    client = await house.subscriber("acme-corp", *names, vetted=False)
    await fail(house, client, "a.example", 3)
    for _ in range(5):
        assert (await client.order("a.example")).refusal == (429, "rateLimited")
        assert (await client.authorize_ahead("a.example")).refusal == (429, "rateLimited")
    assert (await client.order("b.example", "c.example")).status == 201

    for _ in range(5):
        require_limited(await client.order("d.example"), seconds=3600)

    assert (await client.order("b.example")).status == 201
    assert (await client.order("c.example")).status == 201
    require_limited(await client.order("b.example"), seconds=1200)


async def test_an_order_with_a_wrong_signature_spends_nobodys_tokens(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    thief = house.client(1)
    thief.kid = client.kid

    for _ in range(5):
        assert (await thief.order("a.example")).status == 400

    assert (await client.order("a.example")).status == 201


async def test_a_renewal_in_its_window_is_not_counted(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example")
    await client.certificate("a.example")
    house.core.clock.move(61 * DAY)
    for _ in range(3):
        assert (await client.order("b.example")).status == 201
    assert (await client.order("b.example")).status == 429

    renewal = await client.order("a.example")

    assert renewal.status == 201


async def test_new_accounts_are_limited_by_registration_and_old_ones_found_again(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp", *granted(dns("a.example")))
    for which in range(2):
        assert (await house.client(which).new_account(sheet)).status == 201

    limited = await house.client(2).new_account(sheet)

    assert "limits.new_accounts_per_hour" in require_limited(limited, seconds=1800)
    assert await house.core.count("acme_accounts") == 2
    assert (await house.client(1).new_account(sheet)).status == 200


async def test_open_accounts_are_limited_by_source(tmp_path: Path) -> None:
    async with acme_house(tmp_path, AcmeOptions(open_account="open"), limits=NARROW) as house:
        await house.core.register("open", *granted(dns("a.example"), vetted=False))
        for which in range(2):
            assert (await house.client(which).new_account(None)).status == 201

        require_limited(await house.client(2).new_account(None), seconds=1800)


async def test_only_so_many_authorizations_pend_at_once(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", "c.example", vetted=False)
    order = await client.order("a.example", "b.example")
    assert await pending(house, client) == (2, frozenset())

    limited = await client.order("c.example")

    assert "limits.pending_authorizations" in require_limited(limited, seconds=3600)
    await client.authorize(order)
    assert await pending(house, client) == (0, frozenset())
    assert (await client.order("c.example")).status == 201


async def test_authorizations_that_have_expired_pend_no_more(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", "c.example", vetted=False)
    await client.order("a.example", "b.example")

    house.core.clock.move(8 * DAY)

    assert (await client.order("c.example")).status == 201


async def test_after_too_many_failures_no_challenge_is_looked_at(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    await fail(house, client, "a.example", 2, every_seconds=0)
    order = await client.order("a.example")
    (authorization,) = order.json["authorizations"]
    (challenge,) = (await client.post(authorization)).json["challenges"][:1]
    asked = len(house.probes.asked)

    limited = await client.post(challenge["url"], {})

    assert "limits.failed_probes_per_hour" in require_limited(limited, seconds=1800)
    assert len(house.probes.asked) == asked
    house.core.clock.move(1800)
    assert (await client.post(challenge["url"], {})).status == 200


async def test_to_replace_what_is_replaced_costs_no_order(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", "c.example", "d.example")
    old = await client.certificate("a.example")
    house.core.clock.move(70 * DAY)
    replaces = named(old.public_bytes(Encoding.DER))
    assert (await client.order("a.example", replaces=replaces)).status == 201

    refused = [await client.order("a.example", replaces=replaces) for _ in range(15)]

    assert {one.refusal for one in refused} == {(409, "alreadyReplaced")}
    others = [await client.order(f"{letter}.example") for letter in "bcd"]
    assert [one.status for one in others] == [201, 201, 201]


async def test_a_name_that_only_fails_is_paused_for_its_account(house: AcmeHouse, pauses: Pauses) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)
    await fail(house, client, "a.example", 3)

    refused = await client.order("b.example", "a.example")

    detail = require_limited(refused, seconds=DAY, topic=Help.PAUSED)
    assert "soapstone unpause acme-corp a.example" in detail
    (subproblem,) = refused.json["subproblems"]
    assert subproblem["identifier"] == {"type": "dns", "value": "a.example"}
    assert (await client.order("b.example")).status == 201
    (event,) = await house.core.journal("name-paused")
    assert event.detail | {"account": ""} == {"event": "name-paused", "account": "", "name": "dns:a.example"} | {
        "failures": 3
    }
    (paused,) = await pauses.every()
    assert (paused.registered_as, paused.identifier, paused.failures) == ("acme-corp", dns("a.example"), 3)
    assert paused.first_at + 2 * DAY == paused.last_at == paused.paused_at


async def test_another_account_is_not_concerned_by_a_pause(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    await fail(house, client, "a.example", 3)

    other = await house.subscriber("other-corp", "a.example", which=1, vetted=False)

    assert (await other.order("a.example")).status == 201


async def test_a_success_begins_the_count_anew(house: AcmeHouse, pauses: Pauses) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    await fail(house, client, "a.example", 2)
    del house.probes.staged["a.example"]
    await client.authorize(await client.order("a.example"))
    house.core.clock.move(31 * DAY)

    await fail(house, client, "a.example", 2)

    assert await pauses.every() == []
    await fail(house, client, "a.example", 1)
    assert len(await pauses.every()) == 1


async def test_who_tries_for_an_afternoon_is_not_paused(house: AcmeHouse, pauses: Pauses) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)

    await fail(house, client, "a.example", 5, every_seconds=OVER_SECONDS // 6)

    assert await pauses.every() == []


async def test_a_bug_of_ours_is_nobodys_failure(house: AcmeHouse, pauses: Pauses) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    house.probes.staged["a.example"] = Seen(proved=False, problem=OUR_PROBLEM, detail="a bug")
    for _ in range(4):
        await client.authorize(await client.order("a.example"))
        house.core.clock.move(DAY)

    assert await pauses.every() == []
    assert await house.core.count("acme_failures") == 0


async def test_a_pause_that_is_lifted_is_over_at_once_and_journaled(house: AcmeHouse, pauses: Pauses) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    await fail(house, client, "a.example", 3)

    (lifted,) = await pauses.lift("acme-corp", [dns("a.example")], actor="cli:operator:test")

    assert lifted.identifier == dns("a.example")
    assert (await client.order("a.example")).status == 201
    (event,) = await house.core.journal("name-unpaused")
    assert (event.actor, event.detail["name"]) == ("cli:operator:test", "dns:a.example")
    assert event.registration_id is not None
    assert await pauses.every() == []


async def test_every_pause_of_an_account_can_be_lifted(house: AcmeHouse, pauses: Pauses) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)
    await fail(house, client, "a.example", 3)
    await fail(house, client, "b.example", 3)

    lifted = await pauses.lift("acme-corp", None, actor="test")

    assert [one.identifier.value for one in lifted] == ["a.example", "b.example"]
    assert await pauses.lift("acme-corp", None, actor="test") == []


async def test_what_is_not_paused_is_not_lifted_and_nothing_beside_it(house: AcmeHouse, pauses: Pauses) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    await fail(house, client, "a.example", 3)

    with pytest.raises(NotFound, match=r"dns:b\.example is not paused for acme-corp"):
        await pauses.lift("acme-corp", [dns("a.example"), dns("b.example")], actor="test")
    with pytest.raises(NotFound, match="no account nobody"):
        await pauses.lift("nobody", None, actor="test")

    assert len(await pauses.every("acme-corp")) == 1
    assert await pauses.every("other") == []


async def test_a_name_that_was_proved_meanwhile_may_be_ordered_though_it_is_paused(house: AcmeHouse) -> None:
    """Nothing is probed for it; and who has proved it lately is nobody who was left alone."""
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    proved = await client.order("a.example")
    await client.authorize(proved)
    assert client.kid
    async with house.core.database.write() as tx:
        account_id = client.kid.rpartition("/")[2]
        now = house.core.clock.now()
        await failures.count(tx, account_id, dns("a.example"), paused_after=1, over_seconds=0, now=now)
        await failures.count(tx, account_id, dns("a.example"), paused_after=1, over_seconds=0, now=now)

    assert await pending(house, client) == (0, frozenset({dns("a.example")}))
    assert (await client.order("a.example")).json["status"] == "ready"


async def test_an_account_that_changes_all_the_time_is_held_up_and_goes_on_ordering(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    assert client.kid
    for number in range(100):
        assert (await client.post(client.kid, {"contact": [f"mailto:n{number}@a.example"]})).status == 200

    require_limited(await client.post(client.kid, {"contact": []}), seconds=36)

    assert (await client.post(client.kid, {"contact": ["mailto:n99@a.example"]})).status == 200
    assert (await client.order("a.example")).status == 201
    house.core.clock.move(36)
    assert (await client.post(client.kid, {"contact": []})).status == 200
