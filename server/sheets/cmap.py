"""Which characters a font file has: the `cmap` table of OpenType, formats 4 and 12, as far as that question goes."""

from __future__ import annotations

import mmap
import struct
from bisect import bisect_right
from pathlib import Path

_COLLECTION = b"ttcf"
_UNICODE = {(0, 3), (0, 4), (0, 6), (3, 1), (3, 10)}
"""Platform and encoding of the tables that speak Unicode."""


class Coverage:
    """The characters of one face.

    Args:
        groups: first and last code point of each run of characters, ascending.
    """

    def __init__(self, groups: list[tuple[int, int]]) -> None:
        self._firsts = [first for first, _ in groups]
        self._lasts = [last for _, last in groups]

    def __contains__(self, character: str) -> bool:
        """Whether the face has a glyph for it."""
        place = bisect_right(self._firsts, ord(character)) - 1
        return place >= 0 and ord(character) <= self._lasts[place]


def coverage(path: Path, index: int) -> Coverage:
    """Read which characters a face has; none where the file is no font or is damaged.

    Args:
        index: which face of a collection; 0 in other files.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as font:
            return Coverage(sorted(_groups(font, index)))
    except (OSError, ValueError, IndexError, struct.error):
        return Coverage([])


def _groups(font: mmap.mmap, index: int) -> set[tuple[int, int]]:
    start = struct.unpack_from(">I", font, 12 + 4 * index)[0] if font[:4] == _COLLECTION else 0
    (tables,) = struct.unpack_from(">H", font, start + 4)
    for number in range(tables):
        tag, _, cmap, _ = struct.unpack_from(">4sIII", font, start + 12 + 16 * number)
        if tag == b"cmap":
            return _of_cmap(font, cmap)
    return set()


def _of_cmap(font: mmap.mmap, cmap: int) -> set[tuple[int, int]]:
    (subtables,) = struct.unpack_from(">H", font, cmap + 2)
    found: set[tuple[int, int]] = set()
    for number in range(subtables):
        platform, encoding, offset = struct.unpack_from(">HHI", font, cmap + 4 + 8 * number)
        if (platform, encoding) not in _UNICODE:
            continue
        (form,) = struct.unpack_from(">H", font, cmap + offset)
        if form == 12:  # noqa: PLR2004  # the number of a format, as the docstring of this file has it
            # A full repertoire has everything that a smaller table beside it has.
            return set(_segmented_coverage(font, cmap + offset))
        if form == 4:  # noqa: PLR2004  # as above
            found |= set(_segment_mapping(font, cmap + offset))
    return found


def _segmented_coverage(font: mmap.mmap, table: int) -> list[tuple[int, int]]:
    """Format 12: runs with the glyph of the first; glyph 0 is the box that stands for a missing one."""
    (count,) = struct.unpack_from(">I", font, table + 12)
    runs = struct.iter_unpack(">III", font[table + 16 : table + 16 + 12 * count])
    return [(first + (glyph == 0), last) for first, last, glyph in runs if first + (glyph == 0) <= last]


def _segment_mapping(font: mmap.mmap, table: int) -> list[tuple[int, int]]:
    """Format 4: runs whose glyphs follow from a difference or stand in a list, in which any may be 0."""
    (doubled,) = struct.unpack_from(">H", font, table + 6)
    count = doubled // 2
    words = f">{count}H"
    lasts = struct.unpack_from(words, font, table + 14)
    firsts = struct.unpack_from(words, font, table + 16 + doubled)
    deltas = struct.unpack_from(words, font, table + 16 + 2 * doubled)
    offsets_at = table + 16 + 3 * doubled
    offsets = struct.unpack_from(words, font, offsets_at)
    found = []
    for number, (first, last, delta, offset) in enumerate(zip(firsts, lasts, deltas, offsets, strict=True)):
        if offset == 0:
            absent = -delta % 0x10000
            found += (
                [(lo, hi) for lo, hi in ((first, min(last, absent - 1)), (max(first, absent + 1), last)) if lo <= hi]
                if first <= absent <= last
                else [(first, last)]
            )
            continue
        glyphs = struct.unpack_from(f">{last - first + 1}H", font, offsets_at + 2 * number + offset)
        found += [(first + place, first + place) for place, glyph in enumerate(glyphs) if glyph]
    return found
