"""Numbers of persons and companies, and whether their check digits are right."""

from __future__ import annotations

import re

from ca_core.registration.kind import IdentityNumber

# A citizen's has 1 or 2 behind its letter, a resident's 8 or 9, and before 2021 one of A to D.
_TW_PERSON = re.compile(r"[A-Z][1289A-D][0-9]{8}")
# The number of each letter, by the order in which the offices came to have one.
_TW_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
_FIRST_TW_NUMBER = 10
_TW_WEIGHTS = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
_TW_MODULUS = 10
_WHAT = {
    IdentityNumber.TW_PERSON: "a Taiwan ID number",
    IdentityNumber.TW_COMPANY: "a Taiwan company number",
    IdentityNumber.TW: "a Taiwan ID or company number",
}


def fault_of(number: str, wanted: IdentityNumber) -> str | None:
    """Why a number is not the one that a kind asks for; None where it is, or where the kind asks for none."""
    if wanted is IdentityNumber.NONE:
        return None
    if not number:
        return f"is missing; this kind needs {_WHAT[wanted]}"
    is_person = wanted is not IdentityNumber.TW_COMPANY and is_tw_person(number)
    is_company = wanted is not IdentityNumber.TW_PERSON and is_tw_company(number)
    if is_person or is_company:
        return None
    return f"is not {_WHAT[wanted]}, or its check digit is wrong"


def is_tw_person(number: str) -> bool:
    """Whether it is an ID number of a citizen or a resident of Taiwan, by its form and its check digit."""
    if not _TW_PERSON.fullmatch(number):
        return False
    letter, second = _tw_number(number[0]), number[1]
    sex = second if second.isdigit() else str(_tw_number(second) % _TW_MODULUS)
    digits = map(int, f"{letter}{sex}{number[2:]}")
    return sum(weight * digit for weight, digit in zip(_TW_WEIGHTS, digits, strict=True)) % _TW_MODULUS == 0


def is_tw_company(number: str) -> bool:
    """Whether it is the number of a company of Taiwan, by its form and its check digit."""
    # It brings a client for web services along, and most kinds ask for no number.
    from stdnum.tw import ubn  # noqa: PLC0415

    return number.isascii() and number.isdigit() and ubn.is_valid(number)


def _tw_number(letter: str) -> int:
    return _FIRST_TW_NUMBER + _TW_LETTERS.index(letter)
