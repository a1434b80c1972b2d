"""When a certificate should be replaced, and orders that replace it: RFC 9773, 4 and 5."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.applicant import Door
from ca_core.clock import rfc3339
from ca_core.policy.profile import ApprovalRule
from ca_core.policy.renewal import Window
from ca_core.policy.request import parse
from ca_core.revocation.bulk import BulkRevocation
from ca_core.revocation.reason import Reason
from ca_core.revocation.recall import Recall
from ca_core.revocation.selector import Selector
from protocols.acme.links import Resource
from tests.builders.acme import BASE, LINKS, AcmeHouse, Answer, Client, acme_house, csr_for, statuses, url
from tests.builders.certificate_ids import named
from tests.builders.est import Csr, new_key
from tests.builders.reviewed import OFFICER, approve, reviewed

DAY = 86_400


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def name_of(certificate: x509.Certificate) -> str:
    return named(der(certificate))


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


async def looked_up(house: AcmeHouse, certificate: x509.Certificate) -> Answer:
    return await house.send("GET", f"{LINKS.to(Resource.RENEWAL_INFO)}/{name_of(certificate)}")


def window(answer: Answer) -> Window:
    shown = answer.json["suggestedWindow"]
    return Window(seconds(shown["start"]), seconds(shown["end"]))


async def renewable(house: AcmeHouse, *names: str) -> tuple[Client, x509.Certificate]:
    """A client, and its certificate in the last third of its life."""
    client = await house.subscriber("acme-corp", *(names or ("a.example",)))
    certificate = await client.certificate(*(names or ("a.example",)))
    house.core.clock.move(70 * DAY)
    return client, certificate


async def test_the_suggested_window_lies_in_the_one_in_which_the_core_renews(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    certificate = await client.certificate("a.example")

    answer = await looked_up(house, certificate)

    (stored,) = await house.core.certificates()
    rule = house.core.enrollment.renewal_window(stored)
    assert rule.opens_at <= window(answer).opens_at < window(answer).closes_at <= rule.closes_at
    assert answer.json["explanationURL"] == f"{BASE}/help/renewal"
    assert (answer.status, answer.header("Content-Type")) == (200, "application/json")
    assert answer.header("Retry-After") == "21600"
    assert answer.header("Cache-Control") == "public, max-age=300"
    house.core.clock.move(window(answer).opens_at - house.core.clock.now())
    assert (await client.order("a.example")).status == 201


async def test_everybody_may_look_and_nobody_may_post(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    certificate = await client.certificate("a.example")
    place = f"{LINKS.to(Resource.RENEWAL_INFO)}/{name_of(certificate)}"

    posted = await client.post(place)

    assert (await house.send("HEAD", place)).status == 200
    assert posted.refusal == (405, "malformed")
    assert posted.header("Allow") == "GET, HEAD, OPTIONS"


async def test_other_spellings_and_other_certificates_are_not_found(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    key, _, number = name_of(await client.certificate("a.example")).partition(".")
    base = LINKS.to(Resource.RENEWAL_INFO)

    answers = [
        await house.send("GET", f"{base}/{text}" if text is not None else base)
        for text in (f"{key}.{number}=", f"{key}.{number[:-1]}", f"{number}.{number}", f"{key}/{number}", "", None)
    ]

    assert [answer.refusal for answer in answers] == [(404, "malformed")] * 6


async def test_a_revoked_certificate_should_have_been_replaced(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    certificate = await client.certificate("a.example")
    await client.revoke(der(certificate))

    answer = await looked_up(house, certificate)

    assert window(answer).closes_at <= house.core.clock.now()
    assert answer.header("Retry-After") == "3600"
    replacing = await client.order("a.example", replaces=name_of(certificate))
    assert replacing.status == 201


async def test_a_replaced_certificate_should_have_been_too(house: AcmeHouse) -> None:
    client, certificate = await renewable(house)
    await client.finalize(await client.order("a.example", replaces=name_of(certificate)))

    assert window(await looked_up(house, certificate)).closes_at <= house.core.clock.now()


async def test_what_an_order_of_other_names_replaced_early_is_not_called_for_while_it_would_be_refused(
    house: AcmeHouse,
) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example")
    certificate = await client.certificate("a.example")
    await client.finalize(await client.order("a.example", "b.example", replaces=name_of(certificate)))

    early = window(await looked_up(house, certificate))
    refused = await client.order("a.example")
    house.core.clock.move(61 * DAY)
    late = window(await looked_up(house, certificate))

    assert refused.refusal == (429, "rateLimited")
    assert early.opens_at > house.core.clock.now() - 61 * DAY
    assert late.closes_at <= house.core.clock.now()
    assert (await client.order("a.example")).status == 201


async def recalled(house: AcmeHouse, *, undo: bool = False) -> int:
    """Recall all that there is, as the operator's command does."""
    core, selector = house.core, Selector(profile="tls-server")
    found = await BulkRevocation(core.database, core.clock).find(selector, Reason.SUPERSEDED)
    return await Recall(core.database, core.clock).run(found.certificates, selector, actor="test", undo=undo)


async def test_a_recalled_certificate_is_late_and_may_be_replaced_at_once(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    certificate = await client.certificate("a.example")
    before = await client.order("a.example", replaces=name_of(certificate))

    assert await recalled(house) == 1
    house.core.clock.move(60)
    answer = await looked_up(house, certificate)
    order = await client.order("a.example", replaces=name_of(certificate))
    finalized = await client.finalize(order)

    assert before.refusal == (429, "rateLimited")
    assert window(answer).closes_at < house.core.clock.now()
    assert finalized.json["status"] == "valid"
    (event,) = await house.core.journal("certificates-recalled")
    assert (event.detail["selector"], event.detail["count"]) == ("profile tls-server", 1)


async def test_a_recall_can_be_taken_back_and_is_said_once(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    certificate = await client.certificate("a.example")
    before = (await looked_up(house, certificate)).json

    changed = [await recalled(house, undo=undo) for undo in (False, False, True, True)]

    assert changed == [1, 0, 1, 0]
    assert (await looked_up(house, certificate)).json == before
    assert (await client.order("a.example")).refusal == (429, "rateLimited")
    assert len(await house.core.journal("certificates-recalled")) == 2


async def test_nothing_is_moved_for_a_hold(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    before = await looked_up(house, certificate := await client.certificate("a.example"))
    async with house.core.database.write() as tx:
        await tx.execute(
            "INSERT INTO revocations (serial, issuer, revoked_at, reason, entry)"
            " SELECT serial, issuer, issued_at, 6, :entry FROM certificates",
            entry=b"",
        )

    assert (await looked_up(house, certificate)).json == before.json


async def test_an_order_shows_what_it_replaces_and_its_certificate_says_so(house: AcmeHouse) -> None:
    client, certificate = await renewable(house)

    order = await client.order("a.example", replaces=name_of(certificate))
    finalized = await client.finalize(order)

    assert order.json["replaces"] == finalized.json["replaces"] == name_of(certificate)
    new = (await house.core.certificates())[-1]
    assert new.replaces == f"{certificate.serial_number:040x}"


async def test_a_certificate_is_replaced_once(house: AcmeHouse) -> None:
    client, certificate = await renewable(house)
    first = await client.order("a.example", replaces=name_of(certificate))

    second = await client.order("a.example", replaces=name_of(certificate))
    await client.finalize(first)
    third = await client.order("a.example", replaces=name_of(certificate))

    assert second.refusal == third.refusal == (409, "alreadyReplaced")
    assert await house.core.count("acme_orders") == 2


async def test_what_was_renewed_through_another_door_is_replaced_already(house: AcmeHouse) -> None:
    client, certificate = await renewable(house)
    core, serial = house.core, certificate.serial_number
    device = await core.sign_in.by_certificate(der(certificate), serial, source="192.0.2.1", door=Door.EST)
    asked = Csr(subject=certificate.subject, names=("a.example",))
    await core.renew(device, parse(asked.der()))

    answer = await client.order("a.example", replaces=name_of(certificate))

    assert answer.refusal == (409, "alreadyReplaced")


async def test_of_fifty_orders_at_once_one_replaces(house: AcmeHouse) -> None:
    client, certificate = await renewable(house)

    answers = await asyncio.gather(
        *(client.order("a.example", replaces=name_of(certificate)) for _ in range(50)),
    )

    assert statuses(answers) == [201, *[409] * 49]


async def test_an_order_that_failed_gives_its_certificate_free(house: AcmeHouse) -> None:
    client, certificate = await renewable(house)
    first = await client.order("a.example", replaces=name_of(certificate))
    await client.post(first.json["authorizations"][0], {"status": "deactivated"})

    second = await client.order("a.example", replaces=name_of(certificate))

    assert (await client.post(url(first))).json["status"] == "invalid"
    assert second.status == 201


async def test_an_order_that_ran_out_gives_its_certificate_free(house: AcmeHouse) -> None:
    client, certificate = await renewable(house)
    first = await client.order("a.example", replaces=name_of(certificate))
    house.core.clock.move(8 * DAY)

    second = await client.order("a.example", replaces=name_of(certificate))

    assert (first.status, second.status) == (201, 201)


async def test_an_order_whose_certificate_was_given_up_gives_it_free(house: AcmeHouse) -> None:
    client, certificate = await renewable(house)
    first = await client.order("a.example", replaces=name_of(certificate))
    await client.finalize(first)
    async with house.core.database.write() as tx:
        await tx.execute(
            "UPDATE certificates SET state = 'abandoned', request_key = NULL, der = NULL WHERE replaces IS NOT NULL"
        )

    second = await client.order("a.example", replaces=name_of(certificate))

    assert second.status == 201


async def test_replacing_before_the_window_is_too_early(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    certificate = await client.certificate("a.example")

    answer = await client.order("a.example", replaces=name_of(certificate))

    assert answer.refusal == (429, "rateLimited")


@pytest.mark.parametrize("text", ["", "x.y", "AAAA.AAAA", "AAAA"])
async def test_what_is_no_certificate_is_replaced_by_nothing(house: AcmeHouse, text: str) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    assert (await client.order("a.example", replaces=text)).refusal == (400, "malformed")


async def test_another_accounts_certificate_is_not_replaced(house: AcmeHouse) -> None:
    _, certificate = await renewable(house)
    other = await house.subscriber("other", "a.example", which=1)

    answer = await other.order("a.example", replaces=name_of(certificate))

    assert answer.refusal == (400, "malformed")
    assert "this account has ordered no certificate" in answer.json["detail"]


async def test_a_replacement_has_a_name_in_common(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", "c.example")
    certificate = await client.certificate("a.example", "b.example")
    house.core.clock.move(70 * DAY)

    none = await client.order("c.example", replaces=name_of(certificate))
    one = await client.order("b.example", "c.example", replaces=name_of(certificate))

    assert none.refusal == (400, "malformed")
    assert one.status == 201


async def test_the_end_of_a_wished_life_is_what_the_window_counts_from(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    end = house.core.clock.now() + 30 * DAY
    order = await client.order("a.example", notAfter=rfc3339(end))
    chain = await client.post((await client.finalize(order)).json["certificate"])
    leaf = x509.load_pem_x509_certificates(chain.body)[0]

    suggested = window(await looked_up(house, leaf))

    assert end - 10 * DAY - 300 <= suggested.opens_at < suggested.closes_at < end


async def test_a_replacement_that_waits_for_an_officer_is_one_and_a_rejected_one_gives_free(tmp_path: Path) -> None:
    async with acme_house(tmp_path, profiles=reviewed(ApprovalRule.ALWAYS, "tls-server")) as house:
        client = await house.subscriber("acme-corp", "a.example")
        await client.finalize(placed := await client.order("a.example"))
        await approve(house.core, 1)
        chain = await client.post((await client.post(url(placed))).json["certificate"])
        certificate = x509.load_pem_x509_certificates(chain.body)[0]
        house.core.clock.move(70 * DAY)
        waiting = await client.order("a.example", replaces=name_of(certificate), notAfter=in_days(house, 20))
        await client.finalize(waiting)

        refused = await client.order("a.example", replaces=name_of(certificate))
        await house.core.referrals.reject(2, actor=OFFICER, note="not yet")
        third = await client.order("a.example", replaces=name_of(certificate), notAfter=in_days(house, 20))
        await client.finalize(third, csr_for("a.example", key=new_key()))
        await approve(house.core, 3)

        assert refused.refusal == (409, "alreadyReplaced")
        rejected = (await client.post(url(waiting))).json
        assert (rejected["status"], "not yet" in rejected["error"]["detail"]) == ("invalid", True)
        assert (await client.post(url(third))).json["status"] == "valid"
        new = (await house.core.certificates())[-1]
        assert new.replaces == f"{certificate.serial_number:040x}"
        assert rfc3339(new.not_after) == third.json["notAfter"]


def in_days(house: AcmeHouse, days: int) -> str:
    return rfc3339(house.core.clock.now() + days * DAY)
