"""A development server that makes trouble on purpose: what clients meet, and that they get through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conformance.acme import Client, b64, csr, new_key
from conformance.clients.library import Library
from conformance.house import House

_SEED = 1770
"""With it no two requests in a row are refused among the first 400, and at least one of each 35 is."""
_CHAOS = ("nonces_refused_percent=5", "shuffle=true", "slow_seconds=1", f'seed="{_SEED}"')
_ZONE = "chaos.localhost"


@pytest.fixture(scope="module")
def chaotic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("chaos"), *(f"chaos.{setting}" for setting in _CHAOS))
    built.start()
    yield built
    built.close()


@pytest.fixture(scope="module")
def vetted(chaotic: House) -> dict[str, Any]:
    return chaotic.register("--kind", "partner", "--subject", "CN=Vetted,C=TW", "--zone", _ZONE)


def patient(client: Client, url: str, payload: Any = None) -> Any:
    """Try a second time, as RFC 8555, 6.5 says; twice in a row does not happen with this seed."""
    answer = client.post(url, payload)
    return client.post(url, payload) if answer.status == 400 and answer.problem == "badNonce" else answer


def test_the_log_says_that_trouble_is_made_on_purpose(chaotic: House) -> None:
    assert f"event=chaos seed={_SEED}" in chaotic.log


def test_a_good_nonce_is_refused_now_and_then_with_a_fresh_one(chaotic: House, vetted: dict[str, Any]) -> None:
    client = Client(chaotic)
    if client.new_account(vetted["eab"]).status == 400:
        client.new_account(vetted["eab"])
    assert client.account
    refused = []

    for _ in range(40):
        answer = client.post(client.account)
        if answer.status != 200:
            refused.append(answer)

    assert refused
    for answer in refused:
        assert (answer.status, answer.problem) == (400, "badNonce")
        again = client.post(client.account, header={"nonce": answer.headers["Replay-Nonce"]})
        assert again.status == 200 or again.problem == "badNonce"
    assert len({answer.headers["Replay-Nonce"] for answer in refused}) == len(refused)


def test_a_certificate_comes_late_and_lists_in_any_order(chaotic: House, vetted: dict[str, Any]) -> None:
    client = Client(chaotic)
    if client.new_account(vetted["eab"]).status == 400:
        client.new_account(vetted["eab"])
    names = [f"{letter}.{_ZONE}" for letter in "abcdef"]
    identifiers = [{"type": "dns", "value": name} for name in names]

    placed = patient(client, client.directory["newOrder"], {"identifiers": identifiers})
    shown = {tuple(patient(client, placed.headers["Location"]).json["authorizations"]) for _ in range(4)}
    done = patient(client, placed.json["finalize"], {"csr": b64(csr(new_key(), *names))})

    assert len(shown) > 1
    assert len({frozenset(one) for one in shown}) == 1
    assert sorted(one["value"] for one in placed.json["identifiers"]) == names
    assert done.json["status"] in {"processing", "valid"}
    chaotic.move_clock(days=0.01)
    assert patient(client, placed.headers["Location"]).json["status"] == "valid"


def test_certbots_library_gets_through(chaotic: House) -> None:
    sheet = chaotic.register("--kind", "partner", "--subject", "CN=Proved,C=TW", "--zone", _ZONE, "--challenged")
    before = chaotic.log.count("status=400")

    with Library(chaotic) as library:
        session = library.session("certbot")
        session("new_account", eab=sheet["eab"])
        for round_ in range(2):
            session("order", names=[f"{name}{round_}.{_ZONE}" for name in "abcde"])
            session("prove", port=chaotic.http_01_port)
            assert "BEGIN CERTIFICATE" in session("finalize")["chain"]

    assert chaotic.log.count("status=400") > before
