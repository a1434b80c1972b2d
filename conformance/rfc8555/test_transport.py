"""RFC 8555, 5 and 6: how messages travel, who signed them, and what is said of errors."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from typing import Any

import pytest

from conformance.acme import Answer, Client, b64, csr, jwk_of, new_key
from conformance.house import House, run

NAME = "transport.vetted.example"
BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


def refused(answer: Answer, status: int, problem: str) -> None:
    assert (answer.status, answer.problem) == (status, problem), answer.body


@pytest.fixture
def objects(client: Client) -> list[str]:
    """The URL of one object of each kind."""
    order = client.new_order(NAME)
    authorization = order.json["authorizations"][0]
    challenge = client.post(authorization).json["challenges"][0]["url"]
    return [str(client.account), f"{client.account}/orders", order.headers["Location"], authorization, challenge]


def test_all_is_said_in_utf_8(client: Client) -> None:
    answer = client.new_order("bücher.vetted.example")

    refused(answer, 400, "malformed")
    assert "bücher" in answer.body.decode("utf-8")
    refused(client.post(client.directory["newOrder"], '{"identifiers": []}'.encode("utf-16")), 400, "malformed")


def test_http_without_tls_is_not_spoken(shared: House) -> None:
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as plain:
        plain.sendall(b"GET /acme/directory HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"newOrder" not in plain.recv(65_536)


def test_tls_begins_at_1_2(shared: House) -> None:
    ended = {}
    for version in ("-tls1_1", "-tls1_2"):
        address = f"localhost:{shared.port}"
        command = ("openssl", "s_client", "-connect", address, version, "-cipher", "ALL:@SECLEVEL=0")
        ended[version] = run(*command, stdin=subprocess.DEVNULL)

    # The hello went out, and nothing but an end came back.
    assert "SSL handshake has read 0 bytes and written" in ended["-tls1_1"].stdout
    assert "Cipher is (NONE)" in ended["-tls1_1"].stdout
    assert "Cipher is ECDHE" in ended["-tls1_2"].stdout


def test_acme_tls_is_not_spoken_here(shared: House) -> None:
    """RFC 8737, 4: that protocol is for challenges."""
    for port in (shared.port, shared.port + 1):
        command = ("openssl", "s_client", "-connect", f"localhost:{port}", "-alpn", "acme-tls/1")
        asked = run(*command, stdin=subprocess.DEVNULL)

        assert "ALPN protocol: acme-tls/1" not in asked.stdout


def test_pages_of_any_site_may_ask(client: Client) -> None:
    answers = [client.get("/acme/directory"), client.raw("HEAD", client.directory["newNonce"]), client.new_order(NAME)]

    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {"*"}
    assert "Replay-Nonce" in answers[0].headers["Access-Control-Expose-Headers"]


def test_nothing_happens_before_the_signature_is_verified(client: Client) -> None:
    jws = client.signed(str(client.account), {"contact": ["mailto:thief@example.com"], "status": "deactivated"})

    refused(client.send(str(client.account), jws | {"signature": b64(bytes(64))}), 400, "malformed")

    shown = client.post(str(client.account)).json
    assert (shown["status"], shown["contact"]) == ("valid", [])


def test_a_payload_that_is_not_there_is_not_an_empty_one(client: Client) -> None:
    jws = client.signed(str(client.account), None)
    del jws["payload"]

    refused(client.send(str(client.account), jws), 400, "malformed")


def test_the_key_in_the_header_is_the_key_that_signs(shared: House, sheet: dict[str, Any]) -> None:
    client, other = Client(shared), new_key()
    payload = {"externalAccountBinding": client.binding(sheet["eab"], key=jwk_of(other))}

    answer = client.post(client.directory["newAccount"], payload, header={"jwk": jwk_of(other)}, key=client.key)

    refused(answer, 400, "malformed")


def test_a_key_of_its_own_reads_nothing(client: Client, objects: list[str]) -> None:
    for url in [*objects, client.directory["newOrder"]]:
        refused(client.post(url, header={"jwk": jwk_of(client.key)}, without=("kid",)), 400, "malformed")


def test_only_directory_and_nonces_can_be_had_by_get(client: Client, objects: list[str]) -> None:
    by_post = [client.directory[name] for name in ("newAccount", "newOrder", "revokeCert")]

    for url in [*objects, *by_post]:
        refused(client.get(url), 405, "malformed")
    assert client.get("/acme/directory").status == 200
    assert client.get(client.directory["newNonce"]).status == 204


def test_whoever_reads_must_own(shared: House, client: Client, objects: list[str], sheet: dict[str, Any]) -> None:
    other = Client(shared)
    other.new_account(sheet["eab"])

    for url in objects:
        assert client.post(url).status == 200
        refused(other.post(url), 404, "malformed")


def test_reading_changes_nothing(client: Client, objects: list[str]) -> None:
    first = [client.post(url).body for url in objects]

    assert [client.post(url).body for url in objects] == first


@pytest.mark.parametrize("change", ["sibling", "host", "scheme", "slash", "query", "case", "encoding"])
def test_the_signed_url_is_this_one_to_the_letter(client: Client, change: str) -> None:
    right = str(client.account)
    wrong = {
        "sibling": client.directory["newOrder"],
        "host": right.replace("localhost", "127.0.0.1"),
        "scheme": right.replace("https", "http"),
        "slash": f"{right}/",
        "query": f"{right}?",
        "case": right.replace("acme", "ACME"),
        "encoding": right.replace("/acme/", "/%61cme/"),
    }[change]

    refused(client.post(right, header={"url": wrong}), 403, "unauthorized")


def test_another_host_header_changes_nothing(client: Client) -> None:
    body = client.signed(str(client.account), None)
    headers = {"Content-Type": "application/jose+json", "Host": "elsewhere.example"}

    assert client.raw("POST", str(client.account), json.dumps(body).encode(), headers).status == 200


def test_the_url_is_text_in_the_protected_header(client: Client) -> None:
    right = str(client.account)

    refused(client.post(right, without=("url",)), 400, "malformed")
    refused(client.post(right, header={"url": [right]}), 400, "malformed")
    outside = client.signed(right, None, without=("url",)) | {"header": {"url": right}}
    refused(client.send(right, outside), 400, "malformed")


def test_every_answer_to_a_post_brings_a_nonce_never_seen(client: Client, objects: list[str]) -> None:
    answers = [client.post(url) for url in objects]
    answers += [client.new_order(NAME), client.new_order("elsewhere.example"), client.post("/acme/nowhere")]
    nonces = [answer.headers["Replay-Nonce"] for answer in answers]

    assert {answer.status for answer in answers} == {200, 201, 403, 404}
    assert len(set(nonces)) == len(nonces)
    assert all(BASE64URL.fullmatch(nonce) and len(nonce) >= 22 for nonce in nonces)


def test_a_nonce_is_asked_for_ours_and_not_used(client: Client) -> None:
    url = str(client.account)
    used = client.nonce()
    assert client.post(url, header={"nonce": used}).status == 200

    for answer in [
        client.post(url, header={"nonce": used}),
        client.post(url, header={"nonce": b64(bytes(32))}),
        client.post(url, without=("nonce",)),
    ]:
        refused(answer, 400, "badNonce")
        assert client.post(url, header={"nonce": answer.headers["Replay-Nonce"]}).status == 200


@pytest.mark.parametrize("nonce", ["a=", "a+b/", "blank blank", "ü", 7])
def test_a_nonce_that_is_no_base64url_is_malformed(client: Client, nonce: object) -> None:
    refused(client.post(str(client.account), header={"nonce": nonce}), 400, "malformed")


def test_a_nonce_outside_of_the_protected_header_is_none(client: Client) -> None:
    url = str(client.account)
    nonce = client.nonce()

    for outside in ({"header": {"nonce": nonce}}, {"nonce": nonce}):
        refused(client.send(url, client.signed(url, None, without=("nonce",)) | outside), 400, "malformed")


def test_algorithms_that_do_not_do_are_told_those_that_do(client: Client) -> None:
    for algorithm in ("none", "HS256", "HS512", "RS1", "ES256K", "dir"):
        answer = client.post(str(client.account), header={"alg": algorithm})

        refused(answer, 400, "badSignatureAlgorithm")
        assert {"ES256", "EdDSA", "RS256"} <= set(answer.json["algorithms"])
        assert not {"none", "HS256"} & set(answer.json["algorithms"])


def test_each_rejected_name_has_a_subproblem_with_its_identifier(client: Client) -> None:
    answer = client.new_order("one.example", NAME, "two.example")

    refused(answer, 403, "rejectedIdentifier")
    assert "identifier" not in answer.json
    named = [problem["identifier"] for problem in answer.json["subproblems"]]
    assert named == [{"type": "dns", "value": "one.example"}, {"type": "dns", "value": "two.example"}]


def test_what_comes_too_early_is_told_when_to_come(client: Client) -> None:
    key = new_key()
    client.certificate("early.vetted.example", key=key)

    answer = client.new_order("early.vetted.example")

    refused(answer, 429, "rateLimited")
    assert int(answer.headers["Retry-After"]) > 86_400


def test_csr_and_signature_are_unpadded_base64url(client: Client) -> None:
    order = client.new_order("padded.vetted.example").json
    der = csr(new_key(), "padded.vetted.example")
    padded = b64(der) + "=" * (-len(b64(der)) % 4 or 4)

    answer = client.post(order["finalize"], {"csr": padded})

    refused(answer, 400, "badCSR")
    first = client.signed(str(client.account), None)
    refused(client.send(str(client.account), first | {"signature": first["signature"] + "=="}), 400, "malformed")


def test_tokens_are_unpadded_base64url(challenged: Client) -> None:
    order = challenged.new_order("token.proved.localhost").json
    offered = challenged.post(order["authorizations"][0]).json["challenges"]

    tokens = [challenge["token"] for challenge in offered if "token" in challenge]
    assert tokens
    assert all(BASE64URL.fullmatch(token) and len(token) * 6 >= 128 for token in tokens)
