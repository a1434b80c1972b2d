from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from ca_core import names
from ca_core.errors import BadForm, FieldFault
from ca_core.policy.subject import subject_der
from ca_core.registration import vetting
from ca_core.registration.account import Grant
from ca_core.registration.contact import Contact
from ca_core.registration.countries import COUNTRIES
from ca_core.registration.form import Form
from ca_core.registration.kind import PRESETS, IdentityNumber, Kind

KIND = PRESETS["organization"]
NARROW = msgspec.structs.replace(
    KIND,
    grantable=("tls-server", "signing"),
    name_suffixes=("shop.example",),
    networks=("10.0.0.0/8", "2001:db8::/32"),
    identity_number=IdentityNumber.TW_COMPANY,
)
GOOD = Form(
    "organization",
    "CN=商店 Shop,O=Example,C=TW",
    account="shop",
    grants=(
        Grant(names.dns("shop.example")),
        Grant(names.dns("*.shop.example")),
        Grant(names.dns("eu.shop.example"), zone=True),
        Grant(names.ip("10.1.2.3")),
        Grant(names.email("sales@shop.example")),
        Grant(names.uri("https://www.shop.example/x")),
        Grant(names.permanent("SN-1")),
    ),
    profiles=("tls-server", "signing"),
    language="en",
    contact=Contact("王小明", "wang@elsewhere.example", "+886 2 1234 5678 分機 9", "臺北市\n1 號", "00501503"),
    realm="north",
)


def faults(form: Form, kind: Kind = NARROW) -> list[str]:
    with pytest.raises(BadForm) as refused:
        vetting.require_sound(form, kind)
    return [fault.field for fault in refused.value.faults]


def test_a_right_form_passes_and_its_subject_is_encoded() -> None:
    assert vetting.require_sound(GOOD, NARROW) == subject_der(GOOD.subject)


def test_every_wrong_field_is_named() -> None:
    wrong = Form(
        "organization",
        "CN=\u0410lice,O=Al\u0313ice,C=QQ",
        uses=0,
        account="a:b",
        grants=(Grant(names.dns("shop.example.org")), Grant(names.ip("192.0.2.1"))),
        profiles=("device", "device"),
        language="tlh",
        contact=Contact("x" * 201, "nobody", "none", "a\x00b", "00501502"),
        realm="North Side",
    )

    assert faults(wrong) == [
        *("account", "realm", "profiles", "profiles", "profiles", "uses", "language"),
        *("subject.CN", "subject.C", "names", "names"),
        *("contact.name", "contact.address", "contact.email", "contact.phone", "contact.identity_number"),
    ]


@pytest.mark.parametrize(
    ("subject", "field", "why"),
    [
        ("nonsense", "subject", "cannot be read as a distinguished name"),
        ("CN=Al\u202eice", "subject", "holds U+202E, which turns the direction of writing"),
        ("CN=Alice\\07", "subject", "must not contain control or invisible characters"),
        ("CN=Al\x00ice", "subject", "holds the control character U+0000"),
        (f"O={'x' * 65}", "subject", "O must not have more than 64 characters"),
        ("CN=x,C=tw", "subject", "C must be a country code of two capital letters"),
        ("CN=x,C=ZZ", "subject.C", "is 'ZZ', which is no country of ISO 3166"),
        ("CN=x,C=XA", "subject.C", "is 'XA'"),
        ("SN=\u0410lice,CN=x", "subject.SN", "mixes the scripts Cyrillic, Latin"),
        ("CN=x,OU=RD+OU=\u0410lice", "subject.OU", "mixes the scripts"),
    ],
)
def test_a_wrong_subject_is_told_by_its_attribute(subject: str, field: str, why: str) -> None:
    (fault,) = vetting.of_subject(subject)

    assert fault.field == field
    assert why in fault.why


def test_countries_are_those_of_certificates() -> None:
    assert {"TW", "DE", "EU", "XK"} < COUNTRIES
    assert not {"UN", "ZZ", "QQ", "tw", "001"} & COUNTRIES


def test_countries_are_the_territories_that_are_one() -> None:
    # The eurozone, the United Nations, outlying Oceania, what is unknown, and two for testing.
    no_countries = {"EZ", "UN", "QO", "ZZ", "XA", "XB"}

    territories = {str(code) for code in Locale("en").territories}

    assert {code for code in territories if len(code) == 2 and code.isalpha()} - no_countries == COUNTRIES


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (names.dns("ashop.example"), "dns:ashop.example is outside of shop.example"),
        (names.dns("*.example"), "is outside of shop.example"),
        (names.email("a@example.com"), "email:a@example.com is outside of"),
        (names.uri("urn:dev:1"), "uri:urn:dev:1 is outside of"),
        (names.ip("2001:db9::1"), "ip:2001:db9::1 is outside of 10.0.0.0/8, 2001:db8::/32"),
        (names.dns("xn--80ak6aa92e.shop.example"), ""),
        (names.dns("xn--pple-43d.shop.example"), "has a label that mixes the scripts Cyrillic, Latin"),
    ],
)
def test_names_lie_where_the_kind_has_them_and_spoof_nobody(name: names.Identifier, why: str) -> None:
    found = vetting.of_grants((Grant(name),), NARROW)

    assert [why in fault.why for fault in found] == ([True] if why else [])


def test_a_kind_without_limits_takes_any_name_and_profile() -> None:
    names_of_many = tuple(Grant(one) for one in (names.dns("a.example"), names.ip("192.0.2.1"), names.uri("urn:x:y")))

    assert vetting.of_grants(names_of_many, KIND) == vetting.of_profiles(("anything",), KIND) == []


def test_names_are_counted() -> None:
    many = (Grant(names.permanent("SN-1")),) * (vetting.MOST_GRANTS + 1)

    assert vetting.of_grants(many, KIND) == [FieldFault("names", "are more than 10000")]


def test_a_refusal_says_all_faults_in_a_line() -> None:
    assert str(BadForm([FieldFault("a", "is b"), FieldFault("c", "is d")])) == "a: is b; c: is d"


@given(st.text(), st.text(), st.text(), st.text())
def test_any_form_is_judged(subject: str, account: str, text: str, address: str) -> None:
    contact = Contact(text, text, text, address, text)

    with suppress(BadForm):
        vetting.require_sound(Form("organization", subject, None, account, contact=contact, realm=text), NARROW)
