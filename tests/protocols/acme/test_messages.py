"""Payloads: RFC 8555, 7.3 to 7.6."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import BadRequest, Refusal
from protocols.acme import messages
from protocols.acme.errors import InvalidContact, UnsupportedContact
from protocols.acme.jws import members


def payload(**values: object) -> bytes:
    return json.dumps(values).encode()


def test_unknown_members_are_ignored() -> None:
    message = messages.new_account(payload(contact=["mailto:a@b.example"], termsOfServiceAgreed=True, foo=[{}]))

    assert message.contact == ("mailto:a@b.example",)


def test_a_null_is_as_good_as_an_absent_member() -> None:
    message = messages.new_account(payload(contact=None, onlyReturnExisting=None, externalAccountBinding=None))

    assert message == messages.NewAccount()


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"contact": "mailto:a@b.example"}', b'{"contact": [1]}'])
def test_what_is_no_such_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        messages.new_account(body)


@pytest.mark.parametrize("contact", ["tel:+886212345678", "a@b.example", "https://b.example/", ""])
def test_contacts_are_mail_addresses(contact: str) -> None:
    with pytest.raises(UnsupportedContact):
        messages.new_account(payload(contact=[contact]))


@pytest.mark.parametrize(
    "contact",
    ["mailto:", "mailto:a", "mailto:a@b.example,c@d.example", "mailto:a@b.example?subject=x", "mailto:a@b\n"],
)
def test_a_contact_is_one_address_without_header_fields(contact: str) -> None:
    with pytest.raises(InvalidContact):
        messages.account_update(payload(contact=[contact]))


def test_an_account_has_few_contacts() -> None:
    with pytest.raises(InvalidContact):
        messages.new_account(payload(contact=["mailto:a@b.example"] * 11))


@pytest.mark.parametrize("reason", ["1", 1.5, True, [1]])
def test_a_reason_is_a_number(reason: object) -> None:
    with pytest.raises(BadRequest):
        members(payload(certificate="AA", reason=reason), messages.Revocation)


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode))
def test_any_payload_is_read_or_refused(body: bytes) -> None:
    for reader in (messages.new_account, messages.account_update):
        try:
            reader(body)
        except Refusal:
            continue
