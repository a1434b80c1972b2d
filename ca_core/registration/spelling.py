"""Is a text what it seems to be? Invisible characters, and scripts mixed so that one letter passes for another.

Scripts may be mixed as the level "highly restrictive" of UTS #39, 5.2 has it: one script, or Latin with what is written
beside it in Chinese, Japanese or Korean. Which script a letter is of is taken from its name in the Unicode data.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_REMEMBERED = 8192
_WIDTHS = ("FULLWIDTH ", "HALFWIDTH ")
_HAN = ("CJK ", "IDEOGRAPHIC ", "KANGXI ", "SUZHOU ")
# Written with both syllabaries, and of neither.
_COMMON = ("MODIFIER LETTER", "KATAKANA-HIRAGANA", "MASU MARK", "VERTICAL KANA")
_FIRST_WORDS_OF_TWO = frozenset({"OLD", "NEW", "TAI", "MEETEI", "OL", "PHAGS-PA"})
_TOGETHER = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
# Spelled so in names: Nª Sª, Mª; 1º.
_ORDINALS = frozenset("ªº")
_TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_VARIATION = ("\ufe00", "\ufe0f", "\U000e0100", "\U000e01ef")


def fault_of(text: str, *, lines: bool = False) -> str | None:
    """What makes a text something else than what a reader takes it for; None where nothing does.

    Args:
        lines: whether it may have several lines.
    """
    return _unseen(text.replace("\n", "") if lines else text) or _disguised(text) or _mixed(text)


def _unseen(text: str) -> str | None:
    before = ""
    for character in text:
        category = unicodedata.category(character)
        if character in _TURNING:
            return f"holds {_code(character)}, which turns the direction of writing"
        if category == "Cc":
            return f"holds the control character {_code(character)}"
        if category.startswith("C") or category in {"Zl", "Zp"}:
            return f"holds {_code(character)}, which is invisible or no character"
        if _is_variation(character) and script_of(before) != "HAN":
            return f"holds {_code(character)}, which chooses a variant of what has none"
        before = character
    return None


def _disguised(text: str) -> str | None:
    composed = unicodedata.normalize("NFC", text)
    if composed != text:
        odd = next(_code(old) for old, new in zip(text, composed + "\0", strict=False) if old != new)
        return f"is not in normal form (Unicode NFC) at {odd}; write {composed[:80]!r}"
    for character in text:
        if unicodedata.category(character).startswith("L") and _stands_for_another(character):
            return (
                f"holds {_code(character)}, which stands for {unicodedata.normalize('NFKC', character)!r}; write that"
            )
    return None


def _mixed(text: str) -> str | None:
    scripts = {script for character in text if (script := script_of(character)) is not None}
    if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
        return f"mixes the scripts {', '.join(sorted(map(str.capitalize, scripts)))}"
    if len({ord(character) - unicodedata.decimal(character) for character in _digits(text)}) > 1:
        return "mixes digits of several scripts"
    return None


def _digits(text: str) -> Iterator[str]:
    for character in text:
        if unicodedata.category(character) == "Nd":
            yield unicodedata.normalize("NFKC", character)


@lru_cache(maxsize=_REMEMBERED)
def script_of(character: str) -> str | None:
    """The script of a letter, as `LATIN`; None for what is of none, or of several, and for what is no letter."""
    if not character or not unicodedata.category(character).startswith("L"):
        return None
    name = unicodedata.name(character, "UNNAMED")
    for width in _WIDTHS:
        name = name.removeprefix(width)
    if character in _ORDINALS or name.startswith(_COMMON):
        return None
    if name.startswith(_HAN):
        return "HAN"
    first, _, rest = name.partition(" ")
    return f"{first} {rest.partition(' ')[0]}" if first in _FIRST_WORDS_OF_TWO else first


def _stands_for_another(character: str) -> bool:
    """Whether it is a letter in another dress, as a mathematical one; wide and narrow ones are ordinary in Asia."""
    plain = unicodedata.normalize("NFKC", character)
    if plain == character or character in _ORDINALS:
        return False
    return not unicodedata.name(character, "").startswith((*_WIDTHS, "HANGUL ", "ARABIC ", "THAI ", "LAO "))


def _is_variation(character: str) -> bool:
    first, last, more_first, more_last = _VARIATION
    return first <= character <= last or more_first <= character <= more_last


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"
