"""RFC 7512, as far as a CA key needs it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import Misconfigured
from ca_core.signing.uri import parse

MODULE = "?module-path=/usr/lib/softhsm/libsofthsm2.so"


def test_every_attribute_is_read() -> None:
    parsed = parse(
        "pkcs11:token=Our%20CA;manufacturer=ACME%20Inc.;serial=0123;model=M1;slot-id=7;object=issuing;id=%01%ff%20a"
        ";type=private?module-path=/opt/lib&module-name=p11&pin-source=file:secrets/pin"
    )

    assert (parsed.token, parsed.manufacturer, parsed.serial, parsed.model) == ("Our CA", "ACME Inc.", "0123", "M1")
    assert (parsed.slot_id, parsed.label, parsed.key_id) == (7, "issuing", b"\x01\xff a")
    assert (parsed.module_path, parsed.module_name, parsed.pin_file) == ("/opt/lib", "p11", "secrets/pin")


def test_what_is_not_said_is_absent() -> None:
    parsed = parse(f"pkcs11:id=%01{MODULE}")

    assert (parsed.token, parsed.label, parsed.slot_id, parsed.pin_file) == (None, None, None, None)


def test_a_pin_file_may_be_written_with_two_slashes() -> None:
    assert parse(f"pkcs11:object=ca{MODULE}&pin-source=file:///etc/pin").pin_file == "/etc/pin"


def test_a_sentence_names_the_key_without_the_way_to_its_pin() -> None:
    parsed = parse(f"pkcs11:token=t;serial=9;object=ca;id=%0a{MODULE}&pin-source=file:/etc/pin")

    assert str(parsed) == "token 't', serial '9', object 'ca', id 0a"
    assert str(parse(f"pkcs11:slot-id=3;object=ca{MODULE}")) == "slot 3, object 'ca'"


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("file:ca.key", "is named by pkcs11:"),
        (f"pkcs11:token=t{MODULE}", "must name the key"),
        (f"pkcs11:object={MODULE}", "must name the key"),
        ("pkcs11:object=ca", "must name the token's library"),
        (f"pkcs11:object=ca;colour=red{MODULE}", "no attribute 'colour'"),
        (f"pkcs11:object=ca;x-vendor=1{MODULE}", "no attribute 'x-vendor'"),
        (f"pkcs11:object=ca;module-name=p{MODULE}", "no attribute 'module-name'"),
        (f"pkcs11:object=ca{MODULE}&colour=red", "no attribute 'colour'"),
        (f"pkcs11:object=a;object=b{MODULE}", "once, not twice"),
        (f"pkcs11:object{MODULE}", "percent-encoded"),
        (f"pkcs11:object=a b{MODULE}", "percent-encoded"),
        (f"pkcs11:object=a%2{MODULE}", "percent-encoded"),
        (f"pkcs11:object=a/b{MODULE}", "percent-encoded"),
        (f"pkcs11:object=%ff{MODULE}", "not UTF-8"),
        (f"pkcs11:object=ca;type=cert{MODULE}", "type=private"),
        (f"pkcs11:object=ca;slot-id=0x1{MODULE}", "decimal number"),
        ("pkcs11:object=ca?module-path=libp11.so", "absolute path"),
        ("pkcs11:object=ca?module-name=../p11", "without folder"),
        (f"pkcs11:object=ca{MODULE}&pin-source=|/bin/ask", "file:PATH"),
        (f"pkcs11:object=ca{MODULE}&pin-source=file:", "file:PATH"),
    ],
)
def test_what_is_no_key_is_refused_with_the_reason(uri: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        parse(uri)


@pytest.mark.parametrize("query", ["?pin-value=1234", f"{MODULE}&pin-value=1234", "?colour=1&pin-value=1234"])
def test_a_pin_in_the_uri_is_refused_and_not_repeated(query: str) -> None:
    with pytest.raises(Misconfigured, match="never stands in a URI") as refused:
        parse(f"pkcs11:object=ca{query}")

    assert "1234" not in str(refused.value)


@given(st.text())
def test_whatever_stands_there_is_parsed_or_refused(text: str) -> None:
    try:
        parse(f"pkcs11:{text}")
    except Misconfigured:
        return
