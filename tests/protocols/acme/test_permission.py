"""CAA at validation and at finalize: RFC 8659, 3; CA/B Baseline Requirements, 3.2.2.8.1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ca_core.names import ip
from protocols.acme.caa import CaaRecord
from protocols.acme.dialogue import AcmeDialogue
from protocols.acme.permission import GOOD_SECONDS, Permission
from protocols.acme.probes import CaaFound
from protocols.acme.standing import LimitOptions
from tests.builders.acme import LINKS, AcmeHouse, Answer, Client, StagedProbes, acme_house, csr_for
from tests.builders.core import MIGRATIONS, granted

OTHER = CaaFound("a.example", (CaaRecord(critical=False, tag="issue", value="other.example"),))
OURS = CaaFound("a.example", (CaaRecord(critical=False, tag="issue", value="ca.example"),))
SILENT = CaaFound(trouble="CAA of a.example was not found out: the name servers do not answer")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[AcmeHouse]:
    async with acme_house(tmp_path, caa=("ca.example",)) as opened:
        yield opened


async def authorized(client: Client, *names: str) -> Answer:
    order = await client.order(*names)
    await client.authorize(order)
    return await client.post(order.header("Location"))


async def error_of(client: Client, order: Answer) -> dict[str, str]:
    shown = (await client.post(order.json["authorizations"][0])).json["challenges"]
    (error,) = [one["error"] for one in shown if "error" in one]
    return dict(error)


async def test_records_that_name_this_ca_and_none_at_all_permit(house: AcmeHouse) -> None:
    house.probes.caa_records["a.example"] = OURS
    client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)

    assert (await authorized(client, "a.example", "b.example")).json["status"] == "ready"
    assert sorted(house.probes.caa_asked) == ["a.example", "b.example"]


async def test_records_that_name_another_ca_fail_the_challenge(house: AcmeHouse) -> None:
    house.probes.caa_records["a.example"] = OTHER
    client = await house.subscriber("acme-corp", "a.example", vetted=False)

    order = await authorized(client, "a.example")

    error = await error_of(client, order)
    assert order.json["status"] == "invalid"
    assert error["type"] == "urn:ietf:params:acme:error:caa"
    assert "the CAA records of a.example do not name this certification authority" in error["detail"]


async def test_a_wildcard_is_asked_about_at_its_base(house: AcmeHouse) -> None:
    house.probes.caa_records["a.example"] = CaaFound(
        "a.example", (*OURS.records, CaaRecord(critical=False, tag="issuewild", value=";"))
    )
    client = await house.subscriber("acme-corp", "*.a.example", vetted=False)

    assert (await authorized(client, "*.a.example")).json["status"] == "invalid"


async def test_only_the_account_and_the_challenge_that_are_named_are_permitted(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    value = f"ca.example; accounturi={client.kid}; validationmethods=http-01"
    house.probes.caa_records["a.example"] = CaaFound(
        "a.example", (CaaRecord(critical=False, tag="issue", value=value),)
    )
    other = await house.subscriber("other", "a.example", which=1, vetted=False)

    assert (await authorized(client, "a.example")).json["status"] == "ready"
    assert (await authorized(other, "a.example")).json["status"] == "invalid"


async def test_of_two_challenges_that_were_met_the_one_that_proved_is_compared(house: AcmeHouse) -> None:
    """RFC 8657, 4: dns-01 came second; it also comes before http-01 in the alphabet."""
    house.probes.late = frozenset({"dns-01"})
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    for type_ in ("dns-01", "http-01"):
        await client.post(await client.challenge(order, type_=type_), {})
    await house.validator.turn()
    house.core.clock.move(GOOD_SECONDS + 1)

    ends = []
    for method in ("dns-01", "http-01"):
        record = CaaRecord(critical=False, tag="issue", value=f"ca.example; validationmethods={method}")
        house.probes.caa_records["a.example"] = CaaFound("a.example", (record,))
        ends.append(await client.finalize(order))

    assert ends[0].refusal == (403, "caa")
    assert ends[1].json["status"] == "valid"


async def test_what_was_proved_before_this_version_knows_by_what(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    await client.post(await client.challenge(order, type_="tls-alpn-01"), {})
    await house.validator.turn()
    (migration,) = [one for one in MIGRATIONS if one.name == "proved_by"]
    update = migration.sql[migration.sql.index("UPDATE") :]
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE acme_authorizations SET proved_by = ''")
        await tx.execute(update)

    async with house.core.database.read() as tx:
        assert await tx.all("SELECT proved_by FROM acme_authorizations") == [("tls-alpn-01",)]


async def test_a_silent_name_server_permits_nothing_and_is_asked_again(house: AcmeHouse) -> None:
    house.probes.caa_records["a.example"] = SILENT
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")

    await client.authorize(order)
    waiting = await error_of(client, order)
    house.probes.caa_records.clear()
    house.core.clock.move(3)
    await house.validator.turn()

    assert waiting["type"] == "urn:ietf:params:acme:error:dns"
    assert (await client.post(order.header("Location"))).json["status"] == "ready"


async def test_what_was_asked_lately_is_not_asked_again_at_finalize(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await authorized(client, "a.example")
    house.core.clock.move(GOOD_SECONDS)

    assert (await client.finalize(order)).json["status"] == "valid"
    assert house.probes.caa_asked == ["a.example"]


@pytest.mark.parametrize(
    ("found", "refusal"), [(OTHER, (403, "caa")), (SILENT, (503, "dns"))], ids=["forbidden", "unknown"]
)
async def test_what_was_asked_long_ago_is_asked_again_and_a_refusal_leaves_the_order_ready(
    house: AcmeHouse, found: CaaFound, refusal: tuple[int, str]
) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await authorized(client, "a.example")
    house.core.clock.move(GOOD_SECONDS + 1)

    house.probes.caa_records["a.example"] = found
    refused = await client.finalize(order)
    house.probes.caa_records["a.example"] = OURS

    assert refused.refusal == refusal
    assert (await client.finalize(order)).json["status"] == "valid"


async def test_silent_name_servers_keep_nobody_waiting_for_each_name(house: AcmeHouse) -> None:
    names = [f"{number}.a.example" for number in range(20)]
    client = await house.subscriber("acme-corp", *names, vetted=False)
    order = await authorized(client, *names)
    house.core.clock.move(GOOD_SECONDS + 1)
    silent = StagedProbes(caa_hold=asyncio.Event())
    permission = Permission(
        house.core.database,
        house.core.clock,
        silent,
        LINKS,
        ("ca.example",),
        limits=house.services.limits,
        longest_seconds=0.05,
    )
    client.house = replace(house, dialogue=AcmeDialogue(replace(house.services, permission=permission)))

    refused = await client.finalize(order)

    assert refused.refusal == (503, "dns")
    assert (await client.post(order.header("Location"))).json["status"] == "ready"


async def test_a_later_order_asks_once_in_eight_hours(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)
    await authorized(client, "a.example", "b.example")
    house.core.clock.move(GOOD_SECONDS + 1)

    first = await client.finalize(await client.order("a.example"))
    second = await client.finalize(await client.order("a.example", "b.example"))

    assert (first.json["status"], second.json["status"]) == ("valid", "valid")
    asked = house.probes.caa_asked
    assert (sorted(asked[:2]), asked[2:]) == (["a.example", "b.example"], ["a.example", "b.example"])


async def test_a_name_below_a_proved_domain_is_asked_about_itself(house: AcmeHouse) -> None:
    house.probes.caa_records["www.a.example"] = CaaFound("www.a.example", OTHER.records)
    client = await house.subscriber("acme-corp", "a.example", "www.a.example", "ftp.a.example", vetted=False)
    ahead = await client.authorize_ahead("a.example", subdomainAuthAllowed=True)
    (challenge,) = [one["url"] for one in ahead.json["challenges"] if one["type"] == "dns-01"]
    await client.post(challenge, {})
    await house.validator.turn()

    identifiers = [
        {"type": "dns", "value": value, "ancestorDomain": "a.example"} for value in ("www.a.example", "ftp.a.example")
    ]
    forbidden, permitted = [await client.order(identifiers=[one]) for one in identifiers]

    assert (await client.finalize(forbidden)).refusal == (403, "caa")
    assert (await client.finalize(permitted)).json["status"] == "valid"


async def test_vetted_names_and_addresses_are_not_asked_about(house: AcmeHouse) -> None:
    vetted = await house.subscriber("vetted", "a.example")
    await vetted.certificate("a.example")
    client = house.client(1)
    await client.new_account(await house.core.register("addressed", *granted(ip("192.0.2.7"), vetted=False)))
    order = await client.order("192.0.2.7")
    await client.authorize(order)

    request = csr_for("192.0.2.7", key=ec.generate_private_key(ec.SECP256R1()))

    assert (await client.finalize(order, request)).json["status"] == "valid"
    assert house.probes.caa_asked == []


async def test_finalizes_that_caa_refuses_count_as_failed_probes(tmp_path: Path) -> None:
    """Each asks the name servers of up to a hundred names; and only those that objected are asked again."""
    async with acme_house(tmp_path, caa=("ca.example",), limits=LimitOptions(failed_probes_per_hour=2)) as house:
        client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)
        order = await authorized(client, "a.example", "b.example")
        house.core.clock.move(GOOD_SECONDS + 1)
        house.probes.caa_records["a.example"] = OTHER
        house.probes.caa_asked.clear()
        for _ in range(2):
            assert (await client.finalize(order)).refusal == (403, "caa")
        assert sorted(house.probes.caa_asked) == ["a.example", "a.example", "b.example"]

        limited = await client.finalize(order)

        assert limited.refusal == (429, "rateLimited")
        assert "limits.failed_probes_per_hour" in limited.json["detail"]
        assert len(house.probes.caa_asked) == 3
        house.core.clock.move(1800)
        del house.probes.caa_records["a.example"]
        assert (await client.finalize(order)).json["status"] == "valid"
