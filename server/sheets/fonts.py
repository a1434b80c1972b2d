"""The fonts that sheets are printed with, and whether they have every character of a text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import typst

from ca_core.errors import NotPrintable
from server.sheets.cmap import Coverage, coverage

_CHINESE = "fonts-noto-cjk"
_RARE = "fonts-cns11643-kai"
_OTHER_SCRIPTS = "fonts-noto-core"
_FAMILIES = {_CHINESE: "Noto Sans CJK TC", _RARE: "TW-Kai-Ext-B", _OTHER_SCRIPTS: "Noto Sans Arabic"}
"""Debian's packages, and a family of each by which one sees that it is installed."""

_BEYOND_THE_FIRST_PLANE = 0x20000
# They choose a form of the character before them, and print nothing where a font has only one.
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


@cache
def installed() -> typst.Fonts:
    """What is installed on this machine; fonts that come later are seen after the next start.

    Raises:
        NotPrintable: the one font that every sheet needs is not there.
    """
    fonts = typst.Fonts(include_system_fonts=True, include_embedded_fonts=False)
    require_chinese(frozenset(fonts.families()))
    return fonts


def require_chinese(families: frozenset[str]) -> None:
    """Refuse to print without the font that sheets are set in.

    Raises:
        NotPrintable: it is not there.
    """
    if _FAMILIES[_CHINESE] not in families:
        raise NotPrintable(
            f"a PDF needs a font that has Chinese: install Debian's package {_CHINESE}; text and JSON need none"
        )


def require_glyphs(texts: Iterable[str]) -> None:
    """Let only text pass that can be printed.

    Raises:
        NotPrintable: no installed font has these characters; names them, and the package that is likely to.
    """
    # By far most characters are in the first face, and reading another one takes longer than looking into it.
    wanted = {character for text in texts for character in text if not _is_selector(character)}
    for face in _faces():
        if not wanted:
            return
        wanted = {character for character in wanted if character not in face}
    if wanted:
        missing = sorted(wanted)
        named = ", ".join(f"{_shown(character)} (U+{ord(character):04X})" for character in missing)
        there = frozenset(installed().families())
        raise NotPrintable(f"no installed font has {named}: {remedy(missing, installed=there)}")


def are_plain(texts: Iterable[str]) -> bool:
    """Whether the face that sheets are set in has all of it, and no mark belongs to the character before it."""
    first = next(_faces())
    return all(
        character in first and not unicodedata.category(character).startswith("M")
        for text in texts
        for character in text
    )


def remedy(characters: Iterable[str], *, installed: frozenset[str]) -> str:
    """What to do about characters that no font has.

    Args:
        installed: the families that are there.
    """
    packages = {package for package in map(_package, characters) if _FAMILIES[package] not in installed}
    if packages:
        return f"try Debian's package {' and '.join(sorted(packages))}, or another font that has it"
    return "install a font that has it, or register the name with another character"


def _package(character: str) -> str:
    """Where a character is most likely to be found."""
    if ord(character) >= _BEYOND_THE_FIRST_PLANE or unicodedata.category(character) == "Co":
        return _RARE
    return _CHINESE if unicodedata.east_asian_width(character) in "WFH" else _OTHER_SCRIPTS


def _shown(character: str) -> str:
    return character if character.isprintable() else "a character that does not show"


def _is_selector(character: str) -> bool:
    return any(ord(character) in selectors for selectors in _SELECTORS)


def _faces() -> Iterator[Coverage]:
    """Every face, the one that sheets are set in first; those of one file have the same characters."""
    first = _FAMILIES[_CHINESE]
    files = {font.path: font for font in sorted(installed().fonts(), key=lambda font: font.family != first)[::-1]}
    for path, font in reversed(files.items()):
        if path is not None:
            yield _coverage(path, font.index)


@cache
def _coverage(path: str, index: int) -> Coverage:
    return coverage(Path(path), index)
