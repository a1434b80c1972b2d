from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import NotFound
from server.web import serials

STORED = "6f" + "0a" * 19


@pytest.mark.parametrize("text", [STORED, STORED.upper(), ":".join([STORED[:2]] * 1 + ["0A"] * 19), f" {STORED} "])
def test_a_serial_is_taken_as_people_copy_it(text: str) -> None:
    assert serials.typed(text) == STORED


@given(st.text())
def test_any_text_is_a_serial_or_none(text: str) -> None:
    with suppress(NotFound):
        assert len(serials.typed(text)) == 40
