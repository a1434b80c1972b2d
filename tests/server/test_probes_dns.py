"""dns-01 and dns-account-01: RFC 8555, 8.4; WIRE, "Probes"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import pytest

from ca_core import names
from conformance.dns import Hostile, Responder
from protocols.acme import challenges, persistence
from protocols.acme.probes import Question, Seen
from server.probes.network import NetworkProbes
from server.probes.policy import ProbePolicy

KEY_AUTHORIZATION = "token.thumbprint"
RIGHT = challenges.txt_value(KEY_AUTHORIZATION)
ACCOUNT = "https://ca.example/acme/account/1"
NAME = "_acme-challenge.www.example"
LABEL = f"TXT of {NAME}"


@pytest.fixture
def dns() -> Iterator[Responder]:
    with Responder() as started:
        yield started


async def look(
    *resolvers: str,
    name: str = "www.example",
    type_: str = challenges.DNS_01,
    zones: Mapping[str, tuple[str, ...]] | None = None,
    dnssec: bool = False,
    total_seconds: float = 4.0,
) -> Seen:
    policy = ProbePolicy(resolvers=resolvers, zone_resolvers=zones or {}, dnssec=dnssec, total_seconds=total_seconds)
    return await NetworkProbes(policy).look(Question(type_, names.dns(name), "token", KEY_AUTHORIZATION, ACCOUNT))


def assert_unproved(seen: Seen, problem: str, words: str) -> None:
    assert (seen.proved, seen.problem) == (False, problem)
    assert words in seen.detail
    assert LABEL in seen.detail


async def test_the_digest_in_a_txt_record_proves(dns: Responder) -> None:
    dns.add(NAME, "TXT", RIGHT)

    assert await look(dns.address) == Seen(proved=True)


async def test_one_of_several_records_is_enough(dns: Responder) -> None:
    dns.add(NAME, "TXT", "of another client", RIGHT, "v=spf1 -all")

    assert (await look(dns.address)).proved


async def test_the_strings_of_one_record_are_joined(dns: Responder) -> None:
    dns.add(NAME, "TXT", f'"{RIGHT[:20]}" "{RIGHT[20:]}"')

    assert (await look(dns.address)).proved


async def test_the_strings_of_two_records_are_not(dns: Responder) -> None:
    dns.add(NAME, "TXT", RIGHT[:20], RIGHT[20:])

    assert_unproved(await look(dns.address), "incorrectResponse", "2 records, none of which is the digest")


async def test_another_text_is_told_in_kind_only(dns: Responder) -> None:
    dns.add(NAME, "TXT", "the secret of the intranet")

    seen = await look(dns.address)

    assert_unproved(seen, "incorrectResponse", "one record, none of which is")
    assert "secret" not in seen.detail


async def test_no_record_is_a_dns_problem(dns: Responder) -> None:
    dns.add(NAME, "A", "192.0.2.1")

    assert_unproved(await look(dns.address), "dns", "no such record")
    dns.clear()
    assert_unproved(await look(dns.address), "dns", "no such record")


async def test_a_wildcard_is_proved_at_its_base(dns: Responder) -> None:
    dns.add(NAME, "TXT", RIGHT)

    assert (await look(dns.address, name="*.www.example")).proved


async def test_each_account_has_a_place_of_its_own(dns: Responder) -> None:
    place = challenges.txt_name(challenges.DNS_ACCOUNT_01, names.dns("www.example"), ACCOUNT)
    dns.add(place, "TXT", RIGHT)

    assert (await look(dns.address, type_=challenges.DNS_ACCOUNT_01)).proved
    assert not (await look(dns.address)).proved


async def test_a_record_that_stays_names_the_account(dns: Responder) -> None:
    uri = persistence.account_uri("https://ca.example/hash/", "www.example", "thumbprint", ACCOUNT)
    expected = persistence.Expected(
        ("ca.example",), "https://ca.example/hash/", frozenset({uri}), wildcard=False, now=5
    )
    question = Question(challenges.DNS_PERSIST_01, names.dns("www.example"), "", "", ACCOUNT, expected)
    probes = NetworkProbes(ProbePolicy(resolvers=(dns.address,)))

    seen = [await probes.look(question)]
    for text in ("ca.example; accounturi=https://ca.example/hash/x", f"ca.example; accounturi={uri}; persistUntil=7"):
        dns.add("_validation-persist.www.example", "TXT", text)
        seen.append(await probes.look(question))

    assert [one.problem for one in seen] == ["dns", "malformed", ""]
    assert seen[-1] == Seen(proved=True, good_until=7)


@pytest.mark.parametrize("aliases", [1, 8])
async def test_aliases_are_followed(dns: Responder, aliases: int) -> None:
    chain(dns, aliases)

    assert (await look(dns.address)).proved


@pytest.mark.parametrize("aliases", [9, 17])
async def test_more_than_eight_aliases_are_not(dns: Responder, aliases: int) -> None:
    chain(dns, aliases)

    assert not (await look(dns.address)).proved


async def test_aliases_are_followed_for_a_name_server_that_does_not(dns: Responder) -> None:
    chain(dns, 3)
    dns.misbehave("*", Hostile.LAZY)

    assert (await look(dns.address)).proved


async def test_aliases_in_a_circle_end(dns: Responder) -> None:
    dns.add(NAME, "CNAME", "round.example.")
    dns.add("round.example", "CNAME", f"{NAME}.")
    dns.misbehave("*", Hostile.LAZY)

    assert_unproved(await look(dns.address), "dns", "more than 8 aliases")


async def test_an_alias_that_leads_nowhere_is_no_record(dns: Responder) -> None:
    dns.add(NAME, "CNAME", "nobody.example.")

    assert_unproved(await look(dns.address), "dns", "no such record")


@pytest.mark.parametrize("how", [Hostile.TRUNCATED, Hostile.NOTHING])
async def test_what_does_not_fit_is_asked_for_over_tcp(dns: Responder, how: Hostile) -> None:
    dns.add(NAME, "TXT", *(str(number) * 200 for number in range(10)), RIGHT)
    dns.misbehave(NAME, how)

    assert (await look(dns.address)).proved
    assert dns.asked_over_tcp[NAME, "TXT"] == 1


async def test_a_name_server_that_cuts_and_takes_no_tcp_is_given_up(dns: Responder) -> None:
    dns.misbehave(NAME, Hostile.CUT)

    assert_unproved(await look(dns.address, total_seconds=1), "dns", "the name servers report a failure")


@pytest.mark.parametrize("how", [Hostile.SERVFAIL, Hostile.REFUSED])
async def test_a_failure_of_the_name_server_is_told_from_an_absent_record(dns: Responder, how: Hostile) -> None:
    dns.misbehave(NAME, how)

    assert_unproved(await look(dns.address), "dns", "the name servers report a failure")


@pytest.mark.parametrize("how", [Hostile.SILENT, Hostile.GARBAGE, Hostile.FORGED, Hostile.SLOW])
async def test_a_name_server_without_an_answer_is_given_up(dns: Responder, how: Hostile) -> None:
    dns.add(NAME, "TXT", RIGHT)
    dns.misbehave(NAME, how)

    assert_unproved(await look(dns.address, total_seconds=0.6), "dns", "do not answer")


async def test_the_next_name_server_is_asked_when_one_fails(dns: Responder) -> None:
    dns.misbehave("*", Hostile.SERVFAIL)
    with Responder() as second:
        second.add(NAME, "TXT", RIGHT)

        assert (await look(dns.address, second.address)).proved


async def test_the_nearest_zone_says_who_is_asked(dns: Responder) -> None:
    with Responder() as internal, Responder() as nearest:
        nearest.add("_acme-challenge.a.lab.corp.example", "TXT", RIGHT)
        internal.add("_acme-challenge.b.corp.example", "TXT", RIGHT)
        dns.add("_acme-challenge.c.example", "TXT", RIGHT)
        zones = {"corp.example": (internal.address,), "lab.corp.example": (nearest.address,)}

        for name in ("a.lab.corp.example", "b.corp.example", "c.example"):
            assert (await look(dns.address, name=name, zones=zones)).proved

    assert dns.asked == {("_acme-challenge.c.example", "TXT"): 1}


async def test_an_alias_out_of_a_zone_is_followed_by_the_other_name_servers(dns: Responder) -> None:
    with Responder() as internal:
        internal.add("_acme-challenge.b.corp.example", "CNAME", "b.validation.example.")
        internal.misbehave("*", Hostile.LAZY)
        dns.add("b.validation.example", "TXT", RIGHT)

        assert (await look(dns.address, name="b.corp.example", zones={"corp.example": (internal.address,)})).proved


async def test_where_dnssec_is_required_only_authentic_answers_count(dns: Responder) -> None:
    dns.add(NAME, "TXT", RIGHT)
    before = await look(dns.address, dnssec=True)
    dns.authentic = True

    assert (await look(dns.address, dnssec=True)).proved
    assert_unproved(before, "dns", "not secured by DNSSEC")


async def test_where_dnssec_is_required_an_absence_must_be_authentic_too(dns: Responder) -> None:
    assert_unproved(await look(dns.address, dnssec=True), "dns", "not secured by DNSSEC")


async def test_without_resolvers_the_system_says_who_is_asked() -> None:
    seen = await look(name="nobody.invalid", total_seconds=2)

    assert (seen.proved, seen.problem) == (False, "dns")


async def test_a_name_too_long_for_the_record_is_a_dns_problem(dns: Responder) -> None:
    seen = await look(dns.address, name=".".join(["x" * 49] * 5))

    assert (seen.proved, seen.problem) == (False, "dns")


def chain(dns: Responder, aliases: int) -> None:
    hops = [NAME, *(f"hop{number}.example" for number in range(aliases))]
    for here, there in pairwise(hops):
        dns.add(here, "CNAME", f"{there}.")
    dns.add(hops[-1], "TXT", RIGHT)
