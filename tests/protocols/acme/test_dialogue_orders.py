"""Orders and certificates: RFC 8555, 7.1.3, 7.4, 7.4.2."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.clock import rfc3339
from ca_core.names import Identifier, Kind, dns, ip, permanent
from ca_core.registration.account import Grant
from protocols.acme.dialogue import AcmeDialogue, AcmeOptions
from protocols.acme.links import Resource
from tests.builders import csr
from tests.builders.acme import LINKS, AcmeHouse, acme_house, url
from tests.builders.core import granted

DAY = 86_400


def device(value: str) -> dict[str, str]:
    return {"type": "permanent-identifier", "value": value}


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
        # RFC 8555, 8.3: http-01 never says anything of a wildcard.
        type_ = "dns-01" if one.get("wildcard") else "http-01"
        assert [(c["type"], c["status"], len(c["token"])) for c in one["challenges"]] == [(type_, "valid", 43)]
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


async def test_what_is_no_name_is_told_beside_what_is_not_to_be_had(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    identifiers = [("dns", "b.example"), ("dns", "a.example"), ("dns", "C.example"), ("email", "d@a.example")]

    answer = await client.post(
        LINKS.to(Resource.NEW_ORDER), {"identifiers": [{"type": kind, "value": value} for kind, value in identifiers]}
    )

    assert answer.refusal == (400, "malformed")
    assert [(one["identifier"]["value"], one["type"].rpartition(":")[2]) for one in answer.json["subproblems"]] == [
        ("C.example", "malformed"),
        ("d@a.example", "unsupportedIdentifier"),
        ("b.example", "rejectedIdentifier"),
    ]


async def test_a_device_orders_by_its_permanent_identifier_where_the_ra_vouches_for_it(house: AcmeHouse) -> None:
    sheet = await house.core.register(
        "meter", *granted(permanent("SN-0042")), *granted(permanent("SN-0043"), vetted=False), profiles=("device",)
    )
    client = house.client()
    await client.new_account(sheet)

    order = await client.post(LINKS.to(Resource.NEW_ORDER), {"identifiers": [device("SN-0042")]})
    finalized = await client.finalize(order, csr.csr(subject="", san=[csr.permanent_identifier("SN-0042")]))
    unvetted = await client.post(LINKS.to(Resource.NEW_ORDER), {"identifiers": [device("SN-0043")]})
    foreign = await client.post(LINKS.to(Resource.NEW_ORDER), {"identifiers": [device("SN-0044")]})

    assert (order.json["status"], order.json["identifiers"]) == ("ready", [device("SN-0042")])
    assert finalized.json["status"] == "valid"
    assert [one.names for one in await house.core.certificates()] == ["permanent-identifier:SN-0042"]
    assert unvetted.refusal == foreign.refusal == (403, "rejectedIdentifier")
    assert "no challenge" in unvetted.json["detail"]


async def test_a_profile_without_devices_takes_no_permanent_identifier(house: AcmeHouse) -> None:
    client = house.client()
    await client.new_account(await house.core.register("meter", *granted(permanent("SN-0042"))))

    answer = await client.post(LINKS.to(Resource.NEW_ORDER), {"identifiers": [device("SN-0042")]})

    assert answer.refusal == (403, "rejectedIdentifier")
    assert "tls-server" in answer.json["detail"]


async def test_a_wildcard_is_rejected_where_nothing_that_is_offered_proves_it(tmp_path: Path) -> None:
    async with acme_house(tmp_path, AcmeOptions(challenges=("http-01", "tls-alpn-01"))) as house:
        client = await house.subscriber("acme-corp", "*.a.example", vetted=False)

        assert (await client.order("*.a.example")).refusal == (403, "rejectedIdentifier")


async def test_a_wildcard_is_proved_in_the_dns_and_never_by_the_plain_name(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "*.a.example", "a.example", vetted=False)
    await client.authorize(await client.order("a.example"))

    order = await client.order("*.a.example")
    before = order.json["status"]
    await client.authorize(order)

    assert before == "pending"
    assert [question.type for question in house.probes.questions] == ["http-01", "dns-01"]
    assert (await client.finalize(order)).json["status"] == "valid"


async def test_a_certificate_lives_as_long_as_was_ordered(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    until = rfc3339(house.core.clock.now() + 10 * DAY)

    order = await client.order("a.example", notAfter=until)
    finalized = await client.finalize(order)

    assert order.json["notAfter"] == finalized.json["notAfter"] == until
    assert "notBefore" not in order.json
    (certificate,) = await house.core.certificates()
    assert rfc3339(certificate.not_after) == until


async def test_a_certificate_that_would_live_longer_than_its_profile_is_not_ordered(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    answer = await client.order("a.example", notAfter=rfc3339(house.core.clock.now() + 91 * DAY))

    assert answer.refusal == (400, "malformed")
    assert "a tls-server certificate that is issued now can be valid from" in answer.json["detail"]
    assert await house.core.count("acme_orders") == 0


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


async def test_each_chain_of_a_certificate_leads_to_the_others(house: AcmeHouse) -> None:
    chains = [house.core.issuing_pem, house.core.issuing_pem * 2, b""]
    dialogue = AcmeDialogue(replace(house.services, chains_pem=lambda _: chains))
    client = await house.subscriber("acme-corp", "a.example")
    client.house = replace(house, dialogue=dialogue)
    place = (await client.finalize(await client.order("a.example"))).json["certificate"]

    first, second, none = [await client.post(one) for one in (place, f"{place}/1", f"{place}/3")]

    assert [len(x509.load_pem_x509_certificates(one.body)) for one in (first, second)] == [2, 3]
    assert first.headers["Link"][:2] == [f'<{place}/1>;rel="alternate"', f'<{place}/2>;rel="alternate"']
    assert second.headers["Link"][:2] == [f'<{place}>;rel="alternate"', f'<{place}/2>;rel="alternate"']
    assert none.refusal == (404, "malformed")


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

    other = replace(house, dialogue=AcmeDialogue(house.services))
    client.house = other

    assert (await client.finalize(order)).json["status"] == "valid"


async def test_rsa_keys_get_their_own_key_usage(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    key = rsa.generate_private_key(65537, 2048)

    leaf = await client.certificate("a.example", key=key)

    assert leaf.public_key() == key.public_key()
    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment
    assert leaf.public_bytes(Encoding.DER) == (await house.core.certificates())[0].der
