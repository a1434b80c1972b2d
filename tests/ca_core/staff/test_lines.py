"""The places of lists, as they come back from whoever reads on."""

from __future__ import annotations

import base64

import msgspec
import pytest

from ca_core.errors import BadRequest
from ca_core.staff.lines import Key, Page, key_at, place_of


@pytest.mark.parametrize("key", [(1_900_000_000, "00aa"), ("王", "00aa")])
def test_a_place_leads_back_to_its_line(key: Key) -> None:
    assert key_at(place_of(key), is_text=isinstance(key[0], str)) == key


def test_without_a_place_a_list_begins() -> None:
    assert key_at(None, is_text=False) is None
    assert Page[str]().more is None


def forged(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(value)).decode()


@pytest.mark.parametrize(
    "place",
    [
        "",
        "!",
        "é",
        "AAAAA",
        forged(7),
        forged((1 << 63, "a")),
        forged((-1, "a")),
        forged((1, "a\0")),
        forged((1, "a" * 301)),
        forged((1, "a", "b")),
        place_of(("a", "b")),
    ],
)
def test_what_is_no_place_of_a_list_is_refused(place: str) -> None:
    with pytest.raises(BadRequest):
        key_at(place, is_text=False)
