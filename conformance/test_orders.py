"""What an order can say beside its names, and what is authorized ahead of it, over the wire.

RFC 8555, 7.1.2.1, 7.4, 7.4.1, 7.4.2 and 6.7.1; RFC 8738; RFC 9444; permanent identifiers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.acme import Answer, Client, b64, csr, new_key
from conformance.clients.certbot import Certbot
from conformance.dns import Responder as NameServer
from conformance.house import House, must, run
from conformance.responder import Responder, challenges, proof, responder, settled, thumbprint

ZONE = "zone.localhost"
"""Every name below means loopback (RFC 6761, 6.3)."""
HOST = "host.localhost"
DEVICE = """
distinguished_name = dn
[dn]
[san]
subjectAltName = otherName:1.3.6.1.5.5.7.8.3;SEQUENCE:permanent
[permanent]
identifierValue = UTF8String:SN-0042
"""


@pytest.fixture(scope="module")
def name_server() -> Iterator[NameServer]:
    with NameServer() as started:
        started.put(HOST, "A", ("127.0.0.1",))
        yield started


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, name_server: NameServer) -> Iterator[House]:
    """A house whose root was rotated before anybody came, so that certificates have two chains."""
    built = House(tmp_path_factory.mktemp("house"), f'acme.resolvers=["{name_server.address}"]')
    old_trust = built.home / "old-trust.pem"
    old_trust.write_bytes(built.trust.read_bytes())
    built.command("authority", "rotate")
    built.start()
    yield built
    built.close()


@pytest.fixture(scope="module")
def site(house: House) -> Iterator[Responder]:
    with responder(house.http_01_port) as opened:
        yield opened


@pytest.fixture(scope="module")
def sheet(house: House) -> dict[str, Any]:
    return house.register(
        *("--kind", "partner", "--subject", "CN=Shop,C=TW", "--account", "shop", "--zone", "vetted.example")
    )


@pytest.fixture(scope="module")
def client(house: House, sheet: dict[str, Any]) -> Client:
    """An account whose names need no challenge."""
    made = Client(house)
    assert made.new_account(sheet["eab"]).status == 201
    return made


@pytest.fixture(scope="module")
def challenged(house: House) -> Client:
    """An account whose names do."""
    names = ("--zone", ZONE, "--dns", f"*.{ZONE}", "--dns", HOST, "--challenged")
    sheet = house.register("--kind", "partner", "--subject", "CN=Proved,C=TW", *names)
    made = Client(house)
    assert made.new_account(sheet["eab"]).status == 201
    return made


def from_now(*, days: int = 0) -> str:
    return must("date", "--utc", "--date", f"{days} days", "+%FT%TZ").strip()


def linked(answer: Answer) -> list[str]:
    """The URLs that its Link header fields name as alternates."""
    return re.findall(r'<([^>]+)>;rel="alternate"', ", ".join(answer.headers.get_all("Link") or ()))


def order(client: Client, *identifiers: dict[str, str], **members: Any) -> Answer:
    return client.post(client.directory["newOrder"], {"identifiers": list(identifiers), **members})


def issued(client: Client, placed: Answer, request: bytes) -> tuple[str, list[x509.Certificate]]:
    """Finalize and fetch; the certificate's URL and chain."""
    done = client.post(placed.json["finalize"], {"csr": b64(request)})
    assert done.json["status"] == "valid", done.body
    url = done.json["certificate"]
    return url, x509.load_pem_x509_certificates(client.post(url).body)


def saved(folder: Path, name: str, *certificates: x509.Certificate) -> Path:
    path = folder / f"{name}.pem"
    path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
    return path


def test_a_name_is_proved_ahead_and_its_order_is_ready_at_once(challenged: Client, site: Responder) -> None:
    site.play(HOST, proof(challenged))
    asked = {"identifier": {"type": "dns", "value": HOST}}
    ahead = challenged.post(challenged.directory["newAuthz"], asked)
    (challenge,) = [one for one in ahead.json["challenges"] if one["type"] == "http-01"]

    assert (ahead.status, ahead.json["status"]) == (201, "pending")
    assert challenged.post(challenge["url"], {}).status == 200
    assert settled(challenged, ahead.headers["Location"])["status"] == "valid"
    again = challenged.post(challenged.directory["newAuthz"], asked)
    placed = challenged.new_order(HOST)

    assert again.headers["Location"] == ahead.headers["Location"]
    assert (placed.json["status"], placed.json["authorizations"]) == ("ready", [ahead.headers["Location"]])
    issued(challenged, placed, csr(new_key(), HOST))


def test_wildcards_and_strangers_are_not_proved_ahead(challenged: Client) -> None:
    for value, problem in (
        (f"*.{ZONE}", "malformed"),
        ("b.example", "rejectedIdentifier"),
        (ZONE, "rejectedIdentifier"),
    ):
        asked = {"identifier": {"type": "dns", "value": value}}
        assert challenged.post(challenged.directory["newAuthz"], asked).problem == problem


def test_one_proof_in_the_dns_does_for_a_zone_and_its_wildcard(challenged: Client, name_server: NameServer) -> None:
    assert challenged.directory["meta"]["subdomainAuthAllowed"] is True
    names = (f"www.{ZONE}", f"*.{ZONE}")
    placed = order(challenged, *({"type": "dns", "value": one, "ancestorDomain": ZONE} for one in names))
    (authorization,) = placed.json["authorizations"]
    shown = challenged.post(authorization).json
    (challenge,) = challenges(challenged, placed.json, "dns-01")

    assert shown["identifier"] == {"type": "dns", "value": ZONE}
    assert shown["subdomainAuthAllowed"] is True
    assert [one["type"] for one in shown["challenges"]] == ["dns-01"]
    published = b64(hashlib.sha256(f"{challenge['token']}.{thumbprint(challenged)}".encode()).digest())
    name_server.put(f"_acme-challenge.{ZONE}", "TXT", (published,))
    challenged.post(challenge["url"], {})
    assert settled(challenged, authorization)["status"] == "valid"
    issued(challenged, placed, csr(new_key(), *names))
    # And for a later order, which does not speak of it.
    assert challenged.new_order(f"mail.{ZONE}").json["status"] == "ready"
    assert challenged.new_order(ZONE).problem == "rejectedIdentifier"


def test_a_certificate_ends_when_it_was_ordered_to(client: Client, tmp_path: Path) -> None:
    begin, end = from_now(), from_now(days=10)

    placed = order(client, {"type": "dns", "value": "short.vetted.example"}, notBefore=begin, notAfter=end)
    _, chain = issued(client, placed, csr(new_key(), "short.vetted.example"))

    assert (placed.json["notBefore"], placed.json["notAfter"]) == (begin, end)
    leaf = saved(tmp_path, "leaf", chain[0])
    dates = must("openssl", "x509", "-in", leaf, "-noout", "-dates", "-dateopt", "iso_8601")
    assert [line.partition("=")[2].replace(" ", "T") for line in dates.splitlines()] == [begin, end]


def test_a_longer_life_than_there_is_is_refused_with_what_there_is(client: Client) -> None:
    for member, days in (("notAfter", 91), ("notBefore", -1), ("notAfter", -1)):
        wished = {member: from_now(days=days)}
        refused = order(client, {"type": "dns", "value": "long.vetted.example"}, **wished)
        assert refused.problem == "malformed"
        assert "can be valid from" in refused.json["detail"]


def test_a_device_is_certified_by_its_permanent_identifier(house: House, tmp_path: Path) -> None:
    sheet = house.register(
        *("--kind", "device", "--subject", "CN=meter,C=TW", "--account", "meter"),
        *("--device-id", "SN-0042", "--profile", "device"),
    )
    device = Client(house)
    assert device.new_account(sheet["eab"]).status == 201
    (tmp_path / "device.conf").write_text(DEVICE)
    must(
        *("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/"),
        *("-config", tmp_path / "device.conf", "-reqexts", "san", "-keyout", tmp_path / "device.key"),
        *("-outform", "DER", "-out", tmp_path / "device.csr"),
    )

    placed = order(device, {"type": "permanent-identifier", "value": "SN-0042"})
    _, chain = issued(device, placed, (tmp_path / "device.csr").read_bytes())

    san = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (permanent,) = san.get_values_for_type(x509.OtherName)
    assert permanent.type_id.dotted_string == "1.3.6.1.5.5.7.8.3"
    assert b"SN-0042" in permanent.value
    assert order(device, {"type": "permanent-identifier", "value": "SN-0043"}).problem == "rejectedIdentifier"


def test_each_name_that_cannot_be_has_a_subproblem(client: Client) -> None:
    refused = order(
        client,
        {"type": "dns", "value": "a.vetted.example"},
        {"type": "dns", "value": "B.vetted.example"},
        {"type": "tor", "value": "c"},
        {"type": "ip", "value": "192.0.2.9"},
    )

    assert refused.problem == "malformed"
    told = [(one["identifier"]["value"], one["type"].rpartition(":")[2]) for one in refused.json["subproblems"]]
    assert told == [
        ("B.vetted.example", "malformed"),
        ("c", "unsupportedIdentifier"),
        ("192.0.2.9", "rejectedIdentifier"),
    ]


def test_there_is_a_chain_for_who_trusts_either_root(house: House, client: Client, tmp_path: Path) -> None:
    url, (leaf, *chain) = issued(client, client.new_order("two.vetted.example"), csr(new_key(), "two.vetted.example"))
    links = linked(client.post(url))

    assert links == [f"{url}/1"]
    other = client.post(links[0])
    _, *alternate = x509.load_pem_x509_certificates(other.body)
    assert linked(other) == [url]
    assert (len(chain), len(alternate)) == (2, 1)
    certificate = saved(tmp_path, "leaf", leaf)
    old, new = house.home / "old-trust.pem", house.trust
    for trusted, sent, verifies in ((old, chain, True), (old, alternate, False), (new, alternate, True)):
        untrusted = saved(tmp_path, "sent", *sent)
        done = run("openssl", "verify", "-CAfile", trusted, "-untrusted", untrusted, certificate)
        assert (done.returncode == 0) is verifies, done.stderr
    assert client.post(f"{url}/2").status == 404


def test_certbot_looks_through_the_chains_for_the_one_that_it_prefers(
    house: House, sheet: dict[str, Any], tmp_path: Path
) -> None:
    certbot = Certbot(house, tmp_path)
    root = x509.load_pem_x509_certificates(house.trust.read_bytes())[0]
    (common_name,) = root.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)

    done = certbot.certonly("chain.vetted.example", sheet, "--preferred-chain", str(common_name.value))

    assert done.returncode == 0, done.stderr
    log = (tmp_path / "letsencrypt.log").read_text()
    assert re.search(r"POST /acme/certificate/[0-9a-f]{40}/1", log)
    chain = certbot.live("chain.vetted.example", "chain.pem")
    leaf = certbot.live("chain.vetted.example")
    must("openssl", "verify", "-CAfile", house.home / "old-trust.pem", "-untrusted", chain, leaf)


def test_what_runs_out_is_invalid_and_leaves_the_list(house: House) -> None:
    sheet = house.register("--kind", "partner", "--subject", "CN=Late,C=TW", "--zone", "late.example")
    late = Client(house)
    orders = late.new_account(sheet["eab"]).json["orders"]
    waiting, done = late.new_order("a.late.example"), late.new_order("b.late.example")
    issued(late, done, csr(new_key(), "b.late.example"))
    try:
        house.move_clock(days=7.1)
        shown = late.post(waiting.headers["Location"]).json
        listed = late.post(orders).json["orders"]
        refused = late.post(waiting.json["finalize"], {"csr": b64(csr(new_key(), "a.late.example"))})
    finally:
        house.move_clock(days=0)

    assert shown["status"] == "invalid"
    assert "expired" in shown["error"]["detail"]
    assert listed == [done.headers["Location"]]
    assert refused.problem == "orderNotReady"
