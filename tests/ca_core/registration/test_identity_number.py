from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.registration.identity_number import fault_of, is_tw_person
from ca_core.registration.kind import IdentityNumber

PERSON, COMPANY, EITHER = IdentityNumber.TW_PERSON, IdentityNumber.TW_COMPANY, IdentityNumber.TW


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        ("A123456789", PERSON),
        ("A123456789", EITHER),
        ("A800000014", PERSON),
        ("AC01234567", PERSON),
        ("00501503", COMPANY),
        ("04595257", EITHER),
        ("anything", IdentityNumber.NONE),
        ("", IdentityNumber.NONE),
    ],
)
def test_a_right_number_passes(number: str, wanted: IdentityNumber) -> None:
    assert fault_of(number, wanted) is None


@pytest.mark.parametrize(
    ("number", "wanted", "fault"),
    [
        ("", PERSON, "is missing; this kind needs a Taiwan ID number"),
        ("A123456788", PERSON, "is not a Taiwan ID number, or its check digit is wrong"),
        ("a123456789", PERSON, "is not a Taiwan ID number, or its check digit is wrong"),
        ("A323456789", PERSON, "is not a Taiwan ID number, or its check digit is wrong"),
        ("AA12345678", PERSON, "is not a Taiwan ID number, or its check digit is wrong"),
        ("00501503", PERSON, "is not a Taiwan ID number, or its check digit is wrong"),
        ("A123456789", COMPANY, "is not a Taiwan company number, or its check digit is wrong"),
        ("00501502", COMPANY, "is not a Taiwan company number, or its check digit is wrong"),
        ("0050150\uff13", COMPANY, "is not a Taiwan company number, or its check digit is wrong"),
        ("0050 1503", COMPANY, "is not a Taiwan company number, or its check digit is wrong"),
        ("00501502", EITHER, "is not a Taiwan ID or company number, or its check digit is wrong"),
    ],
)
def test_a_wrong_one_is_told(number: str, wanted: IdentityNumber, fault: str) -> None:
    assert fault_of(number, wanted) == fault


@given(st.text(), st.sampled_from(IdentityNumber))
def test_any_text_is_judged(number: str, wanted: IdentityNumber) -> None:
    fault_of(number, wanted)


@given(st.from_regex(r"\A[A-Z][1289A-D][0-9]{7}\Z"))
def test_of_ten_check_digits_one_is_right(number: str) -> None:
    assert sum(is_tw_person(f"{number}{digit}") for digit in range(10)) == 1
