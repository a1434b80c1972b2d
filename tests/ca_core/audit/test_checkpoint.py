from __future__ import annotations

import pytest

from ca_core.audit import checkpoint
from ca_core.audit.checkpoint import JournalKey
from tests.builders.journal import KEY

WORD = KEY.sign(7, "ab" * 32, at=1_900_000_000)


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    assert checkpoint.read(WORD.text) == WORD
    assert KEY.public.vouches_for(WORD)


def test_another_key_does_not_vouch() -> None:
    other = JournalKey(bytes(32))

    assert not other.public.vouches_for(WORD)
    assert other.public.fingerprint != KEY.public.fingerprint


@pytest.mark.parametrize(
    "text",
    [
        "",
        WORD.text.rstrip(),
        WORD.text + "\n",
        WORD.text.upper(),
        WORD.text.replace("position 7", "position 07"),
        WORD.text.replace("position 7", "position 0"),
        WORD.text.replace("at 1", "at  1"),
    ],
)
def test_what_is_not_exactly_a_checkpoint_is_none(text: str) -> None:
    assert checkpoint.read(text) is None


def test_a_key_does_not_show_itself() -> None:
    assert repr(KEY) == "JournalKey(...)"
    assert KEY.public.pem.startswith("-----BEGIN PUBLIC KEY-----\n")
