"""`soapstone explain` says of an order what the server says to it, word for word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.acme import Client
from conformance.house import House
from conformance.responder import answered, responder

_NAMES = (
    *("--dns", "vetted.example", "--zone", "below.example", "--ip", "192.0.2.1"),
    *("--profile", "tls-server", "--profile", "device", "--profile", "signing"),
)
_OWN = "a.asked.localhost"

# What is typed after the account, and what becomes of the order; `None` where it is not refused.
_AT_ONCE = (
    (("vetted.example",), None),
    (("www.below.example", "--profile", "device"), None),
    (("vetted.example.",), "malformed"),
    (("email:yiru@example.com",), "unsupportedIdentifier"),
    (("bank.example",), "rejectedIdentifier"),
    (("below.example",), "rejectedIdentifier"),
    (("192.0.2.9",), "rejectedIdentifier"),
    (("vetted.example", "--profile", "signing"), "invalidProfile"),
    (("vetted.example", "--profile", "no-such"), "invalidProfile"),
)


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("explain"), "limits.paused_after_failures=2")
    built.start()
    yield built
    built.close()


def explanation(house: House, account: str, *asked: str) -> tuple[int, dict[str, Any]]:
    done = house.attempt("explain", account, *asked, "--json")
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def require_same_words(house: House, client: Client, account: str, *asked: str) -> str:
    """Explain and order; the problem's type, which is the same in both."""
    status, said = explanation(house, account, *asked)
    kind, _, value = said["name"].partition(":")
    payload: dict[str, Any] = {"identifiers": [{"type": kind, "value": value}]}
    if asked[1:]:
        payload["profile"] = asked[2]
    answer = client.post(client.directory["newOrder"], payload)
    refusal = next(step for step in said["steps"] if step["result"] == "refused")
    assert (said["answer"], status) == ("refused", 1)
    assert (refusal["problem"], refusal["text"]) == (answer.problem, answer.json["detail"])
    return answer.problem


def test_a_refusal_is_explained_in_the_words_of_the_server(explained: House) -> None:
    sheet = explained.register("--account", "corp", "--kind", "partner", "--subject", "CN=Corp,C=TW", *_NAMES)
    client = Client(explained)
    assert client.new_account(sheet["eab"]).status == 201

    for asked, problem in _AT_ONCE:
        if problem is None:
            status, said = explanation(explained, "corp", *asked)
            assert (status, said["answer"]) == (0, "granted")
        else:
            assert require_same_words(explained, client, "corp", *asked) == problem

    client.certificate("vetted.example")
    assert require_same_words(explained, client, "corp", "vetted.example") == "rateLimited"
    explained.command("suspend", "corp")
    assert require_same_words(explained, client, "corp", "vetted.example") == "unauthorized"


def test_a_challenged_name_and_a_paused_one_are_told_apart(explained: House) -> None:
    registered = ("--kind", "partner", "--subject", "CN=Asked,C=TW", "--zone", "asked.localhost", "--challenged")
    sheet = explained.register("--account", "asked", *registered)
    client = Client(explained)
    assert client.new_account(sheet["eab"]).status == 201
    assert explanation(explained, "asked", _OWN)[1]["answer"] == "challenged"

    with responder(explained.http_01_port):
        for days in (0.0, 1.1):
            explained.move_clock(days=days)
            answered(client, client.new_order(_OWN).json)

    assert require_same_words(explained, client, "asked", _OWN) == "rateLimited"
    printed = explained.attempt("explain", "asked", _OWN)
    assert printed.returncode == 1
    assert " 1  account       ok       the ACME account" in printed.stdout
    assert "soapstone unpause asked" in printed.stdout.splitlines()[-1]
    explained.move_clock(days=0)


def test_whoever_is_not_registered_gets_one_clean_line(explained: House) -> None:
    done = explained.attempt("explain", "nobody", "www.example")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "soapstone: there is no account nobody\n"
