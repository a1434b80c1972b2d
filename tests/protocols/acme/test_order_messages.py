"""What is ordered, and authorized ahead: RFC 8555, 7.4 and 7.4.1; RFC 9444; RFC 9773, 5."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import BadName, BadRequest, Refusal
from ca_core.names import dns, ip, permanent
from ca_core.policy.period import WHOLE, WishedPeriod
from protocols.acme import order_messages
from protocols.acme.errors import UnsupportedIdentifier
from protocols.acme.jws import members
from protocols.acme.order_messages import Named, NewAuthorization, NewOrder


def payload(**values: object) -> bytes:
    return json.dumps(values).encode()


def order(*identifiers: tuple[str, str], **more: object) -> NewOrder:
    listed = [{"type": kind, "value": value} for kind, value in identifiers]
    return order_messages.new_order(payload(identifiers=listed, **more))


def named(**identifier: object) -> Named:
    (one,), _ = order_messages.named(order_messages.new_order(payload(identifiers=[identifier])))
    return one


def ahead(**members_: object) -> NewAuthorization:
    return members(payload(**members_), NewAuthorization)


def test_duplicate_identifiers_collapse_and_keep_their_order() -> None:
    message = order(("dns", "b.example"), ("ip", "192.0.2.1"), ("dns", "b.example"), ("dns", "a.example"))

    found, rejected = order_messages.named(message)

    assert [one.identifier for one in found] == [dns("b.example"), ip("192.0.2.1"), dns("a.example")]
    assert rejected == ()


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
        order_messages.named(order((kind, value)))


@pytest.mark.parametrize("kind", ["email", "uri", "DNS", "tor"])
def test_other_types_of_identifiers_are_not_issued(kind: str) -> None:
    with pytest.raises(UnsupportedIdentifier):
        order_messages.named(order((kind, "a@b.example")))


@pytest.mark.parametrize("count", [0, 101])
def test_an_order_has_1_to_100_identifiers(count: int) -> None:
    with pytest.raises(BadRequest, match="1 to 100"):
        order(*(("dns", f"n{number}.example") for number in range(count)))


def test_devices_have_identifiers_of_their_own() -> None:
    assert named(type="permanent-identifier", value="SN-0042").identifier == permanent("SN-0042")


def test_what_cannot_be_read_is_told_apart_from_the_rest() -> None:
    found, rejected = order_messages.named(order(("dns", "a.example"), ("dns", "B.example"), ("tor", "x")))

    assert [one.identifier for one in found] == [dns("a.example")]
    assert [(one.type, one.value, type(one.refusal)) for one in rejected] == [
        ("dns", "B.example", BadName),
        ("tor", "x", UnsupportedIdentifier),
    ]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2030-01-01T00:00:00Z", 1_893_456_000),
        ("2030-01-01T08:00:00.000+08:00", 1_893_456_000),
        ("0001-01-01T00:00:00+14:00", -62_135_647_200),
        ("9999-12-31T23:59:59-14:00", 253_402_351_199),
    ],
)
def test_dates_are_read_with_their_offset(written: str, seconds: int) -> None:
    assert order(("dns", "a.example"), notBefore=written).period == WishedPeriod(not_before=seconds)
    assert order(("dns", "a.example"), notAfter=written).period == WishedPeriod(not_after=seconds)


def test_no_date_is_no_wish() -> None:
    assert order(("dns", "a.example"), notBefore=None).period == WHOLE


@pytest.mark.parametrize("written", ["2030-01-01", "2030-01-01T00:00:00", "2030-01-01T00:00:00.5Z", "soon", 1, ""])
def test_other_dates_are_refused(written: object) -> None:
    with pytest.raises(BadRequest):
        order(("dns", "a.example"), notAfter=written).period  # noqa: B018  # it raises


@pytest.mark.parametrize("value", ["www.a.example", "*.a.example", "x.www.a.example"])
def test_a_domain_above_can_do_for_a_name(value: str) -> None:
    assert named(type="dns", value=value, ancestorDomain="a.example") == Named(dns(value), dns("a.example"))


@pytest.mark.parametrize(
    ("value", "ancestor"),
    [
        ("a.example", "a.example"),
        ("b.example", "a.example"),
        ("xa.example", "a.example"),
        ("a.example", "www.a.example"),
        ("www.a.example", "*.a.example"),
        ("www.a.example", "A.example"),
        ("www.a.example", ""),
    ],
)
def test_what_is_not_above_a_name_does_nothing_for_it(value: str, ancestor: str) -> None:
    with pytest.raises(BadName):
        named(type="dns", value=value, ancestorDomain=ancestor)


def test_an_address_has_no_domain_above_it() -> None:
    with pytest.raises(BadName):
        named(type="ip", value="192.0.2.1", ancestorDomain="2.1")
    with pytest.raises(BadName):
        named(type="ip", value="192.0.2.1", ancestorDomain="a.example")


@pytest.mark.parametrize(
    ("more", "inside", "spans"),
    [({}, {}, False), ({"subdomainAuthAllowed": True}, {}, True), ({}, {"subdomainAuthAllowed": True}, True)],
)
def test_names_below_are_meant_where_it_is_said(
    more: dict[str, object], inside: dict[str, object], spans: bool
) -> None:
    message = ahead(identifier={"type": "dns", "value": "a.example", **inside}, **more)

    assert (order_messages.to_authorize(message), message.spans) == (dns("a.example"), spans)


@pytest.mark.parametrize(
    ("kind", "value", "spans"), [("dns", "*.a.example", False), ("ip", "192.0.2.1", True), ("dns", "A.example", False)]
)
def test_what_cannot_be_authorized_ahead(kind: str, value: str, spans: bool) -> None:
    with pytest.raises(BadName):
        order_messages.to_authorize(ahead(identifier={"type": kind, "value": value}, subdomainAuthAllowed=spans))


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode))
def test_any_payload_is_read_or_refused(body: bytes) -> None:
    try:
        order_messages.new_order(body)
    except Refusal:
        return


@given(st.text(), st.text())
def test_any_identifier_is_read_or_refused(kind: str, value: str) -> None:
    try:
        order_messages.named(order((kind, value), ("dns", value), ("ip", value)))
    except Refusal:
        return
