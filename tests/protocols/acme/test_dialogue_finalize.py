"""Finalizing an order, once: RFC 8555, 7.4."""

from __future__ import annotations

import asyncio

import pytest
from cryptography import x509

from protocols.encoding import base64url
from tests.builders import csr
from tests.builders.acme import AcmeHouse, csr_for, statuses, url
from tests.builders.est import new_key

DAY = 86_400


async def test_a_pending_order_is_not_finalized(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")

    assert (await client.finalize(order)).refusal == (403, "orderNotReady")


@pytest.mark.parametrize(
    "request_",
    [
        csr_for("a.example"),
        csr_for("a.example", "b.example", "c.example"),
        csr_for("a.example", "c.example"),
        csr_for("a.example", "b.example", "B.example"),
        csr_for("a.example", "b.example", common_name="c.example"),
        csr_for("a.example", "b.example", common_name="Anna Lin"),
        csr_for("a.example", "192.0.2.1"),
        csr_for("*.a.example", "b.example"),
        csr.csr(subject="CN=a.example"),
        csr.csr(subject=""),
        csr_for("a.example", "b.example")[:-1],
        csr_for("a.example", "b.example") + b"\0",
        csr_for("a.example", "b.example", key=csr.rsa_key(1024)),
        csr_for("a.example", "b.example", key=csr.ec_key("secp256k1")),
        csr.csr(
            subject="",
            san=[x509.DNSName("a.example"), x509.DNSName("b.example")],
            extensions=[x509.BasicConstraints(ca=True, path_length=None)],
        ),
        csr.csr(subject="", san=[x509.DNSName("a.example"), x509.DNSName("b.example"), x509.DNSName("192.0.2.1")]),
        b"",
    ],
)
async def test_a_bad_request_leaves_the_order_ready(house: AcmeHouse, request_: bytes) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", "c.example")
    order = await client.order("a.example", "b.example")

    refused = await client.post(order.json["finalize"], {"csr": base64url(request_)})

    assert refused.refusal == (400, "badCSR")
    assert (await client.post(url(order))).json["status"] == "ready"
    assert (await client.finalize(order)).json["status"] == "valid"


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"csr": base64url(csr_for("a.example")) + "="}, "badCSR"),
        ({"csr": "-----BEGIN CERTIFICATE REQUEST-----"}, "badCSR"),
        ({}, "malformed"),
        (b"", "malformed"),
    ],
)
async def test_finalize_reads_strict_base64url(house: AcmeHouse, payload: object, problem: str) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")

    assert (await client.post(order.json["finalize"], payload)).refusal == (400, problem)


@pytest.mark.parametrize(
    "request_",
    [
        csr_for("a.example", common_name="a.example"),
        csr_for("A.Example"),
        csr.csr(subject="CN=a.example"),
        csr_for("a.example", key=csr.rsa_key()),
    ],
    ids=["common name", "upper case", "common name only", "RSA"],
)
async def test_requests_come_in_many_forms(house: AcmeHouse, request_: bytes) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    assert (await client.finalize(await client.order("a.example"), request_)).json["status"] == "valid"


async def test_a_key_of_another_subscriber_is_refused(house: AcmeHouse) -> None:
    one = await house.subscriber("one", "a.example")
    two = await house.subscriber("two", "b.example", which=1)
    key = new_key()
    await one.certificate("a.example", key=key)

    answer = await two.finalize(await two.order("b.example"), csr_for("b.example", key=key))

    assert answer.refusal == (400, "badCSR")


async def test_a_repeated_finalize_brings_the_same_certificate(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")
    request = csr_for("a.example")

    answers = [await client.finalize(order, request) for _ in range(3)]

    assert {answer.json["certificate"] for answer in answers} == {answers[0].json["certificate"]}
    assert len(await house.core.certificates()) == 1


async def test_another_request_finalizes_no_second_time(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")
    await client.finalize(order)

    answer = await client.finalize(order, csr_for("a.example", key=new_key()))

    assert answer.refusal == (403, "orderNotReady")
    assert len(await house.core.certificates()) == 1


async def test_parallel_finalizes_with_one_request_bring_one_certificate(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")
    request = csr_for("a.example")

    answers = await asyncio.gather(*(client.finalize(order, request) for _ in range(20)))

    assert statuses(answers) == [200] * 20
    assert {answer.json["status"] for answer in answers} <= {"processing", "valid"}
    assert len(await house.core.certificates()) == 1


async def test_parallel_finalizes_with_many_requests_bring_one_certificate(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")
    requests = [csr_for("a.example", key=new_key()) for _ in range(20)]

    answers = await asyncio.gather(*(client.finalize(order, request) for request in requests))

    assert statuses(answers) == [200] + [403] * 19
    assert {answer.problem for answer in answers if answer.status != 200} == {"orderNotReady"}
    assert len(await house.core.certificates()) == 1


async def test_parallel_finalizes_inside_the_renewal_window_bring_one_certificate(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    await client.certificate("a.example")
    house.core.clock.move(61 * DAY)
    order = await client.order("a.example")
    requests = [csr_for("a.example", key=new_key()) for _ in range(10)]

    # Here no window stands in the way: the order's own compare-and-set decides.
    answers = await asyncio.gather(*(client.finalize(order, request) for request in requests))

    assert statuses(answers) == [200] + [403] * 9
    assert len(await house.core.certificates()) == 2


async def test_two_orders_for_one_name_at_once_bring_one_certificate(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    orders = [await client.order("a.example") for _ in range(2)]

    answers = [await client.finalize(order) for order in orders]

    assert [answer.status for answer in answers] == [200, 429]
    assert (await client.post(url(orders[1]))).json["status"] == "ready"


async def test_a_crash_between_intention_and_signature_loses_nothing(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")
    request = csr_for("a.example")
    await client.finalize(order, request)
    async with house.core.database.write() as tx:
        (row,) = await tx.all("SELECT der FROM certificates")
        tbs = x509.load_der_x509_certificate(row[0]).tbs_certificate_bytes
        await tx.execute(
            "UPDATE certificates SET state = 'intended', der = NULL, issued_at = NULL, tbs = :tbs", tbs=tbs
        )

    unfinished = await client.finalize(order, request)
    await house.core.recover()
    finished = await client.post(url(order))

    assert (unfinished.json["status"], unfinished.header("Retry-After")) == ("processing", "1")
    assert finished.json["status"] == "valid"
    assert (await client.post(finished.json["certificate"])).status == 200


async def test_an_order_whose_intention_was_given_up_is_invalid(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")
    await client.finalize(order)
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE certificates SET state = 'abandoned', request_key = NULL")

    shown = (await client.post(url(order))).json

    assert shown["status"] == "invalid"
    assert shown["error"]["type"] == "urn:ietf:params:acme:error:serverInternal"
