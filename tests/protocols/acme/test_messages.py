"""Payloads: RFC 8555, 7.3 to 7.6."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import BadName, BadRequest, Refusal
from ca_core.names import dns, ip
from protocols.acme import messages
from protocols.acme.errors import InvalidContact, UnsupportedContact, UnsupportedIdentifier
from protocols.acme.jws import members


def payload(**values: object) -> bytes:
    return json.dumps(values).encode()


def order(*identifiers: tuple[str, str], **more: object) -> messages.NewOrder:
    listed = [{"type": kind, "value": value} for kind, value in identifiers]
    return messages.new_order(payload(identifiers=listed, **more))


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


def test_duplicate_identifiers_collapse_and_keep_their_order() -> None:
    message = order(("dns", "b.example"), ("ip", "192.0.2.1"), ("dns", "b.example"), ("dns", "a.example"))

    assert messages.identifiers(message) == (dns("b.example"), ip("192.0.2.1"), dns("a.example"))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("dns", "WWW.example"),
        ("dns", "a.example."),
        ("dns", "a.example\0.evil.example"),
        ("dns", "a..example"),
        ("dns", "b\u00fccher.example"),
        ("dns", "xn--b\u00fccher.example"),
        ("dns", "192.0.2.1"),
        ("dns", "2001:db8::1"),
        ("dns", "*.*.example"),
        ("dns", "a.*.example"),
        ("dns", ""),
        ("dns", "a b.example"),
        ("dns", "a.example/24"),
        ("ip", "a.example"),
        ("ip", "192.0.2.01"),
        ("ip", "2001:DB8::1"),
        ("ip", "192.0.2.0/24"),
    ],
)
def test_a_name_that_is_not_in_normal_form_is_refused(kind: str, value: str) -> None:
    with pytest.raises(BadName):
        messages.identifiers(order((kind, value)))


@pytest.mark.parametrize("kind", ["email", "permanent-identifier", "uri", "DNS", "tor"])
def test_other_types_of_identifiers_are_not_issued(kind: str) -> None:
    with pytest.raises(UnsupportedIdentifier):
        messages.identifiers(order((kind, "a@b.example")))


@pytest.mark.parametrize("count", [0, 101])
def test_an_order_has_1_to_100_identifiers(count: int) -> None:
    with pytest.raises(BadRequest, match="1 to 100"):
        order(*(("dns", f"n{number}.example") for number in range(count)))


@pytest.mark.parametrize("member", ["notBefore", "notAfter"])
def test_nobody_chooses_dates(member: str) -> None:
    with pytest.raises(BadRequest, match="cannot be chosen"):
        order(("dns", "a.example"), **{member: "2030-01-01T00:00:00Z"})


@pytest.mark.parametrize("reason", ["1", 1.5, True, [1]])
def test_a_reason_is_a_number(reason: object) -> None:
    with pytest.raises(BadRequest):
        members(payload(certificate="AA", reason=reason), messages.Revocation)


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode))
def test_any_payload_is_read_or_refused(body: bytes) -> None:
    for reader in (messages.new_account, messages.account_update, messages.new_order):
        try:
            reader(body)
        except Refusal:
            continue


@given(st.text(), st.text())
def test_any_identifier_is_read_or_refused(kind: str, value: str) -> None:
    try:
        messages.identifiers(order((kind, value), ("dns", value), ("ip", value)))
    except Refusal:
        return
