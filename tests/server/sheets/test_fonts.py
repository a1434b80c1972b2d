"""Which characters can be printed, and what is said of those that cannot."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from ca_core.errors import NotPrintable
from server.sheets import fonts
from server.sheets.cmap import coverage

NOTO = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
KAI = Path("/usr/share/fonts/truetype/cns11643/TW-Kai-98_1.ttf")
RARE = Path("/usr/share/fonts/truetype/cns11643/TW-Kai-Ext-B-98_1.ttf")
TRADITIONAL = 3
"""Which face of the collection is the one for Taiwan."""


@pytest.mark.parametrize(("path", "index"), [(NOTO, TRADITIONAL), (KAI, 0), (RARE, 0)])
def test_a_face_has_the_characters_that_another_program_finds(path: Path, index: int) -> None:
    face = coverage(path, index)

    found = {code for code in range(0x30000) if chr(code) in face and not 0xD800 <= code < 0xE000}

    assert found ^ {code for code in charset(path, index) if code < 0x30000} <= set(range(0x20))


def test_common_and_rare_characters_of_names_are_printable_and_so_are_their_variants() -> None:
    fonts.require_glyphs(["王小明 José Nguyễn Ιωάννης Юрий", "𠮷𡘙𩷶", "葛\U000e0100城", ""])


def test_each_missing_character_is_named_once() -> None:
    with pytest.raises(NotPrintable) as refused:
        fonts.require_glyphs(["a\U0010fffd", "\U0010fffdb\x07"])

    assert str(refused.value).count("U+10FFFD") == 1
    assert "U+0007" in str(refused.value)
    assert "\x07" not in str(refused.value)


@pytest.mark.parametrize(
    ("character", "package"),
    [
        ("𠮷", "fonts-cns11643-kai"),
        ("\ue000", "fonts-cns11643-kai"),
        ("王", "fonts-noto-cjk"),
        ("ﻒ", "fonts-noto-core"),
    ],
)
def test_the_package_that_is_likely_to_have_it_is_named(character: str, package: str) -> None:
    assert (
        fonts.remedy([character], installed=frozenset())
        == f"try Debian's package {package}, or another font that has it"
    )


def test_a_package_that_is_there_already_is_not_recommended() -> None:
    there = frozenset({"Noto Sans CJK TC", "TW-Kai-Ext-B", "Noto Sans Arabic"})

    assert "register the name with another character" in fonts.remedy(["𠮷", "王"], installed=there)


def test_without_a_chinese_font_the_package_is_named() -> None:
    with pytest.raises(NotPrintable, match="fonts-noto-cjk"):
        fonts.require_chinese(frozenset({"DejaVu Sans"}))


def test_a_table_of_runs_with_a_list_is_read_without_its_boxes(tmp_path: Path) -> None:
    # Runs: a to c, whose glyphs are listed and of which the second is the box; x to z, by a difference that makes y
    # the box; and the one that ends every table.
    lasts, firsts = (ord("c"), ord("z"), 0xFFFF), (ord("a"), ord("x"), 0xFFFF)
    deltas, offsets, glyphs = (0, 0x10000 - ord("y"), 1), (6, 0, 0), (5, 0, 7)
    table = struct.pack(">7H3HH3H3H3H3H", 4, 0, 0, 6, 0, 0, 0, *lasts, 0, *firsts, *deltas, *offsets, *glyphs)
    font = tmp_path / "font.ttf"
    font.write_bytes(sfnt(struct.pack(">HHHHI", 0, 1, 3, 1, 12) + table))

    face = coverage(font, 0)

    assert [character for character in "abcdwxyz" if character in face] == ["a", "c", "x", "z"]


@pytest.mark.parametrize(
    "content", [b"", b"x", b"not a font at all", b"ttcf" + bytes(8), b"\0\1\0\0\xff\xff" + bytes(30)]
)
def test_what_is_no_font_has_no_characters(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "font.ttf"
    path.write_bytes(content)

    assert "a" not in coverage(path, 0)


def test_a_file_that_is_gone_has_no_characters(tmp_path: Path) -> None:
    assert "a" not in coverage(tmp_path / "gone.ttf", 0)


def sfnt(cmap: bytes) -> bytes:
    """A font of nothing but this table."""
    return struct.pack(">IHHHH4sIII", 0x10000, 1, 0, 0, 0, b"cmap", 0, 28, len(cmap)) + cmap


def charset(path: Path, index: int) -> set[int]:
    """What fontconfig says that a face has."""
    said = subprocess.run(
        ["fc-query", "--format", "%{charset}", "--index", str(index), path], check=True, capture_output=True, text=True
    ).stdout
    found = set()
    for group in said.split():
        first, _, last = group.partition("-")
        found |= set(range(int(first, 16), int(last or first, 16) + 1))
    return found
