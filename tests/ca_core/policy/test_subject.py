from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import BadName
from ca_core.policy.subject import common_names, comparable, only, subject_der
from tests.builders.csr import SUBJECT

REGISTERED = bytes.fromhex(
    "3063310b3009060355040613025457310d300b060355040a0c0454574341310d300b060355040b0c0454574341"
    "310c300a060355040b0c03524432310b3009060355040b0c025244311b301906035504030c12413132333435363738392d36332d59495255"
)
CHINESE = "CN=陳怡如,OU=研發部,O=臺灣網路認證股份有限公司,L=臺北市,C=TW"


def test_a_registered_name_is_encoded_from_country_to_common_name() -> None:
    assert subject_der(SUBJECT) == REGISTERED


def test_a_chinese_name_is_utf8() -> None:
    encoded = subject_der(CHINESE)

    assert b"\x0c\x09" + "陳怡如".encode() in encoded
    assert x509.Name.from_bytes(encoded).rfc4514_string() == CHINESE


def test_keywords_are_known_in_any_case() -> None:
    assert subject_der("cn=a,o=b,c=TW") == subject_der("CN=a,O=b,C=TW")


def test_attributes_have_the_string_type_of_their_standard() -> None:
    encoded = subject_der("serialNumber=1234,emailAddress=a@example.com,DC=example,C=TW")

    assert b"\x13\x041234" in encoded
    assert b"\x16\x0da@example.com" in encoded
    assert b"\x16\x07example" in encoded
    assert b"\x13\x02TW" in encoded


def test_an_escaped_comma_is_part_of_a_value() -> None:
    name = x509.Name.from_bytes(subject_der(r"CN=x,O=Example\, Inc."))

    assert name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "Example, Inc."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must not be empty"),
        ("   ", "must not be empty"),
        ("Yiru", "cannot be read"),
        ("CN=a, O=b", "without blanks"),
        ("XX=a", "cannot be read"),
        ("CN=", "cannot be read"),
        ("O=,CN=a", "O must not be empty"),
        ("CN=a,CN", "cannot be read"),
        ("CN=a\0", "control"),
        ("CN=a\n", "control"),
        (r"CN=a\00", "control"),
        ("CN=\u202egnp.exe", "invisible"),
        ("CN=" + "a" * 65, "64 octets"),
        ("CN=" + "陳" * 22, "64 octets"),
        ("CN=a,O=" + "b" * 65, "O must not have more than 64"),
        ("CN=a,L=" + "b" * 129, "L must not have more than 128"),
        ("CN=a,C=TWN", "two letters"),
        ("CN=a,C=tw", "capital letters"),
        ("CN=a,C=12", "capital letters"),
        ("CN=a,serialNumber=12_3", "PrintableString"),
        ("CN=a,emailAddress=nobody", "e-mail"),
        ("CN=a,DC=münchen", "ASCII"),
        ("CN=" + "a" * 3000, "more than 2000"),
        (r"CN=\ff\fe", "cannot be read"),
        ("CN=#zz", "cannot be read"),
        ("1.2.3=a", "not known here"),
        ("9.9.9=a", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(BadName, match=says):
        subject_der(text)


@given(st.text(max_size=80) | st.text(alphabet="CNOU=,+\\#abc0 é", max_size=40).map("CN=".__add__))
def test_any_text_is_encoded_or_refused(text: str) -> None:
    try:
        encoded = subject_der(text)
    except BadName:
        return

    assert x509.Name.from_bytes(encoded).public_bytes() == encoded


def test_common_names_are_read() -> None:
    assert common_names(subject_der("CN=b,OU=x,CN=a")) == ("a", "b")
    assert common_names(b"\x30\x00") == ()


@given(st.binary(max_size=60))
def test_any_bytes_are_a_name_or_a_value_error(data: bytes) -> None:
    for read in (common_names, comparable):
        try:
            read(data)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("keywords", "kept"),
    [
        (("C", "CN"), "CN=A1,C=TW"),
        (("OU",), "OU=RD,OU=RD2"),
        (("CN", "OU", "O", "C"), "CN=A1,OU=RD,OU=RD2,O=TWCA,C=TW"),
    ],
)
def test_some_attributes_of_a_name_stay_as_they_are_in_their_order(keywords: tuple[str, ...], kept: str) -> None:
    name = subject_der("CN=A1,OU=RD,OU=RD2,O=TWCA,C=TW")

    assert only(name, keywords) == subject_der(kept)


def test_of_a_name_nothing_may_stay() -> None:
    name = subject_der("CN=陳怡如+serialNumber=7,C=TW")

    assert only(name, ("O",)) == only(name, ()) == b"\x30\x00"
    assert only(name, ("CN", "C")) == subject_der("CN=陳怡如,C=TW")
