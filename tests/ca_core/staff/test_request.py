"""What officers are told of what waits for others of them."""

from __future__ import annotations

import pytest

from ca_core.staff.request import Agreed, Pending


def test_a_vote_says_how_many_more_are_needed() -> None:
    assert str(Agreed(7, given=1, needed=3)) == "request 7 has 1 of 3 approvals"


@pytest.mark.parametrize(("needed", "whom"), [(1, "another officer"), (2, "2 other officers")])
def test_what_waits_says_for_whom(needed: int, whom: str) -> None:
    assert str(Pending(7, needed)) == f"request 7 waits for {whom}; see: soapstone requests"
