from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.registration.spelling import fault_of, script_of


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Example & Sons (Taipei), No. 5-7",
        "王小明",
        "Alice 王",
        "臺灣ABC股份有限公司",
        "\uff21\uff22\uff23\uff11股份有限公司2",
        "ㄅㄆㄇ 王 Wang",
        "カタカナ・ひらがな漢字 ABC ー 々",
        "홍길동 洪 Hong",
        "Москва",
        "Αθήνα",
        "Mª José Núñez, 1º",
        "葛\U000e0100城",
        "\u02bbOkina Hawai\u02bbi",
        "ไทย ลำ",
        "Dvořák's",
        "\U00017000",
    ],
)
def test_what_people_and_companies_are_called_passes(text: str) -> None:
    assert fault_of(text) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Al\x07ice", "holds the control character U+0007"),
        ("Alice\nBob", "holds the control character U+000A"),
        ("Alice\u202eecila", "holds U+202E, which turns the direction of writing"),
        ("Alice\u2066", "holds U+2066, which turns the direction of writing"),
        ("Ali\u200bce", "holds U+200B, which is invisible or no character"),
        ("Ali\u2028ce", "holds U+2028, which is invisible or no character"),
        ("Alice\ue000", "holds U+E000, which is invisible or no character"),
        ("Alice\ud800", "holds U+D800, which is invisible or no character"),
        ("Alice\ufe0f", "holds U+FE0F, which chooses a variant of what has none"),
        ("\ufe00王", "holds U+FE00, which chooses a variant of what has none"),
        ("Jose\u0301", "is not in normal form (Unicode NFC) at U+0065; write 'José'"),
        ("兀\ufa0c", "is not in normal form (Unicode NFC) at U+FA0C; write '兀兀'"),
        ("a\u0323\u0307\u0307", "is not in normal form (Unicode NFC) at U+0061; write 'ạ̇̇'"),
        ("\U0001d400lice", "holds U+1D400, which stands for 'A'; write that"),
        ("\ufb01ne", "holds U+FB01, which stands for 'fi'; write that"),
        ("\u0410lice", "mixes the scripts Cyrillic, Latin"),
        ("\u0391lice", "mixes the scripts Greek, Latin"),
        ("王Москва", "mixes the scripts Cyrillic, Han"),
        ("ひらㄅ", "mixes the scripts Bopomofo, Hiragana"),
        ("1\u0662", "mixes digits of several scripts"),
    ],
)
def test_what_seems_to_be_something_else_is_told(text: str, fault: str) -> None:
    assert fault_of(text) == fault


def test_an_address_has_lines_and_still_no_other_control_characters() -> None:
    assert fault_of("1 Main Street\nTaipei", lines=True) is None
    assert fault_of("1 Main Street\r\nTaipei", lines=True) == "holds the control character U+000D"


def test_scripts_are_told_by_the_names_of_letters() -> None:
    found = [script_of(one) for one in ("a", "\uff21", "王", "ｱ", "ー", "5", "", "ਅ", "𐌀", "\U00017000")]

    assert found == ["LATIN", "LATIN", "HAN", "KATAKANA", None, None, None, "GURMUKHI", "OLD ITALIC", "UNNAMED"]


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    fault = fault_of(text)

    assert fault or unicodedata.is_normalized("NFC", text)
