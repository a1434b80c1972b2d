"""Orders, finalize and certificates: RFC 8555, 7.1.3, 7.4."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.names import Identifier, Kind, dns, ip
from ca_core.registration.account import Grant
from protocols.acme.dialogue import AcmeDialogue
from protocols.acme.links import Resource
from protocols.encoding import base64url
from tests.builders import csr
from tests.builders.acme import LINKS, AcmeHouse, Answer, csr_for, statuses
from tests.builders.core import granted

DAY = 86_400


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def url(order: Answer) -> str:
    return order.header("Location")


async def test_vetted_names_are_authorized_at_once(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "*.b.example")

    order = await client.order("a.example", "*.b.example")

    assert (order.status, order.json["status"]) == (201, "ready")
    shown = [(await client.post(one)).json for one in order.json["authorizations"]]
    assert {(one["identifier"]["value"], one.get("wildcard", False)) for one in shown} == {
        ("a.example", False),
        ("b.example", True),
    }
    for one in shown:
        assert one["status"] == "valid"
        assert [(c["type"], c["status"], len(c["token"])) for c in one["challenges"]] == [("http-01", "valid", 43)]
    (event,) = await house.core.journal("policy-grant")
    assert event.detail["names"] == ["dns:*.b.example", "dns:a.example"]
    assert house.probes.asked == []


async def test_a_ready_order_becomes_a_certificate(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example")
    order = await client.order("a.example", "b.example")

    finalized = await client.finalize(order)
    chain = await client.post(finalized.json["certificate"])

    assert (finalized.status, finalized.json["status"]) == (200, "valid")
    assert url(finalized) == url(order)
    assert chain.header("Content-Type") == "application/pem-certificate-chain"
    leaf, issuing = x509.load_pem_x509_certificates(chain.body)
    leaf.verify_directly_issued_by(issuing)
    assert issuing == house.core.authority.issuing
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(san.get_values_for_type(x509.DNSName)) == {"a.example", "b.example"}
    assert "O=Example" in leaf.subject.rfc4514_string()


async def test_addresses_are_issued_too(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp", *granted(ip("192.0.2.1"), ip("2001:db8::1")))
    client = house.client()
    await client.new_account(sheet)

    order = await client.order("192.0.2.1", "2001:db8::1")

    assert (await client.finalize(order)).json["status"] == "valid"


async def test_duplicates_collapse(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    order = await client.order("a.example", "a.example")

    assert order.json["identifiers"] == [{"type": "dns", "value": "a.example"}]
    assert len(order.json["authorizations"]) == 1


@pytest.mark.parametrize(
    ("kind", "value", "refusal"),
    [
        ("dns", "a.example\0", (400, "malformed")),
        ("dns", "a.example.", (400, "malformed")),
        ("dns", "A.example", (400, "malformed")),
        ("dns", "192.0.2.1", (400, "malformed")),
        ("dns", "b\u00fccher.example", (400, "malformed")),
        ("ip", "a.example", (400, "malformed")),
        ("email", "a@a.example", (400, "unsupportedIdentifier")),
        ("dns", "b.example", (403, "rejectedIdentifier")),
        ("dns", "sub.a.example", (403, "rejectedIdentifier")),
        ("dns", "*.a.example", (403, "rejectedIdentifier")),
        ("ip", "192.0.2.1", (403, "rejectedIdentifier")),
    ],
)
async def test_a_name_that_is_not_to_be_had_makes_no_order(
    house: AcmeHouse, kind: str, value: str, refusal: tuple[int, str]
) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    answer = await client.post(LINKS.to(Resource.NEW_ORDER), {"identifiers": [{"type": kind, "value": value}]})

    assert answer.refusal == refusal
    assert await house.core.count("acme_orders") == 0


async def test_101_names_are_too_many(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", *(f"n{number}.example" for number in range(100)))

    too_many = await client.order(*(f"n{number}.example" for number in range(101)))
    just_right = await client.order(*(f"n{number}.example" for number in range(100)))

    assert too_many.refusal == (400, "malformed")
    assert just_right.json["status"] == "ready"


async def test_every_rejected_name_is_told(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    answer = await client.order("b.example", "a.example", "c.example")

    assert answer.refusal == (403, "rejectedIdentifier")
    assert [one["identifier"]["value"] for one in answer.json["subproblems"]] == ["b.example", "c.example"]


async def test_a_wildcard_that_nobody_vetted_is_rejected(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "*.a.example", vetted=False)

    assert (await client.order("*.a.example")).refusal == (403, "rejectedIdentifier")


async def test_nobody_orders_dates(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    answer = await client.order("a.example", notAfter="2031-01-01T00:00:00Z")

    assert answer.refusal == (400, "malformed")
    assert "notAfter" in answer.json["detail"]


async def test_a_profile_can_be_chosen_among_the_granted(house: AcmeHouse) -> None:
    sheet = await house.core.register(
        "acme-corp", *granted(dns("a.example")), profiles=("signing", "tls-server", "device")
    )
    client = house.client()
    await client.new_account(sheet)

    default = await client.order("a.example")
    device = await client.order("a.example", profile="device")
    finalized = await client.finalize(device)

    # The first that ACME offers: signing is for persons.
    assert default.json["profile"] == "tls-server"
    assert device.json["profile"] == "device"
    assert finalized.json["status"] == "valid"
    assert [one.profile for one in await house.core.certificates()] == ["device"]
    assert (await client.order("a.example", profile="signing")).refusal == (400, "invalidProfile")
    assert (await client.order("a.example", profile="encryption")).refusal == (403, "invalidProfile")
    assert (await client.order("a.example", profile="nonsense")).refusal == (400, "invalidProfile")


async def test_an_early_renewal_is_told_when_to_come(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    await client.certificate("a.example")

    early = await client.order("a.example")
    house.core.clock.move(61 * DAY)
    in_time = await client.order("a.example")

    assert early.refusal == (429, "rateLimited")
    assert 59 * DAY < int(early.header("Retry-After")) <= 60 * DAY
    assert "2030-" in early.json["detail"]
    assert (await client.finalize(in_time)).json["status"] == "valid"


async def test_an_order_waits_seven_days(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")

    house.core.clock.move(7 * DAY + 1)
    finalized = await client.finalize(order)

    assert (await client.post(url(order))).json["status"] == "invalid"
    assert finalized.refusal == (403, "orderNotReady")
    assert await house.core.certificates() == []


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


async def test_what_the_ra_takes_back_is_not_issued(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")

    await house.core.desk.regrant("acme-corp", (), actor="test")
    gone = await client.finalize(order)
    await house.core.desk.regrant("acme-corp", granted(dns("a.example"), vetted=False), actor="test")
    challenged = await client.finalize(order)

    assert gone.refusal == (403, "rejectedIdentifier")
    assert challenged.refusal == (403, "unauthorized")
    assert await house.core.certificates() == []


async def test_a_name_below_a_zone_is_vetted_with_it(house: AcmeHouse) -> None:
    zone = Grant(Identifier(Kind.DNS, "a.example"), zone=True)
    client = house.client()
    await client.new_account(await house.core.register("acme-corp", zone))

    assert (await client.order("deep.www.a.example")).json["status"] == "ready"
    assert (await client.order("a.example")).refusal == (403, "rejectedIdentifier")


async def test_nobody_reads_or_moves_what_is_anothers(house: AcmeHouse) -> None:
    victim = await house.subscriber("victim", "a.example")
    thief = await house.subscriber("thief", "a.example", which=1)
    order = await victim.order("a.example")
    authorization = order.json["authorizations"][0]
    challenge = (await victim.post(authorization)).json["challenges"][0]["url"]
    finalized = await victim.finalize(order)

    answers = [
        await thief.post(url(order)),
        await thief.post(authorization),
        await thief.post(authorization, {"status": "deactivated"}),
        await thief.post(challenge),
        await thief.post(challenge, {}),
        await thief.post(finalized.json["certificate"]),
        await thief.finalize(order),
    ]

    assert [answer.refusal for answer in answers] == [(404, "malformed")] * 7


@pytest.mark.parametrize(
    "resource",
    [Resource.ORDER, Resource.FINALIZE, Resource.AUTHORIZATION, Resource.CHALLENGE, Resource.CERTIFICATE],
)
async def test_what_does_not_exist_is_not_found(house: AcmeHouse, resource: Resource) -> None:
    client = await house.subscriber("acme-corp")

    answer = await client.post(LINKS.to(resource, "0" * 32), {"csr": ""} if resource is Resource.FINALIZE else b"")

    assert answer.refusal == (404, "malformed")


@pytest.mark.parametrize("payload", [{}, {"status": "valid"}])
async def test_orders_and_certificates_are_only_read(house: AcmeHouse, payload: object) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")
    finalized = await client.finalize(order)

    assert (await client.post(url(order), payload)).refusal == (400, "malformed")
    assert (await client.post(finalized.json["certificate"], payload)).refusal == (400, "malformed")


async def test_a_certificate_that_came_otherwise_is_not_shown(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    await client.certificate("a.example")
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE certificates SET request_key = NULL")
    (certificate,) = await house.core.certificates()

    answer = await client.post(LINKS.to(Resource.CERTIFICATE, certificate.serial))

    assert answer.refusal == (404, "malformed")


async def test_orders_outlive_the_process(house: AcmeHouse, tmp_path: Path) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")

    other = AcmeHouse(
        house.core, house.probes, house.services, AcmeDialogue(house.services), house.validator, house.woken
    )
    client.house = other

    assert (await client.finalize(order)).json["status"] == "valid"


async def test_rsa_keys_get_their_own_key_usage(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    key = rsa.generate_private_key(65537, 2048)

    leaf = await client.certificate("a.example", key=key)

    assert leaf.public_key() == key.public_key()
    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment
    assert leaf.public_bytes(Encoding.DER) == (await house.core.certificates())[0].der
