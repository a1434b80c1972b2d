"""Where a page of numbers begins."""

from __future__ import annotations

import base64

import pytest

from ca_core.errors import BadRequest
from server.api.paging import numbers_at, place_of


def test_a_place_is_found_again() -> None:
    assert numbers_at(place_of((1_900_000_000, 7))) == (1_900_000_000, 7)
    assert numbers_at(None) == (0, 0)


@pytest.mark.parametrize("text", ["[18446744073709551616,1]", "[1,9223372036854775808]", "[-1,1]", "[1]", "[", "1"])
def test_numbers_that_no_list_has_are_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        numbers_at(base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode())
