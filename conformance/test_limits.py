"""Limits over the wire (RFC 8555, 6.6), names that only fail, and the pages that say what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.acme import Answer, Client
from conformance.house import House
from conformance.responder import Responder, answered, challenges, responder

_LIMITS = (
    "orders_per_hour=6",
    "new_accounts_per_hour=2",
    "failed_probes_per_hour=2",
    "pending_authorizations=3",
    "paused_after_failures=2",
)
_HELP = 'rel="help"'


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("limits"), *(f"limits.{limit}" for limit in _LIMITS))
    built.start()
    yield built
    built.close()


@pytest.fixture(scope="module")
def site(narrow: House) -> Iterator[Responder]:
    """A web server on which nobody shows what challenges ask for."""
    with responder(narrow.http_01_port) as opened:
        yield opened


def subscriber(house: House, account: str, *options: str) -> tuple[Client, dict[str, Any]]:
    zone = ("--kind", "partner", "--subject", f"CN={account},C=TW", "--zone", f"{account}.localhost")
    sheet = house.register("--account", account, *zone, *options)
    client = Client(house)
    assert client.new_account(sheet["eab"]).status == 201
    return client, sheet


def page_of(client: Client, answer: Answer) -> Answer:
    """The page that a limit links: it is there, in both languages, and can run nothing."""
    (link,) = [link for link in answer.headers.get_all("Link", []) if _HELP in link]
    page = client.get(link.partition(">")[0].removeprefix("<"))
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert b'lang="zh-Hant"' in page.body
    return page


def require_limited(answer: Answer, setting: str) -> int:
    assert (answer.status, answer.problem) == (429, "rateLimited")
    assert setting in answer.json["detail"]
    return int(answer.headers["Retry-After"])


def fail_once(client: Client, name: str) -> None:
    """Have a challenge looked at that nobody meets."""
    order = client.new_order(name)
    assert order.status == 201, order.body
    assert [one["status"] for one in answered(client, order.json)] == ["invalid"]


def test_orders_beyond_the_limit_wait_and_a_page_says_what_to_do(narrow: House) -> None:
    client, _ = subscriber(narrow, "orders")
    for number in range(6):
        assert client.new_order(f"n{number}.orders.localhost").status == 201

    limited = client.new_order("one-more.orders.localhost")

    assert 1 <= require_limited(limited, "limits.orders_per_hour") <= 600
    assert limited.headers["Replay-Nonce"]
    assert b"6 orders" in page_of(client, limited).body
    assert client.get("/help/nowhere").status == 404


def test_a_renewal_in_its_window_is_let_through_all_the_same(narrow: House) -> None:
    client, _ = subscriber(narrow, "renewals")
    client.certificate("old.renewals.localhost")
    early = client.new_order("old.renewals.localhost")
    assert early.problem == "rateLimited"
    assert b"30 days" in page_of(client, early).body
    narrow.move_clock(days=61)
    for number in range(6):
        assert client.new_order(f"n{number}.renewals.localhost").status == 201
    require_limited(client.new_order("one-more.renewals.localhost"), "limits.orders_per_hour")

    client.certificate("old.renewals.localhost")

    narrow.move_clock(days=0)


def test_new_accounts_beyond_the_limit_wait_and_old_ones_are_found(narrow: House) -> None:
    client, sheet = subscriber(narrow, "accounts")
    assert Client(narrow).new_account(sheet["eab"]).status == 201

    limited = Client(narrow).new_account(sheet["eab"])

    assert 1 <= require_limited(limited, "limits.new_accounts_per_hour") <= 1800
    assert client.new_account(sheet["eab"]).status == 200


def test_only_so_many_authorizations_pend(narrow: House) -> None:
    client, _ = subscriber(narrow, "pending", "--challenged")
    assert client.new_order("a.pending.localhost", "b.pending.localhost").status == 201

    limited = client.new_order("c.pending.localhost", "d.pending.localhost")

    assert require_limited(limited, "limits.pending_authorizations") == 3600
    assert client.new_order("c.pending.localhost").status == 201


def test_whose_challenges_fail_waits_before_the_next_is_looked_at(narrow: House, site: Responder) -> None:
    client, _ = subscriber(narrow, "failing", "--challenged")
    for name in ("a.failing.localhost", "b.failing.localhost"):
        fail_once(client, name)
    order = client.new_order("c.failing.localhost").json
    (challenge,) = challenges(client, order)

    limited = client.post(challenge["url"], {})

    assert 1 <= require_limited(limited, "limits.failed_probes_per_hour") <= 1800
    assert client.post(challenge["url"]).json["status"] == "pending"


def test_a_name_that_only_fails_is_paused_until_a_command_lifts_it(narrow: House, site: Responder) -> None:
    client, _ = subscriber(narrow, "zombie", "--challenged")
    name = "www.zombie.localhost"
    fail_once(client, name)
    narrow.move_clock(days=1.1)
    fail_once(client, name)

    refused = client.new_order("other.zombie.localhost", name)

    assert require_limited(refused, "soapstone unpause zombie www.zombie.localhost") == 86_400
    assert [one["identifier"]["value"] for one in refused.json["subproblems"]] == [name]
    assert b"2 times in a row" in page_of(client, refused).body
    assert client.new_order("other.zombie.localhost").status == 201
    (paused,) = json.loads(narrow.command("paused", "--account", "zombie", "--json"))
    assert (paused["name"], paused["failures"]) == (f"dns:{name}", 2)
    assert name in narrow.command("paused", "list")
    assert narrow.attempt("unpause", "zombie", "typo.zombie.localhost").returncode == 1
    assert narrow.attempt("unpause", "zombie").returncode == 2
    assert f"can order {name} again" in narrow.command("unpause", "zombie", name)
    assert client.new_order(name).status == 201
    assert "nothing is paused" in narrow.command("unpause", "zombie", "--all")
    journal = json.loads(narrow.command("journal", "list", "--account", "zombie", "--json"))
    events = [row["event"] for row in journal]
    assert events.count("name-paused") == events.count("name-unpaused") == 1
    narrow.move_clock(days=0)
