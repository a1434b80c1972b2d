"""Every way to prove a name, over the wire: RFC 8555, 8; RFC 8737; RFC 8738; RFC 8659; and drafts that can be set."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from conformance.acme import Client, b64, csr, new_key
from conformance.alpn import answering
from conformance.dns import Hostile, Responder
from conformance.house import House, must
from conformance.responder import challenges, settled, thumbprint

IDENTITY = "ca.example"
ZONE = "shop.example"


@pytest.fixture(scope="module")
def dns() -> Iterator[Responder]:
    with Responder() as started:
        started.add(f"*.{ZONE}", "A", "127.0.0.1")
        yield started


@pytest.fixture(scope="module")
def inside() -> Iterator[Responder]:
    """The name server of a zone that the world does not see."""
    with Responder() as started:
        yield started


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, dns: Responder, inside: Responder) -> Iterator[House]:
    built = House(
        tmp_path_factory.mktemp("house"),
        f'acme.resolvers=["{dns.address}"]',
        f'acme.zone_resolvers={{"inside.{ZONE}" = ["{inside.address}"]}}',
        'acme.challenges=["http-01", "dns-01", "tls-alpn-01", "dns-account-01", "dns-persist-01"]',
        "acme.caa=true",
        f'acme.caa_identities=["{IDENTITY}"]',
        "profiles.device.approval=always",
    )
    built.start()
    yield built
    built.close()


def account(house: House, *names: str, profile: str = "tls-server") -> Client:
    """An account whose names are challenged: these, and everything below the zone."""
    sheet = house.register(
        *("--kind", "partner", "--subject", "CN=Shop,C=TW", "--zone", ZONE, "--challenged", "--profile", profile),
        *(part for name in names for part in ("--dns", name)),
        *("--ip", "127.0.0.1"),
    )
    made = Client(house)
    assert made.new_account(sheet["eab"]).status == 201
    return made


@pytest.fixture(scope="module")
def client(house: House) -> Client:
    return account(house, f"*.{ZONE}")


def ordered(client: Client, name: str, type_: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """A new order with its challenge of one type, and the key authorization for that."""
    order = client.new_order(name)
    assert order.status == 201, order.body
    (challenge,) = challenges(client, order.json, type_)
    return order.json, challenge, f"{challenge['token']}.{thumbprint(client)}"


def txt(key_authorization: str) -> str:
    return b64(hashlib.sha256(key_authorization.encode()).digest())


def answered(client: Client, challenge: dict[str, Any]) -> dict[str, Any]:
    assert client.post(challenge["url"], {}).status == 200
    return settled(client, challenge["url"])


def half_a_day_later(house: House, days: Iterator[float] = count(0.5, 0.5)) -> None:  # noqa: B008  # it goes on
    """Move the clock, and never back: the tests come in any order."""
    house.move_clock(days=next(days))


def finalized(client: Client, order: dict[str, Any], name: str) -> str:
    return str(client.post(order["finalize"], {"csr": b64(csr(new_key(), name))}).json["status"])


def test_a_wildcard_is_proved_by_a_record_behind_an_alias(client: Client, dns: Responder) -> None:
    order, challenge, expected = ordered(client, f"*.{ZONE}", "dns-01")
    (authorization,) = [client.post(url).json for url in order["authorizations"]]
    assert {one["type"] for one in authorization["challenges"]} == {"dns-01", "dns-account-01", "dns-persist-01"}
    dns.add(f"_acme-challenge.{ZONE}", "CNAME", "validation.elsewhere.example.")
    # Of another client, and too much for a datagram.
    dns.add("validation.elsewhere.example", "TXT", *("x" * 200 + str(number) for number in range(10)), txt(expected))

    assert answered(client, challenge)["status"] == "valid"
    assert finalized(client, order, f"*.{ZONE}") == "valid"
    assert dns.asked_over_tcp[f"_acme-challenge.{ZONE}", "TXT"] == 1


def test_a_zone_has_a_name_server_of_its_own(client: Client, dns: Responder, inside: Responder) -> None:
    name = f"db.inside.{ZONE}"
    order, challenge, expected = ordered(client, name, "dns-01")
    inside.add(f"_acme-challenge.{name}", "TXT", txt(expected))
    inside.add(f"inside.{ZONE}", "CAA", f'0 issue "{IDENTITY}"')

    assert answered(client, challenge)["status"] == "valid"
    assert finalized(client, order, name) == "valid"
    assert not [asked for asked, _ in dns.asked if asked.endswith(f"inside.{ZONE}")]


def test_a_wrong_record_is_told_in_kind(client: Client, dns: Responder) -> None:
    _, challenge, _ = ordered(client, f"wrong.{ZONE}", "dns-01")
    dns.add(f"_acme-challenge.wrong.{ZONE}", "TXT", "the secret of the intranet")

    error = answered(client, challenge)["error"]

    assert error["type"] == "urn:ietf:params:acme:error:incorrectResponse"
    assert f"_acme-challenge.wrong.{ZONE}" in error["detail"]
    assert "secret" not in error["detail"]


def test_each_account_has_a_record_of_its_own(client: Client, dns: Responder) -> None:
    order, challenge, expected = ordered(client, f"mine.{ZONE}", "dns-account-01")
    digest = hashlib.sha256(str(client.account).encode()).digest()[:10]
    label = base64.b32encode(digest).decode().lower()
    dns.add(f"_{label}._acme-challenge.mine.{ZONE}", "TXT", txt(expected))

    assert answered(client, challenge)["status"] == "valid"
    assert finalized(client, order, f"mine.{ZONE}") == "valid"


def test_a_record_that_stays_proves_every_order_until_its_end(client: Client, dns: Responder) -> None:
    name = f"stays.{ZONE}"
    meta = client.directory["meta"]
    hashed = f"{name}{thumbprint(client)}{client.account}".encode()
    uri = f"{meta['accountHashPrefix']}sha-256/{b64(hashlib.sha256(bytes([len(name)]) + hashed).digest())}"
    until = int(must("date", "+%s")) + 5 * 86_400
    dns.add(f"_validation-persist.{name}", "TXT", f"{IDENTITY}; accounturi={uri}; persistUntil={until}")
    order = client.new_order(name).json
    (challenge,) = challenges(client, order, "dns-persist-01")

    assert challenge["issuerDomainNames"] == meta["issuerDomainNames"] == [IDENTITY]
    assert "token" not in challenge
    assert answered(client, challenge)["status"] == "valid"
    authorization = client.post(order["authorizations"][0]).json
    assert authorization["expires"] == time.strftime("%FT%TZ", time.gmtime(until))
    assert finalized(client, order, name) == "valid"


def test_a_name_is_proved_in_a_tls_handshake(house: House, client: Client, tmp_path: Path) -> None:
    name = f"tls.{ZONE}"
    order, challenge, expected = ordered(client, name, "tls-alpn-01")

    with answering(tmp_path, house.tls_alpn_01_port, f"DNS:{name}", expected):
        assert answered(client, challenge)["status"] == "valid"

    assert finalized(client, order, name) == "valid"


def test_an_address_is_proved_in_a_tls_handshake_and_never_in_the_dns(
    house: House, client: Client, tmp_path: Path
) -> None:
    order = client.post(client.directory["newOrder"], {"identifiers": [{"type": "ip", "value": "127.0.0.1"}]}).json
    (authorization,) = [client.post(url).json for url in order["authorizations"]]
    (challenge,) = challenges(client, order, "tls-alpn-01")
    expected = f"{challenge['token']}.{thumbprint(client)}"

    with answering(tmp_path, house.tls_alpn_01_port, "IP:127.0.0.1", expected):
        assert answered(client, challenge)["status"] == "valid"

    assert {one["type"] for one in authorization["challenges"]} == {"http-01", "tls-alpn-01"}
    assert client.post(challenge["url"], {}).json["status"] == "valid"


@pytest.mark.parametrize(
    ("san", "protocol"), [("DNS:other.example", "acme-tls/1"), (f"DNS:bad.{ZONE},DNS:a.{ZONE}", "acme-tls/1")]
)
def test_a_certificate_for_another_name_or_for_two_proves_nothing(
    house: House, client: Client, tmp_path: Path, san: str, protocol: str
) -> None:
    _, challenge, expected = ordered(client, f"bad.{ZONE}", "tls-alpn-01")

    with answering(tmp_path, house.tls_alpn_01_port, san, expected, protocol=protocol):
        error = answered(client, challenge)["error"]

    assert error["type"] == "urn:ietf:params:acme:error:incorrectResponse"


def test_caa_forbids_what_it_names_another_ca_for(client: Client, dns: Responder) -> None:
    name = f"www.closed.{ZONE}"
    dns.add(f"closed.{ZONE}", "CAA", '0 issue "other.example"')
    _, challenge, expected = ordered(client, name, "dns-01")
    dns.add(f"_acme-challenge.{name}", "TXT", txt(expected))

    error = answered(client, challenge)["error"]

    assert error["type"] == "urn:ietf:params:acme:error:caa"
    assert f"the CAA records of closed.{ZONE}" in error["detail"]


def test_caa_permits_one_account_by_one_challenge(house: House, client: Client, dns: Responder) -> None:
    name = f"bound.{ZONE}"
    dns.add(name, "CAA", f'128 issue "{IDENTITY}; accounturi={client.account}; validationmethods=dns-01"')
    ends = []
    for who in (client, account(house)):
        order, challenge, expected = ordered(who, name, "dns-01")
        dns.put(f"_acme-challenge.{name}", "TXT", (txt(expected),))
        ends.append(answered(who, challenge).get("error", {}).get("type", finalized(who, order, name)))

    assert ends == ["valid", "urn:ietf:params:acme:error:caa"]


def test_caa_is_asked_again_at_finalize_when_the_answer_is_old(house: House, dns: Responder) -> None:
    name = f"later.{ZONE}"
    client = account(house)
    order, challenge, expected = ordered(client, name, "dns-01")
    dns.add(f"_acme-challenge.{name}", "TXT", txt(expected))
    assert answered(client, challenge)["status"] == "valid"

    half_a_day_later(house)
    dns.add(name, "CAA", '0 issue ";"')
    refused = client.post(order["finalize"], {"csr": b64(csr(new_key(), name))})
    dns.put(name, "CAA", (f'0 issue "{IDENTITY}"',))

    assert (refused.status, refused.problem) == (403, "caa")
    assert finalized(client, order, name) == "valid"


def test_caa_is_asked_again_when_an_officer_has_approved(house: House, dns: Responder) -> None:
    name = f"held.{ZONE}"
    client = account(house, profile="device")
    order, challenge, expected = ordered(client, name, "dns-01")
    dns.add(f"_acme-challenge.{name}", "TXT", txt(expected))
    assert answered(client, challenge)["status"] == "valid"
    placed = client.post(order["finalize"], {"csr": b64(csr(new_key(), name))})
    (request,) = json.loads(house.command("requests", "list", "--json"))

    dns.add(name, "CAA", '0 issue ";"')
    half_a_day_later(house)
    house.command("requests", "approve", str(request["request"]), "--json")
    ended = settled(client, placed.headers["Location"])

    assert placed.json["status"] == "processing"
    assert ended["status"] == "invalid"
    assert "CAA records" in ended["error"]["detail"]


def test_a_black_hole_holds_up_nobody_else(house: House, client: Client, dns: Responder) -> None:
    dead = account(house)
    names = [f"dead{number}.{ZONE}" for number in range(20)]
    for name in names:
        dns.misbehave(f"_acme-challenge.{name}", Hostile.SILENT)
    for challenge in challenges(dead, dead.new_order(*names).json, "dns-01"):
        dead.post(challenge["url"], {})

    begun = time.monotonic()
    _, challenge, expected = ordered(client, f"quick.{ZONE}", "dns-01")
    dns.add(f"_acme-challenge.quick.{ZONE}", "TXT", txt(expected))

    assert answered(client, challenge)["status"] == "valid"
    assert time.monotonic() - begun < 4


def test_doctor_says_which_name_server_is_silent(house: House, dns: Responder) -> None:
    assert f"name server     ok  {dns.address}" in house.command("doctor")

    dns.misbehave("*", Hostile.SILENT)
    said = house.command("doctor")
    dns.misbehave("*", Hostile.NOTHING)

    assert f"{dns.address} does not answer" in said


def test_doctor_says_which_name_server_is_not_known_to_validate(house: House, dns: Responder) -> None:
    """RFC 8657, 5.6: accounts and challenges in CAA records are worth what the resolver's DNSSEC is worth."""
    before = house.command("doctor")
    dns.authentic = True
    afterwards = house.command("doctor")
    dns.authentic = False

    assert f"{dns.address} does not say that it validates DNSSEC" in before
    assert "validates DNSSEC" not in afterwards


def test_doctor_says_where_caa_has_no_name_servers_of_its_own(tmp_path: Path) -> None:
    house = House(tmp_path, "acme.caa=true", 'acme.caa_identities=["ca.example"]')

    assert "acme.caa without acme.resolvers asks the system's" in house.attempt("doctor").stdout


def test_a_restart_goes_on_with_what_was_to_be_looked_at_again(house: House, client: Client, dns: Responder) -> None:
    name = f"restart.{ZONE}"
    order, challenge, expected = ordered(client, name, "dns-01")
    client.post(challenge["url"], {})
    deadline = time.monotonic() + 10
    while "error" not in (waiting := client.post(challenge["url"])).json:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    house.kill()
    dns.add(f"_acme-challenge.{name}", "TXT", txt(expected))
    house.start()

    assert waiting.json["status"] == "processing"
    assert int(waiting.headers["Retry-After"]) > 1
    assert settled(client, challenge["url"])["status"] == "valid"
    assert finalized(client, order, name) == "valid"
