"""What is wrong with a field is said in the reader's language, whatever the core says of it."""

from __future__ import annotations

import pytest

from ca_core.errors import BadForm, BadName
from ca_core.names import PARSERS, Kind
from ca_core.policy.profile_settings import profiles_from
from ca_core.registration.kind import IdentityNumber
from ca_core.registration.kind_settings import KindSettings, kinds_from
from server.desk import faults, registration_form
from server.desk.faults import PATTERNS
from server.web import languages
from server.web.forms import Posted

CHINESE = languages.texts("zh-Hant")
PROFILES = profiles_from({})
STRICT = kinds_from(
    {
        "device": KindSettings(
            name_suffixes=("example.com",),
            networks=("192.0.2.0/24",),
            grantable=("device",),
            identity_number=IdentityNumber.TW_PERSON,
        )
    },
    PROFILES,
).named("device")
WRONG = [
    {"subject": ""},
    {"subject": "x" * 5000},
    {"subject": "CN=a\u202eb"},
    {"subject": "CN=a\u0007b"},
    {"subject": "CN=a\u200bb"},
    {"subject": "CN=\u0410lice"},
    {"subject": "CN=e\u0301"},
    {"subject": "CN=\U0001d400lice"},
    {"subject": "CN=1\u0663"},
    {"subject": "nothing"},
    {"subject": "CN=x,C=XX"},
    {"subject": "CN=x,C=tw"},
    {"subject": "CN=x,O=" + "o" * 65},
    {"subject": "CN=x,OU="},
    {"subject": "1.2.3.4=x"},
    {"subject": "CN=x,DC=\u4f8b"},
    {"subject": "CN=x,serialNumber=\u4f8b"},
    {"account": "no blanks"},
    {"language": "fr"},
    {"uses": "0"},
    {"profiles": "tls-server"},
    {"profiles": "nothing"},
    {"contact.name": "n" * 201},
    {"contact.email": "nobody"},
    {"contact.email": "a@b..c"},
    {"contact.phone": "none"},
    {"contact.identity_number": ""},
    {"contact.identity_number": "A123456788"},
    {"names.dns": "\u00fc\u00fc..x"},
    {"names.dns": "a_b"},
    {"names.dns": "xn--a"},
    {"names.dns": "1.2.3.4"},
    {"names.dns": "other.test"},
    {"names.zone": "*.example.com"},
    {"names.ip": "x"},
    {"names.ip": "::FF"},
    {"names.ip": "fe80::1%eth0"},
    {"names.ip": "198.51.100.1"},
    {"names.uri": "x"},
    {"names.device": "a b"},
]
GOOD = {"subject": "CN=x,C=TW", "language": "en", "contact.identity_number": "A123456789"}


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_fault_is_said_in_chinese_and_beside_a_field_of_the_form(wrong: dict[str, str]) -> None:
    posted = Posted({name: (value,) for name, value in (GOOD | wrong).items()})
    wanted = registration_form.asked(STRICT, PROFILES, posted)

    with pytest.raises(BadForm) as caught:
        registration_form.form_of(registration_form.read(posted, wanted), STRICT, "main")

    beside = registration_form.beside_fields(caught.value.faults, wanted)
    assert set(beside) == set(wrong)
    for whys in beside.values():
        for why in whys:
            assert 'lang="en"' not in faults.said(why, CHINESE), why


@pytest.mark.parametrize("kind", Kind)
def test_a_name_that_cannot_be_read_is_said_in_chinese(kind: Kind) -> None:
    with pytest.raises(BadName) as caught:
        PARSERS[kind]("\u4f8b \u5b50")

    assert faults.translated(str(caught.value), CHINESE)


def test_what_is_not_known_is_shown_as_english_and_as_text() -> None:
    assert faults.said("is <b>odd</b>", CHINESE) == '<span lang="en">is &lt;b&gt;odd&lt;/b&gt;</span>'


def test_a_value_that_looks_like_a_pattern_is_a_value() -> None:
    said = faults.said("'%(text)s %s' is not an IP address", CHINESE)

    assert "%(text)s %s" in said


def test_english_stays_as_it_is() -> None:
    english = languages.texts("en")

    for pattern in PATTERNS:
        assert faults.translated(pattern, english) == pattern


def test_of_thousands_of_faults_the_first_are_shown_and_the_rest_is_counted() -> None:
    posted = Posted({"names.dns": ("\n".join(["_"] * 1000),)})
    wanted = registration_form.asked(STRICT, PROFILES, posted)

    beside = registration_form.beside_fields(registration_form.read(posted, wanted).faults, wanted)

    assert len(beside["names.dns"]) == registration_form.MOST_FAULTS + 1
    assert beside["names.dns"][-1] == "and 980 more"
    assert faults.said(beside["names.dns"][-1], CHINESE) != "and 980 more"
