"""The chart's numbers: bars within the picture, lines that people count by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.desk.chart import HEIGHT, WIDTH, chart


@given(st.lists(st.integers(0, 10**9), max_size=60))
def test_every_bar_is_within_the_picture_and_the_tallest_below_the_highest_line(counts: list[int]) -> None:
    drawn = chart([(str(number), count) for number, count in enumerate(counts)])

    assert [bar.count for bar in drawn.bars] == counts
    for bar in drawn.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH
        assert bar.y > 0
        assert bar.y + bar.height == drawn.floor < HEIGHT
        assert (bar.height > 0) is (bar.count > 0)
    assert drawn.lines[-1][1] >= max(counts, default=0)


@pytest.mark.parametrize(
    ("most", "numbers"), [(0, [0, 1, 2, 3, 4]), (9, [0, 5, 10, 15, 20]), (300, [0, 100, 200, 300, 400])]
)
def test_lines_are_at_numbers_that_people_count_by(most: int, numbers: list[int]) -> None:
    assert [number for _, number in chart([("a", most)]).lines] == numbers
