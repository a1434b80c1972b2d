"""Which CAA records count for a name: RFC 8659, 3."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.dns import Hostile, Responder
from protocols.acme.caa import CaaRecord
from protocols.acme.probes import CaaFound
from server.probes.network import NetworkProbes
from server.probes.policy import ProbePolicy

OURS = CaaRecord(critical=False, tag="issue", value="ca.example")


@pytest.fixture
def dns() -> Iterator[Responder]:
    with Responder() as started:
        yield started


async def find(dns: Responder, name: str = "www.shop.example", *, total_seconds: float = 4.0) -> CaaFound:
    return await NetworkProbes(ProbePolicy(resolvers=(dns.address,), total_seconds=total_seconds)).caa(name)


async def test_a_names_own_records_count_and_no_others(dns: Responder) -> None:
    dns.add("www.shop.example", "CAA", '0 issue "ca.example"')
    dns.add("shop.example", "CAA", '0 issue "other.example"')

    assert await find(dns) == CaaFound("www.shop.example", (OURS,))
    assert dns.asked == {("www.shop.example", "CAA"): 1}


async def test_else_those_of_the_nearest_name_above(dns: Responder) -> None:
    dns.add("www.shop.example", "A", "192.0.2.1")
    dns.add("example", "CAA", '0 issue "ca.example"')

    assert await find(dns) == CaaFound("example", (OURS,))


async def test_no_records_up_to_the_top_permit_everybody_and_the_root_is_not_asked(dns: Responder) -> None:
    assert await find(dns) == CaaFound()
    assert set(dns.asked) == {(name, "CAA") for name in ("www.shop.example", "shop.example", "example")}


async def test_nothing_is_remembered_between_two_lookups(dns: Responder) -> None:
    """RFC 8659, 5.4: what a resolver says now counts, and no copy of ours."""
    dns.add("www.shop.example", "CAA", '0 issue "ca.example"')
    first = await find(dns)
    dns.put("www.shop.example", "CAA", ('0 issue "other.example"',))

    assert (await find(dns)).records != first.records
    assert dns.asked == {("www.shop.example", "CAA"): 2}


async def test_flags_and_tags_are_read(dns: Responder) -> None:
    dns.add("www.shop.example", "CAA", '128 ISSUE "ca.example"', '1 iodef "mailto:a@b.example"')

    found = await find(dns)

    assert {(one.critical, one.tag) for one in found.records} == {(True, "issue"), (False, "iodef")}


async def test_an_alias_is_followed_to_its_records_but_not_up_its_tree(dns: Responder) -> None:
    dns.add("www.shop.example", "CNAME", "shop.hosting.test.")
    dns.add("hosting.test", "CAA", '0 issue "other.example"')
    above = await find(dns)
    dns.add("shop.hosting.test", "CAA", '0 issue "ca.example"')

    assert above == CaaFound()
    assert (await find(dns)).records == (OURS,)


@pytest.mark.parametrize("how", [Hostile.SERVFAIL, Hostile.REFUSED, Hostile.SILENT, Hostile.GARBAGE])
async def test_a_name_server_that_does_not_say_is_trouble_wherever_in_the_tree(dns: Responder, how: Hostile) -> None:
    dns.misbehave("shop.example", how)

    found = await find(dns, total_seconds=0.8)

    assert found.records == ()
    assert "CAA of shop.example was not found out" in found.trouble


async def test_a_tree_of_slow_name_servers_is_given_up(dns: Responder) -> None:
    dns.misbehave("*", Hostile.SLOW)

    assert (await find(dns, total_seconds=0.3)).trouble


async def test_nobody_is_asked_about_localhost(dns: Responder) -> None:
    assert await find(dns, "app.localhost") == CaaFound()
    assert not dns.asked
