"""One proof for a domain and the names below it: RFC 9444."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.names import Identifier, Kind, dns
from ca_core.registration.account import Grant
from protocols.acme.dialogue import AcmeDialogue, AcmeOptions
from protocols.acme.links import Resource
from protocols.acme.objects import Authorization
from protocols.acme.states import AuthorizationStatus
from tests.builders.acme import LINKS, AcmeHouse, Answer, Client, csr_for, url

ZONE = "a.example"


def zone(name: str = ZONE, *, vetted: bool = False) -> Grant:
    return Grant(Identifier(Kind.DNS, name), zone=True, vetted=vetted)


def name(value: str, *, vetted: bool = False) -> Grant:
    return Grant(Identifier(Kind.DNS, value), vetted=vetted)


async def holder(house: AcmeHouse, *grants: Grant) -> Client:
    client = house.client()
    await client.new_account(await house.core.register("acme-corp", *grants))
    return client


async def ordered(client: Client, *values: str, ancestor: str | None = ZONE) -> Answer:
    more = {} if ancestor is None else {"ancestorDomain": ancestor}
    identifiers = [{"type": "dns", "value": value, **more} for value in values]
    return await client.post(LINKS.to(Resource.NEW_ORDER), {"identifiers": identifiers})


async def test_the_directory_says_that_it_can_be_done(house: AcmeHouse) -> None:
    assert (await house.send("GET", LINKS.to(Resource.DIRECTORY))).json["meta"]["subdomainAuthAllowed"] is True


async def test_without_a_challenge_over_dns_it_cannot(house: AcmeHouse) -> None:
    options = AcmeOptions(challenges=("http-01",))
    client = await holder(house, zone())
    client.house = replace(house, dialogue=AcmeDialogue(replace(house.services, options=options)))

    directory = await client.house.send("GET", LINKS.to(Resource.DIRECTORY))
    ahead = await client.authorize_ahead(ZONE, subdomainAuthAllowed=True)
    order = await ordered(client, "www.a.example")

    assert "subdomainAuthAllowed" not in directory.json["meta"]
    assert ahead.refusal == order.refusal == (403, "rejectedIdentifier")


async def test_names_below_an_ancestor_wait_for_one_proof_over_dns(house: AcmeHouse) -> None:
    client = await holder(house, zone())

    order = await ordered(client, "www.a.example", "deep.www.a.example")
    (authorization,) = order.json["authorizations"]
    shown = await client.post(authorization)
    await client.authorize(order)
    finalized = await client.finalize(order)

    assert shown.json["identifier"] == {"type": "dns", "value": ZONE}
    assert shown.json["subdomainAuthAllowed"] is True
    assert "wildcard" not in shown.json
    assert [one["type"] for one in shown.json["challenges"]] == ["dns-01"]
    assert [one.identifier.value for one in house.probes.questions] == [ZONE]
    assert finalized.json["status"] == "valid"


async def test_what_was_proved_ahead_does_for_later_orders_that_do_not_say_so(house: AcmeHouse) -> None:
    client = await holder(house, zone())
    ahead = await client.authorize_ahead(ZONE, subdomainAuthAllowed=True)
    await client.post(ahead.json["challenges"][0]["url"], {})
    await house.validator.turn()

    said = await ordered(client, "www.a.example")
    silent = await ordered(client, "mail.a.example", ancestor=None)

    assert (ahead.status, ahead.json["subdomainAuthAllowed"]) == (201, True)
    assert (said.json["status"], silent.json["status"]) == ("ready", "ready")
    assert said.json["authorizations"] == silent.json["authorizations"] == [url(ahead)]
    assert (await client.finalize(silent)).json["status"] == "valid"


async def test_wildcards_are_below_their_domain(house: AcmeHouse) -> None:
    client = await holder(house, name("*.a.example"))

    order = await ordered(client, "*.a.example")
    await client.authorize(order)

    assert (await client.finalize(order, csr_for("*.a.example"))).json["status"] == "valid"


@pytest.mark.parametrize(
    ("spans", "value", "is_covered"),
    [
        (False, "a.example", True),
        (False, "www.a.example", False),
        (False, "*.a.example", False),
        (True, "a.example", True),
        (True, "www.a.example", True),
        (True, "*.a.example", True),
        (True, "ba.example", False),
        (True, "example", False),
    ],
)
def test_only_an_authorization_that_spans_covers_what_is_below(*, spans: bool, value: str, is_covered: bool) -> None:
    authorization = Authorization("1", "1", dns(ZONE), AuthorizationStatus.VALID, False, 1, 1, spans)

    assert authorization.covers(dns(value)) is is_covered


async def test_a_plain_proof_does_not_hide_the_one_of_a_domain_above(house: AcmeHouse) -> None:
    client = await holder(house, zone("example"))
    await client.authorize(await ordered(client, "a.example", ancestor=None))
    await client.authorize(await ordered(client, "b.example", ancestor="example"))

    order = await ordered(client, "www.a.example", ancestor="a.example")

    assert order.json["status"] == "ready"


async def test_a_plain_proof_of_a_domain_proves_nothing_below_it(house: AcmeHouse) -> None:
    client = await holder(house, name(ZONE), zone())
    plain = await ordered(client, ZONE, ancestor=None)
    await client.authorize(plain)

    below = await ordered(client, "www.a.example")
    silent = await ordered(client, "mail.a.example", ancestor=None)

    assert (below.json["status"], silent.json["status"]) == ("pending", "pending")
    assert set(below.json["authorizations"]).isdisjoint(plain.json["authorizations"])


async def test_a_proof_of_the_domain_with_all_below_it_does_for_the_domain(house: AcmeHouse) -> None:
    client = await holder(house, name(ZONE), zone())
    order = await ordered(client, "www.a.example")
    await client.authorize(order)

    itself = await ordered(client, ZONE, ancestor=None)

    assert itself.json["status"] == "ready"
    assert (await client.finalize(itself)).json["status"] == "valid"


async def test_the_proof_brings_no_name_that_is_not_granted(house: AcmeHouse) -> None:
    client = await holder(house, name("www.a.example"))
    order = await ordered(client, "www.a.example")
    await client.authorize(order)

    other = await ordered(client, "mail.a.example", ancestor=None)

    assert other.refusal == (403, "rejectedIdentifier")
    assert (await client.finalize(order)).json["status"] == "valid"


async def test_a_vetted_name_needs_no_proof_of_its_ancestor(house: AcmeHouse) -> None:
    client = await holder(house, zone(vetted=True))

    assert (await ordered(client, "www.a.example")).json["status"] == "ready"


@pytest.mark.parametrize("ancestor", ["b.example", "www.a.example", "*.a.example", "xa.example", "A.example"])
async def test_another_domain_is_no_ancestor(house: AcmeHouse, ancestor: str) -> None:
    client = await holder(house, zone())

    assert (await ordered(client, "www.a.example", ancestor=ancestor)).refusal == (400, "malformed")


@pytest.mark.parametrize(
    ("value", "status"), [(ZONE, 201), ("sub.a.example", 201), ("example", 201), ("b.example", 403)]
)
async def test_only_a_domain_with_something_granted_at_or_below_it_is_proved(
    house: AcmeHouse, value: str, status: int
) -> None:
    client = await holder(house, zone())

    assert (await client.authorize_ahead(value, subdomainAuthAllowed=True)).status == status


async def test_an_address_has_nothing_below_it(house: AcmeHouse) -> None:
    client = await holder(house, zone())

    assert (await client.authorize_ahead("192.0.2.1", subdomainAuthAllowed=True)).refusal == (400, "malformed")


async def test_who_proved_a_domain_with_all_below_it_may_revoke_what_is_below(house: AcmeHouse) -> None:
    victim = await house.subscriber("victim", "www.a.example", which=1)
    certificate = await victim.certificate("www.a.example")
    client = await holder(house, zone())
    order = await ordered(client, "mail.a.example")
    await client.authorize(order)

    answer = await client.revoke(certificate.public_bytes(Encoding.DER))

    assert answer.status == 200


async def test_a_deactivated_proof_does_for_nothing_any_more(house: AcmeHouse) -> None:
    client = await holder(house, zone())
    order = await ordered(client, "www.a.example")
    await client.authorize(order)
    await client.post(order.json["authorizations"][0], {"status": "deactivated"})

    again = await ordered(client, "www.a.example")

    assert (await client.post(url(order))).json["status"] == "invalid"
    assert again.json["status"] == "pending"
