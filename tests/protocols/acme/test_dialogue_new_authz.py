"""Names that are authorized ahead of their order: RFC 8555, 7.4.1."""

from __future__ import annotations

import pytest

from ca_core.names import dns, permanent
from tests.builders.acme import AcmeHouse, Answer, Client, url
from tests.builders.core import granted

DAY = 86_400


async def answer_challenge(client: Client, authorization: Answer, type_: str = "http-01") -> None:
    """Answer one challenge, and have it looked at."""
    (challenge,) = [one for one in authorization.json["challenges"] if one["type"] == type_]
    await client.post(challenge["url"], {})
    await client.house.validator.turn()


async def test_what_is_proved_ahead_makes_an_order_ready_at_once(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)

    ahead = await client.authorize_ahead("a.example")
    await answer_challenge(client, ahead)
    order = await client.order("a.example")

    assert (ahead.status, ahead.json["status"]) == (201, "pending")
    assert ahead.json["identifier"] == {"type": "dns", "value": "a.example"}
    assert (order.json["status"], order.json["authorizations"]) == ("ready", [url(ahead)])
    assert (await client.finalize(order)).json["status"] == "valid"


async def test_asked_again_the_same_authorization_is_shown_in_whatever_state_it_serves(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)

    first = await client.authorize_ahead("a.example")
    again = await client.authorize_ahead("a.example")
    await answer_challenge(client, first)
    proved = await client.authorize_ahead("a.example")

    assert url(first) == url(again) == url(proved)
    assert [one.status for one in (first, again, proved)] == [201, 201, 201]
    assert (again.json["status"], proved.json["status"]) == ("pending", "valid")
    assert await house.core.count("acme_authorizations") == 1


async def test_a_vetted_name_is_authorized_by_the_ras_word(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    first, again = await client.authorize_ahead("a.example"), await client.authorize_ahead("a.example")

    assert (first.json["status"], first.json["challenges"][0]["status"]) == ("valid", "valid")
    assert url(first) == url(again)
    assert [event.detail["names"] for event in await house.core.journal("policy-grant")] == [["dns:a.example"]]


async def test_what_is_asked_for_is_in_the_journal(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)

    ahead = await client.authorize_ahead("a.example")

    (event,) = await house.core.journal("acme-name-asked")
    assert event.detail["name"] == "dns:a.example"
    assert url(ahead).endswith(str(event.detail["authorization"]))


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        ("*.a.example", (400, "malformed")),
        ("A.example", (400, "malformed")),
        ("b.example", (403, "rejectedIdentifier")),
        ("192.0.2.1", (403, "rejectedIdentifier")),
    ],
)
async def test_what_is_not_to_be_had_is_not_authorized_ahead(
    house: AcmeHouse, value: str, refusal: tuple[int, str]
) -> None:
    client = await house.subscriber("acme-corp", "a.example", "*.a.example")

    assert (await client.authorize_ahead(value)).refusal == refusal
    assert await house.core.count("acme_authorizations") == 0


async def test_a_name_is_authorized_for_any_profile_that_takes_it(house: AcmeHouse) -> None:
    client = house.client()
    sheet = await house.core.register(
        "meter", *granted(dns("a.example"), permanent("SN-1")), profiles=("signing", "tls-server", "device")
    )
    await client.new_account(sheet)

    answer = await client.authorize_ahead("", identifier={"type": "permanent-identifier", "value": "SN-1"})

    assert (answer.status, answer.json["status"]) == (201, "valid")


async def test_without_a_profile_for_acme_there_is_nothing_to_authorize(house: AcmeHouse) -> None:
    client = house.client()
    await client.new_account(await house.core.register("ann", *granted(dns("a.example")), profiles=("signing",)))

    assert (await client.authorize_ahead("a.example")).refusal == (403, "invalidProfile")


async def test_orders_share_a_pending_authorization_while_a_day_is_left(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    first = await client.order("a.example")
    house.core.clock.move(5 * DAY)

    second = await client.order("a.example")
    house.core.clock.move(DAY + 1)
    third = await client.order("a.example")

    assert first.json["authorizations"] == second.json["authorizations"] != third.json["authorizations"]
    # No order waits longer than what it waits for.
    assert first.json["expires"] == second.json["expires"] < third.json["expires"]


async def test_an_order_does_not_share_what_is_being_looked_at(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    first = await client.order("a.example")
    (authorization,) = first.json["authorizations"]
    challenge = (await client.post(authorization)).json["challenges"][0]
    await client.post(challenge["url"], {})

    second = await client.order("a.example")

    assert second.json["authorizations"] != first.json["authorizations"]


async def test_what_is_given_up_is_not_used_again(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    ahead = await client.authorize_ahead("a.example")
    await answer_challenge(client, ahead)

    await client.post(url(ahead), {"status": "deactivated"})
    again = await client.authorize_ahead("a.example")

    assert (await client.post(url(ahead))).json["status"] == "deactivated"
    assert url(again) != url(ahead)
    assert again.json["status"] == "pending"
