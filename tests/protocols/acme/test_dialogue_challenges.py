"""Authorizations, challenges and their validation: RFC 8555, 7.1.4, 7.5, 8.2, 8.3."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from msgspec import structs

from ca_core.names import dns
from protocols.acme.dialogue import AcmeDialogue, AcmeOptions
from protocols.acme.probes import CaaFound, Seen
from protocols.acme.validation import MOST_FOR_HOLDER, MOST_FOR_NAME, MOST_PROBES, Validator
from tests.builders.acme import LINKS, AcmeHouse, Answer, Client
from tests.builders.core import granted

DAY = 86_400
UNREACHABLE = Seen(proved=False, problem="connection", detail="192.0.2.9 took no connection on port 80")
WRONG = Seen(proved=False, problem="unauthorized", detail="192.0.2.9 answered with something else")


async def challenge_of(client: Client, order: Answer, number: int = 0) -> str:
    return await client.challenge(order, number)


async def status_of(client: Client, url: str) -> str:
    return str((await client.post(url)).json["status"])


async def test_a_challenge_leads_to_a_certificate(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    url = await challenge_of(client, order)

    answered = await client.post(url, {})
    looked_at = await client.post(order.json["authorizations"][0])
    await house.validator.turn()

    assert order.json["status"] == "pending"
    assert (answered.status, answered.json["status"]) == (200, "processing")
    assert f'<{order.json["authorizations"][0]}>;rel="up"' in answered.headers["Link"]
    assert answered.header("Retry-After") == looked_at.header("Retry-After") == "1"
    assert house.woken == [None]
    assert (await client.post(url)).json["validated"]
    assert await status_of(client, order.json["authorizations"][0]) == "valid"
    assert await status_of(client, order.header("Location")) == "ready"
    assert (await client.finalize(order)).json["status"] == "valid"
    (event,) = await house.core.journal("name-proved")
    assert event.detail == {"event": "name-proved", "name": "dns:a.example", "challenge": "http-01"}


async def test_the_probe_is_told_what_to_look_for(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")

    await client.authorize(order)

    ((identifier, token, expected),) = house.probes.asked
    assert identifier == dns("a.example")
    assert expected.split(".")[0] == token
    async with house.core.database.read() as tx:
        assert [(expected.split(".")[1],)] == await tx.all("SELECT thumbprint FROM acme_accounts")


async def test_an_order_waits_for_all_of_its_names(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)
    order = await client.order("a.example", "b.example")

    await client.post(await challenge_of(client, order, 0), {})
    await house.validator.turn()
    half = await status_of(client, order.header("Location"))
    await client.post(await challenge_of(client, order, 1), {})
    await house.validator.turn()

    assert half == "pending"
    assert await status_of(client, order.header("Location")) == "ready"


async def test_vetted_and_challenged_names_stand_in_one_order(house: AcmeHouse) -> None:
    grants = (*granted(dns("a.example")), *granted(dns("b.example"), vetted=False))
    client = house.client()
    await client.new_account(await house.core.register("acme-corp", *grants))

    order = await client.order("a.example", "b.example")
    await client.authorize(order)

    assert order.json["status"] == "pending"
    assert [identifier.value for identifier, _, _ in house.probes.asked] == ["b.example"]
    assert (await client.finalize(order)).json["status"] == "valid"


async def test_a_wrong_answer_ends_challenge_authorization_and_order(house: AcmeHouse) -> None:
    house.probes.staged["a.example"] = WRONG
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    url = await challenge_of(client, order)

    await client.authorize(order)

    challenge = (await client.post(url)).json
    shown = (await client.post(order.header("Location"))).json
    assert challenge["status"] == "invalid"
    assert challenge["error"] == {"type": "urn:ietf:params:acme:error:unauthorized", "detail": WRONG.detail}
    assert await status_of(client, order.json["authorizations"][0]) == "invalid"
    assert (shown["status"], shown["error"]) == ("invalid", challenge["error"])
    assert len(house.probes.asked) == 1
    (event,) = await house.core.journal("challenge-failed")
    assert event.detail["problem"] == "unauthorized"


async def test_a_network_that_fails_is_tried_four_times_ever_further_apart(house: AcmeHouse) -> None:
    house.probes.staged["a.example"] = UNREACHABLE
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    url = await challenge_of(client, order)
    await client.post(url, {})

    seen = []
    for seconds in (2, 1, 8, 1, 26, 1, 1):
        await house.validator.turn()
        await house.validator.turn()
        seen.append((len(house.probes.asked), await status_of(client, url)))
        house.core.clock.move(seconds)

    assert [number for number, _ in seen] == [1, 1, 2, 2, 3, 3, 4]
    assert [status for _, status in seen] == ["processing"] * 6 + ["invalid"]


async def test_what_is_never_dialled_is_not_tried_again(house: AcmeHouse) -> None:
    house.probes.staged["a.example"] = structs.replace(UNREACHABLE, is_final=True)
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")

    await client.authorize(order)

    assert await status_of(client, order.header("Location")) == "invalid"


async def test_what_went_wrong_is_shown_while_it_is_tried_again_and_when(house: AcmeHouse) -> None:
    house.probes.staged["a.example"] = UNREACHABLE
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    url = await challenge_of(client, await client.order("a.example"))
    await client.post(url, {})
    await house.validator.turn()

    waiting = await client.post(url)
    del house.probes.staged["a.example"]
    house.core.clock.move(3)
    await house.validator.turn()
    proved = await client.post(url)

    assert waiting.json["status"] == "processing"
    assert waiting.json["error"]["detail"] == UNREACHABLE.detail
    assert waiting.header("Retry-After") == "4"
    assert proved.json["status"] == "valid"
    assert "error" not in proved.json


async def test_a_client_that_asks_again_is_heard_but_not_every_second(house: AcmeHouse) -> None:
    house.probes.staged["a.example"] = UNREACHABLE
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    url = await challenge_of(client, await client.order("a.example"))
    await client.post(url, {})
    await house.validator.turn()
    house.core.clock.move(3)
    await house.validator.turn()
    house.woken.clear()

    answers, asked = [], []
    for _ in range(5):
        answers.append(await client.post(url, {}))
        await house.validator.turn()
        asked.append(len(house.probes.asked))
        house.core.clock.move(1)

    assert {(again.status, again.json["status"]) for again in answers} == {(200, "processing")}
    assert asked == [2, 2, 2, 3, 3]
    assert house.woken == [None]


async def test_the_attempts_are_remembered_by_the_next_process(house: AcmeHouse) -> None:
    house.probes.staged["a.example"] = UNREACHABLE
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    url = await challenge_of(client, await client.order("a.example"))
    await client.post(url, {})
    await house.validator.turn()
    house.core.clock.move(3)
    await house.validator.turn()

    next_one = Validator(house.core.database, house.core.clock, house.probes, house.outcomes, LINKS)
    await next_one.turn()
    before = len(house.probes.asked)
    house.core.clock.move(9)
    await next_one.turn()
    house.core.clock.move(27)
    await next_one.turn()

    assert (before, len(house.probes.asked)) == (2, 4)
    assert await status_of(client, url) == "invalid"


async def test_of_two_challenges_that_are_answered_the_first_that_is_met_is_enough(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    urls = [await client.challenge(order, type_=type_) for type_ in ("http-01", "dns-01", "tls-alpn-01")]
    for url in urls[:2]:
        await client.post(url, {})

    await house.validator.turn()
    late = await client.post(urls[2], {})

    assert await status_of(client, order.header("Location")) == "ready"
    assert [await status_of(client, url) for url in urls] == ["valid", "valid", "pending"]
    assert (late.status, late.json["status"]) == (200, "pending")
    assert len(await house.core.journal("name-proved")) == 1


async def test_one_challenge_that_is_not_met_ends_the_authorization_and_leaves_the_others(house: AcmeHouse) -> None:
    house.probes.staged["a.example"] = WRONG
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    urls = [await client.challenge(order, type_=type_) for type_ in ("http-01", "dns-01")]

    await client.post(urls[0], {})
    await house.validator.turn()
    late = await client.post(urls[1], {})

    assert await status_of(client, order.json["authorizations"][0]) == "invalid"
    assert [await status_of(client, url) for url in urls] == ["invalid", "pending"]
    assert late.refusal == (409, "malformed")


async def test_every_challenge_has_a_token_of_its_own(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")

    shown = (await client.post(order.json["authorizations"][0])).json["challenges"]

    assert len({one["token"] for one in shown}) == 3


async def test_a_registration_whose_hosts_are_dead_holds_up_nobody_else(house: AcmeHouse) -> None:
    house.probes.hold = held = asyncio.Event()
    names = [f"n{number}.dead.example" for number in range(40)]
    slow = await house.subscriber("slow", *names, vetted=False)
    order = await slow.order(*names)
    for number in range(len(names)):
        await slow.post(await challenge_of(slow, order, number), {})
    turn = asyncio.create_task(house.validator.turn())
    await house.probes.begun.wait()
    await asyncio.sleep(0)
    begun = len(house.probes.asked)

    house.probes.hold = None
    quick = await house.subscriber("quick", "quick.example", which=1, vetted=False)
    other = await quick.order("quick.example")
    await quick.post(await challenge_of(quick, other), {})
    async with asyncio.timeout(5):
        while await status_of(quick, other.header("Location")) != "ready":  # noqa: ASYNC110  # as a client does
            await asyncio.sleep(0.05)

    assert begun <= MOST_FOR_HOLDER
    held.set()
    await turn
    assert len(house.probes.asked) == len(names) + 1


async def test_many_registrations_whose_hosts_are_dead_leave_room_for_others(house: AcmeHouse) -> None:
    house.probes.hold = held = asyncio.Event()
    for dead in range(6):
        names = [f"n{number}.dead-{dead}.example" for number in range(MOST_FOR_HOLDER)]
        slow = await house.subscriber(f"slow-{dead}", *names, which=dead, vetted=False)
        order = await slow.order(*names)
        for number in range(len(names)):
            await slow.post(await challenge_of(slow, order, number), {})
    turn = asyncio.create_task(house.validator.turn())
    # Several looks at what is due: each could take what the one before has left.
    await asyncio.sleep(1.2)
    begun = len(house.probes.asked)

    names = [f"n{number}.quick.example" for number in range(3)]
    quick = await house.subscriber("quick", *names, which=6, vetted=False)
    other = await quick.order(*names)
    for number in range(len(names)):
        await quick.post(await challenge_of(quick, other, number), {})
    await asyncio.sleep(1.2)

    assert MOST_PROBES - 12 < begun < MOST_PROBES
    assert len(house.probes.asked) == begun + len(names)
    held.set()
    await turn
    assert len(house.probes.asked) == 6 * MOST_FOR_HOLDER + len(names)


async def test_one_name_is_looked_at_for_a_few_accounts_at_once(house: AcmeHouse) -> None:
    house.probes.hold = held = asyncio.Event()
    for number in range(6):
        client = await house.subscriber(f"account-{number}", "hole.example", which=number, vetted=False)
        await client.post(await challenge_of(client, await client.order("hole.example")), {})
    turn = asyncio.create_task(house.validator.turn())
    await house.probes.begun.wait()
    await asyncio.sleep(0.05)

    assert len(house.probes.asked) == MOST_FOR_NAME
    held.set()
    await turn
    assert len(house.probes.asked) == 6


async def test_a_network_that_comes_back_is_good_enough(house: AcmeHouse) -> None:
    house.probes.staged["a.example"] = UNREACHABLE
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    await client.authorize(order)

    del house.probes.staged["a.example"]
    house.core.clock.move(3)
    await house.validator.turn()

    assert await status_of(client, order.header("Location")) == "ready"


@pytest.mark.parametrize("staged", [None, WRONG])
async def test_a_finished_challenge_can_be_posted_again(house: AcmeHouse, staged: Seen | None) -> None:
    if staged:
        house.probes.staged["a.example"] = staged
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    url = await challenge_of(client, order)
    await client.authorize(order)
    before = await client.post(url)

    again = await client.post(url, {})
    await house.validator.turn()

    assert (again.status, again.json) == (200, before.json)
    assert len(house.probes.asked) == 1


async def test_a_challenge_that_is_answered_ten_times_at_once_is_looked_at_once(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    url = await challenge_of(client, await client.order("a.example"))

    answers = await asyncio.gather(*(client.post(url, {}) for _ in range(10)))
    await house.validator.turn()

    assert {(answer.status, answer.json["status"]) for answer in answers} == {(200, "processing")}
    assert len(house.probes.asked) == 1


async def test_looking_at_a_challenge_does_not_answer_it(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    url = await challenge_of(client, await client.order("a.example"))

    assert (await client.post(url)).json["status"] == "pending"
    assert (await client.post(url, b"[]")).refusal == (400, "malformed")
    assert await status_of(client, url) == "pending"


async def test_an_authorization_that_has_expired_takes_no_answer(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    url = await challenge_of(client, order)

    house.core.clock.move(7 * DAY + 1)

    assert (await client.post(url, {})).refusal == (409, "malformed")
    assert await status_of(client, order.json["authorizations"][0]) == "invalid"


async def test_an_authorization_that_expired_before_its_probe_stays_invalid(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    url = await challenge_of(client, order)
    await client.post(url, {})

    house.core.clock.move(7 * DAY + 1)
    await house.validator.turn()

    assert await status_of(client, order.json["authorizations"][0]) == "invalid"
    assert await status_of(client, order.header("Location")) == "invalid"
    assert "expired" in (await client.post(url)).json["error"]["detail"]
    assert (await client.order("a.example")).json["status"] == "pending"


async def test_what_is_proved_serves_later_orders_until_it_expires(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)
    first = await client.order("a.example")
    await client.authorize(first)

    second = await client.order("a.example")
    third = await client.order("a.example", "b.example")
    house.core.clock.move(30 * DAY)
    late = await client.order("a.example")

    assert second.json["status"] == "ready"
    assert second.json["authorizations"] == first.json["authorizations"]
    assert third.json["status"] == "pending"
    assert late.json["status"] == "pending"
    assert late.json["authorizations"] != first.json["authorizations"]


async def test_a_challenge_that_the_operator_offers_no_more_proves_nothing_and_is_offered_no_more(
    house: AcmeHouse,
) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    before = await client.order("a.example")
    challenge = await client.challenge(before, type_="http-01")
    options = replace(house.services, options=AcmeOptions(challenges=("dns-01",)))
    client.house = replace(house, dialogue=AcmeDialogue(options))

    refused = await client.post(challenge, {})
    after = await client.order("a.example")

    assert refused.refusal == (409, "malformed")
    assert after.json["authorizations"] != before.json["authorizations"]
    shown = (await client.post(after.json["authorizations"][0])).json["challenges"]
    assert [one["type"] for one in shown] == ["dns-01"]


async def test_nobody_else_lives_off_anothers_proof(house: AcmeHouse) -> None:
    one = await house.subscriber("one", "a.example", vetted=False)
    two = await house.subscriber("two", "a.example", which=1, vetted=False)
    await one.authorize(await one.order("a.example"))

    assert (await two.order("a.example")).json["status"] == "pending"


async def test_the_ras_word_is_given_afresh_for_each_order(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    first, second = [(await client.order("a.example")).json["authorizations"] for _ in range(2)]

    assert first != second
    assert len(await house.core.journal("policy-grant")) == 2


async def test_the_ras_word_does_not_stand_in_for_a_challenge_later(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    await client.order("a.example")

    await house.core.desk.regrant("acme-corp", granted(dns("a.example"), vetted=False), actor="test")

    assert (await client.order("a.example")).json["status"] == "pending"


async def test_an_authorization_can_be_given_up(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    await client.authorize(order)

    gone = await client.post(order.json["authorizations"][0], {"status": "deactivated"})

    assert gone.json["status"] == "deactivated"
    assert await status_of(client, order.header("Location")) == "invalid"
    assert (await client.finalize(order)).refusal == (403, "orderNotReady")
    assert (await client.order("a.example")).json["status"] == "pending"
    assert (await client.post(order.json["authorizations"][0], {"status": "deactivated"})).refusal == (
        409,
        "malformed",
    )
    assert len(await house.core.journal("acme-authorization-deactivated")) == 1


async def test_another_status_changes_nothing(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")

    answer = await client.post(order.json["authorizations"][0], {"status": "valid"})

    assert answer.json["status"] == "pending"


async def test_what_was_given_up_is_not_looked_at(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    await client.post(await challenge_of(client, order), {})
    await client.post(order.json["authorizations"][0], {"status": "deactivated"})

    await house.validator.turn()

    assert house.probes.asked == []
    assert await house.core.count("work") == 0


async def test_what_is_given_up_during_the_probe_stays_given_up(house: AcmeHouse) -> None:
    house.probes.hold = asyncio.Event()
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    await client.post(await challenge_of(client, order), {})
    turn = asyncio.create_task(house.validator.turn())
    await house.probes.begun.wait()

    await client.post(order.json["authorizations"][0], {"status": "deactivated"})
    house.probes.hold.set()
    await turn

    assert await status_of(client, order.json["authorizations"][0]) == "deactivated"
    assert await status_of(client, order.header("Location")) == "invalid"
    assert await house.core.journal("name-proved") == []


async def test_a_dead_host_holds_nobody_up(house: AcmeHouse) -> None:
    house.probes.hold = held = asyncio.Event()
    slow = await house.subscriber("slow", "slow.example", vetted=False)
    await slow.post(await challenge_of(slow, await slow.order("slow.example")), {})
    turn = asyncio.create_task(house.validator.turn())
    await house.probes.begun.wait()

    house.probes.hold = None
    quick = await house.subscriber("quick", "quick.example", which=1, vetted=False)
    order = await quick.order("quick.example")
    await quick.post(await challenge_of(quick, order), {})
    async with asyncio.timeout(5):
        while await status_of(quick, order.header("Location")) != "ready":  # noqa: ASYNC110  # as a client does
            await asyncio.sleep(0.05)

    assert not turn.done()
    held.set()
    await turn


async def test_a_validator_that_is_stopped_leaves_its_work_for_the_next(house: AcmeHouse) -> None:
    house.probes.hold = asyncio.Event()
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    await client.post(await challenge_of(client, order), {})
    turn = asyncio.create_task(house.validator.turn())
    await house.probes.begun.wait()

    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    house.probes.hold = None
    house.core.clock.move(121)
    await house.validator.turn()

    assert await status_of(client, order.header("Location")) == "ready"


class BrokenProbes:
    """A bug of ours."""

    async def look(self, _: object) -> Seen:
        raise ZeroDivisionError

    async def caa(self, _: object) -> CaaFound:
        raise ZeroDivisionError


async def test_a_bug_in_a_probe_flies_and_its_challenge_comes_again(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    url = await challenge_of(client, await client.order("a.example"))
    await client.post(url, {})

    with pytest.raises(ZeroDivisionError):
        await Validator(house.core.database, house.core.clock, BrokenProbes(), house.outcomes, LINKS).turn()

    assert await status_of(client, url) == "processing"
    house.core.clock.move(121)
    await house.validator.turn()
    assert await status_of(client, url) == "valid"
