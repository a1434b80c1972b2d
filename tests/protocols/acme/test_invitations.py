from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import NotFound
from ca_core.registration.credential import SecretKeeper
from protocols.acme.invitations import LIFETIME_SECONDS, Invitations

NOW = 1_900_000_000
ACCOUNT = "0123456789abcdef0123456789abcdef"
TEXT, OTHER_TEXT = "ab" * 32, "cd" * 32
INVITATIONS = Invitations(SecretKeeper(bytes(32)).link_mac)
TOKEN = INVITATIONS.issue(ACCOUNT, TEXT, now=NOW)


def test_a_link_names_its_account_until_its_last_second() -> None:
    assert INVITATIONS.read(TOKEN, TEXT, now=NOW + LIFETIME_SECONDS) == ACCOUNT
    with pytest.raises(NotFound, match="not good any more"):
        INVITATIONS.read(TOKEN, TEXT, now=NOW + LIFETIME_SECONDS + 1)


def test_a_link_is_for_one_text_and_one_server() -> None:
    with pytest.raises(NotFound):
        INVITATIONS.read(TOKEN, OTHER_TEXT, now=NOW)
    with pytest.raises(NotFound):
        Invitations(SecretKeeper(b"o" * 32).link_mac).read(TOKEN, TEXT, now=NOW)


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_a_link_that_was_altered_anywhere_is_none(place: int) -> None:
    other = "A" if TOKEN[place] != "A" else "B"

    with pytest.raises(NotFound):
        INVITATIONS.read(TOKEN[:place] + other + TOKEN[place + 1 :], TEXT, now=NOW)


@given(st.text(max_size=60))
def test_any_text_is_refused_by_one_of_ours(token: str) -> None:
    with pytest.raises(NotFound):
        INVITATIONS.read(token, TEXT, now=NOW)
