"""RFC 8555, 7.1.2 and 7.3: accounts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.acme import Client, b64, jwk_of
from conformance.house import House

NAME = "accounts.vetted.example"


@pytest.fixture
def nobody(shared: House) -> Client:
    """A key without an account."""
    return Client(shared)


def test_looking_for_an_account_makes_none(nobody: Client, sheet: dict[str, Any]) -> None:
    for _ in range(2):
        answer = nobody.new_account(sheet["eab"], onlyReturnExisting=True)
        assert (answer.status, answer.problem) == (400, "accountDoesNotExist")

    assert nobody.new_account(sheet["eab"]).status == 201


def test_what_a_server_does_not_know_is_ignored_and_not_shown(nobody: Client, sheet: dict[str, Any]) -> None:
    unknown = {"orders": "https://elsewhere.example/", "status": "revoked", "favouriteColour": "blue"}

    made = nobody.new_account(sheet["eab"], **unknown)
    order = nobody.new_order(NAME, favouriteColour="blue", status="valid")

    assert (made.status, order.status) == (201, 201)
    assert made.json["status"] == "valid"
    assert made.json["orders"].startswith(nobody.base)
    assert "favouriteColour" not in made.json
    assert "favouriteColour" not in order.json
    assert order.json["status"] == "ready"


@pytest.mark.parametrize(
    ("contact", "problem"),
    [
        ("mailto:ops@example.com", ""),
        ("tel:+886223456789", "unsupportedContact"),
        ("https://example.com/", "unsupportedContact"),
        ("mailto:ops@example.com?subject=hello", "invalidContact"),
        ("mailto:ops@example.com,other@example.com", "invalidContact"),
        ("mailto:nobody", "invalidContact"),
        ("mailto:", "invalidContact"),
    ],
)
def test_contacts_are_mail_addresses_of_one_person(client: Client, contact: str, problem: str) -> None:
    answer = client.post(str(client.account), {"contact": [contact]})

    if problem:
        assert (answer.status, answer.problem) == (400, problem)
        assert problem != "unsupportedContact" or "mailto" in answer.json["detail"]
    assert client.post(str(client.account)).json["contact"] == ([] if problem else [contact])


def test_a_key_that_has_an_account_is_given_it_back(client: Client, sheet: dict[str, Any]) -> None:
    before = client.post(str(client.account))
    url, client.account = client.account, None

    again = client.new_account(sheet["eab"], contact=["mailto:late@example.com"], status="deactivated")

    assert (again.status, again.headers["Location"], again.json) == (200, url, before.json)


def test_an_update_changes_contacts_and_nothing_else(client: Client) -> None:
    before = client.post(str(client.account)).json
    update = {"contact": ["mailto:new@example.com"], "orders": "x", "termsOfServiceAgreed": False, "status": "revoked"}

    answer = client.post(str(client.account), update | {"favouriteColour": "blue"})

    assert answer.status == 200
    assert answer.json == before | {"contact": ["mailto:new@example.com"]}
    assert client.post(str(client.account)).json == answer.json


def test_a_sheet_hands_out_an_ascii_kid_and_a_base64url_key(sheet: dict[str, Any]) -> None:
    assert sheet["eab"]["kid"].isascii()
    assert len(sheet["eab"]["hmac_key"]) == 43
    assert not set(sheet["eab"]["hmac_key"]) & set("+/=")


def test_a_binding_is_shown_where_it_was_verified_only(nobody: Client, client: Client, sheet: dict[str, Any]) -> None:
    binding = nobody.binding(sheet["eab"])
    forged = {"externalAccountBinding": {**binding, "signature": b64(bytes(32))}}

    made = nobody.new_account(externalAccountBinding=binding)
    shown = client.post(client.directory["newAccount"], forged, header={"jwk": jwk_of(client.key)}, without=("kid",))

    assert made.json["externalAccountBinding"] == binding
    # Whose account exists needs none, so that it was not even looked at.
    assert shown.status == 200
    assert shown.json["externalAccountBinding"] != forged["externalAccountBinding"]


def test_nobody_deactivates_anothers_account(shared: House, client: Client, sheet: dict[str, Any]) -> None:
    other = Client(shared)
    other.new_account(sheet["eab"])
    forged = client.signed(str(client.account), {"status": "deactivated"}, key=other.key)

    assert client.send(str(client.account), forged).problem == "malformed"
    assert other.post(str(client.account), {"status": "deactivated"}).status == 404
    assert client.post(str(client.account)).json["status"] == "valid"


def test_deactivation_revokes_nothing(shared: House, sheet: dict[str, Any], client: Client) -> None:
    url, _ = client.certificate("kept.vetted.example")
    serial = url.rpartition("/")[2]

    client.post(str(client.account), {"status": "deactivated"})

    listed = json.loads(shared.command("certificates", "--account", sheet["account"], "--json"))
    assert [one["status"] for one in listed if one["serial"] == serial] == ["valid"]


def test_the_list_of_orders_holds_the_accounts_own(challenged: Client) -> None:
    pending = challenged.new_order("one.proved.localhost")
    given_up = challenged.new_order("two.proved.localhost")
    challenged.post(given_up.json["authorizations"][0], {"status": "deactivated"})

    listed = challenged.post(challenged.post(str(challenged.account)).json["orders"])

    assert listed.json == {"orders": [pending.headers["Location"]]}
