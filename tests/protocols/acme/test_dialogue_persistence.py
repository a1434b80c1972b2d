"""dns-persist-01 as a client meets it: draft-ietf-acme-dns-persist-02."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.clock import rfc3339
from protocols.acme import persistence
from protocols.acme.dialogue import AcmeOptions
from protocols.acme.links import Resource
from protocols.acme.probes import Seen
from protocols.acme.validation import AUTHORIZED_SECONDS
from tests.builders import jws
from tests.builders.acme import LINKS, AcmeHouse, Answer, Client, acme_house

TYPE = "dns-persist-01"
ISSUERS = ("ca.example",)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[AcmeHouse]:
    options = AcmeOptions(challenges=("http-01", TYPE), caa_identities=ISSUERS)
    async with acme_house(tmp_path, options, caa=ISSUERS) as opened:
        yield opened


async def proved(house: AcmeHouse, client: Client, name: str = "a.example") -> Answer:
    order = await client.order(name)
    await client.post(await client.challenge(order, type_=TYPE), {})
    await house.validator.turn()
    return await client.post(order.json["authorizations"][0])


async def test_the_directory_says_what_a_record_is_made_of(house: AcmeHouse) -> None:
    meta = (await house.send("GET", LINKS.to(Resource.DIRECTORY))).json["meta"]

    assert meta["issuerDomainNames"] == meta["caaIdentities"] == ["ca.example"]
    assert meta["accountHashPrefix"] == "https://ca.example:8443/acme/account-hash/"


async def test_a_directory_without_it_does_not(tmp_path: Path) -> None:
    async with acme_house(tmp_path) as house:
        assert "issuerDomainNames" not in (await house.send("GET", LINKS.to(Resource.DIRECTORY))).json["meta"]


async def test_its_challenge_names_the_issuers_and_has_no_token(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")

    url = await client.challenge(order, type_=TYPE)
    shown = (await client.post(url)).json
    (listed,) = [
        one for one in (await client.post(order.json["authorizations"][0])).json["challenges"] if one["type"] == TYPE
    ]

    assert shown == listed == {"type": TYPE, "url": url, "status": "pending", "issuerDomainNames": ["ca.example"]}


async def test_what_is_looked_for_names_account_key_and_domain(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "*.a.example", vetted=False)

    await proved(house, client)
    await proved(house, client, "*.a.example")

    plain, wild = [question.persistent for question in house.probes.questions]
    assert plain is not None
    assert wild is not None
    thumbprint = house.probes.questions[0].key_authorization.partition(".")[2]
    uri = persistence.account_uri(LINKS.account_hash_prefix, "a.example", thumbprint, str(client.kid))
    assert uri in plain.account_uris
    assert plain.account_uris == wild.account_uris
    assert (plain.wildcard, wild.wildcard) == (False, True)
    assert plain.issuers == ISSUERS


async def test_a_record_from_before_a_key_change_is_as_good(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    await proved(house, client)
    new = jws.signer("ES256", 7)
    url = LINKS.to(Resource.KEY_CHANGE)
    inner = jws.request(new, {"account": client.kid, "oldKey": client.signer.jwk}, url=url, nonce=None)
    assert (await client.post(url, inner)).status == 200
    client.signer = new

    house.core.clock.move(AUTHORIZED_SECONDS)
    await proved(house, client)

    before, after = [question.persistent for question in house.probes.questions]
    assert before is not None
    assert after is not None
    assert before.account_uris < after.account_uris


async def test_an_authorization_ends_when_its_record_does(house: AcmeHouse) -> None:
    until = house.core.clock.now() + 86_400
    house.probes.staged["a.example"] = Seen(proved=True, good_until=until)
    house.probes.staged["b.example"] = Seen(proved=True, good_until=until + AUTHORIZED_SECONDS)
    client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)

    shown = [(await proved(house, client, name)).json["expires"] for name in ("a.example", "b.example")]

    assert shown == [rfc3339(until), rfc3339(until - 86_400 + AUTHORIZED_SECONDS)]


async def test_nothing_is_issued_on_a_record_that_has_ended_since(house: AcmeHouse) -> None:
    house.probes.staged["a.example"] = Seen(proved=True, good_until=house.core.clock.now() + 60)
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    await client.post(await client.challenge(order, type_=TYPE), {})
    await house.validator.turn()

    house.core.clock.move(61)

    assert (await client.finalize(order)).refusal == (403, "unauthorized")


async def test_an_account_that_was_deactivated_meanwhile_proves_nothing(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    await client.post(await client.challenge(order, type_=TYPE), {})
    await client.post(str(client.kid), {"status": "deactivated"})

    await house.validator.turn()

    assert house.probes.questions == []
