from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core import names
from ca_core.errors import BadName
from ca_core.names import Identifier, Kind


@pytest.mark.parametrize("text", ["a.example", "*.a.example", "xn--bcher-kva.example", "localhost", "a" * 63 + ".b"])
def test_dns_names_in_normal_form_pass(text: str) -> None:
    assert names.parse("dns", text) == Identifier(Kind.DNS, text)


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a.", ".a", "a..b", "A.example", "-a.example", "a-.example", "a_b.example", "a b", "a\0.example"),
        *("bücher.example", "*.*.a", "a.*.b", "*", "*.", "a" * 64 + ".b", ".".join(["a" * 63] * 4) + ".b"),
        *("192.0.2.1", "a.1", "a\n", "a.example\n"),
    ],
)
def test_dns_names_that_are_not_in_normal_form_are_refused(text: str) -> None:
    with pytest.raises(BadName):
        names.parse("dns", text)


@pytest.mark.parametrize(
    "label",
    [
        *("xn--", "xn--a", "xn--abc-", "xn--9", "xn--bcher-87d", "xn--a-ecp", "xn--fn8h", "xn--" + "z" * 59),
        # What an encoder would have left as it is.
        *("xn--abc", "xn--a-b-c"),
    ],
)
def test_an_a_label_is_what_its_u_label_is_spelled_as(label: str) -> None:
    for text in (label, f"{label}.example", f"*.{label}.example", f"a.{label}"):
        with pytest.raises(BadName):
            names.parse("dns", text)


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "::1"])
def test_addresses_in_canonical_form_pass(text: str) -> None:
    assert names.parse("ip", text).value == text


@pytest.mark.parametrize(
    "text", ["192.0.2.01", "2001:DB8::1", "2001:db8:0::1", "192.0.2.0/24", "", "a", "[::1]", "fe80::1%eth0"]
)
def test_addresses_in_another_form_are_refused(text: str) -> None:
    with pytest.raises(BadName):
        names.parse("ip", text)


def test_a_mailbox_is_compared_with_its_domain_in_lower_case() -> None:
    assert names.email("Yi.Ru@Example.COM") == names.email("Yi.Ru@example.com")
    assert names.email("yi.ru@example.com") != names.email("Yi.Ru@example.com")


@pytest.mark.parametrize(
    "text", ["", "a", "@a.example", "a@", "a b@a.example", "a@b@c.example", ".a@a.example", "ä@a.example"]
)
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(BadName):
        names.email(text)


@pytest.mark.parametrize("text", ["urn:uuid:1", "https://a.example/x"])
def test_absolute_uris_pass(text: str) -> None:
    assert names.uri(text).value == text


@pytest.mark.parametrize("text", ["", "/x", "a b:c", "urn:ä", "http://[::1", "urn:" + "a" * 2000, "urn:\x07"])
def test_other_uris_are_refused(text: str) -> None:
    with pytest.raises(BadName):
        names.uri(text)


def test_a_permanent_identifier_has_printable_characters_without_blanks() -> None:
    assert names.permanent("SN:0042").kind is Kind.PERMANENT
    for text in ("", "a b", "ä", "a" * 129):
        with pytest.raises(BadName):
            names.permanent(text)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BadName, match="identifier type 'phone' is not known here"):
        names.parse("phone", "1")


def test_a_zone_is_above_its_names_and_not_one_of_them() -> None:
    assert names.above(names.dns("a.z.example")) == ("z.example", "example")
    assert names.above(names.dns("example")) == ()


def test_a_set_of_names_has_one_spelling_and_comes_back_from_it() -> None:
    some = frozenset({names.dns("b.example"), names.ip("2001:db8::1"), names.dns("a.example")})

    assert names.canonical(some) == "dns:a.example\ndns:b.example\nip:2001:db8::1"
    assert names.from_canonical(names.canonical(some)) == some
    assert names.from_canonical("") == frozenset()


@given(st.sampled_from([*Kind, "other"]), st.text())
def test_any_text_is_parsed_or_refused_by_one_of_ours(kind: str, text: str) -> None:
    try:
        parsed = names.parse(kind, text)
    except BadName:
        return
    assert names.parse(parsed.kind, parsed.value) == parsed
    assert names.from_canonical(names.canonical(frozenset({parsed}))) == {parsed}
