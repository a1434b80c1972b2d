"""RFC 6402, 2.8 and its erratum 3943: what ChangeSubjectName says, written also by a program that nobody here wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.der import decoder, encoder
from pyasn1_alt_modules import rfc5280, rfc6402

from ca_core import der, names
from ca_core.errors import BadCsr, BadName
from ca_core.policy import name_change
from ca_core.policy.name_change import NameChange
from ca_core.policy.subject import subject_der

NAME = subject_der("CN=meter-8,O=Example,C=TW")
DNS = b"\x82\x09a.example"
TAGGED, PLAIN = b"\xa1\x0b" + DNS, b"\x30\x0b" + DNS
ONE_NAME = frozenset({names.dns("a.example")})


@pytest.mark.parametrize(
    ("parts", "change"),
    [
        ((NAME,), NameChange(NAME, None)),
        ((TAGGED,), NameChange(None, ONE_NAME)),
        ((PLAIN,), NameChange(None, ONE_NAME)),
        ((NAME, TAGGED), NameChange(NAME, ONE_NAME)),
        ((NAME, PLAIN), NameChange(NAME, ONE_NAME)),
        ((der.EMPTY_SEQUENCE, PLAIN), NameChange(der.EMPTY_SEQUENCE, ONE_NAME)),
    ],
)
def test_a_subject_names_or_both_are_read_with_the_tag_of_the_erratum_and_without(
    parts: tuple[bytes, ...], change: NameChange
) -> None:
    assert name_change.read(der.sequence(*parts)) == change


def test_what_another_program_writes_is_read() -> None:
    written = rfc6402.ChangeSubjectName()
    written["subject"] = decoder.decode(NAME, asn1Spec=rfc5280.Name())[0]
    written["subjectAlt"][0]["dNSName"] = "a.example"

    assert name_change.read(encoder.encode(written)) == NameChange(NAME, ONE_NAME)


@pytest.mark.parametrize(
    "parts",
    [(), (TAGGED, NAME), (NAME, NAME), (TAGGED, TAGGED), (NAME, TAGGED, PLAIN), (b"\xa2\x0b" + DNS,), (b"\x04\x00",)],
)
def test_anything_else_is_refused(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(BadCsr, match="ChangeSubjectName must hold"):
        name_change.read(der.sequence(*parts))


def test_no_names_are_not_the_same_as_no_change() -> None:
    with pytest.raises(BadCsr, match="is empty"):
        name_change.read(der.sequence(b"\xa1\x00"))


@given(st.binary(max_size=64), st.sampled_from([0x30, 0xA1, 0x31, 0x04]))
def test_any_octets_are_read_or_refused(octets: bytes, tag: int) -> None:
    for value in (octets, der.sequence(octets), der.sequence(der.header(tag, len(octets)) + octets)):
        try:
            name_change.read(value)
        except (ValueError, BadCsr, BadName):
            continue
