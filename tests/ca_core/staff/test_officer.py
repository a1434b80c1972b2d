"""Officers' names and where they work."""

from __future__ import annotations

import pytest

from ca_core.errors import BadName
from ca_core.staff.officer import checked_name, checked_place
from ca_core.staff.role import EVERY_REALM, Role


@pytest.mark.parametrize("name", ["", "a", "Lin", "lin:root", "-lin", "l" * 49, "lin\n", "林"])
def test_a_name_is_of_few_characters_and_ends_before_a_colon(name: str) -> None:
    with pytest.raises(BadName, match="2 to 48 lower-case letters"):
        checked_name(name)


def test_a_good_name_is_what_it_was() -> None:
    assert checked_name("lin.mei-2") == "lin.mei-2"


@pytest.mark.parametrize("role", [Role.OFFICER, Role.SUPERVISOR])
def test_who_decides_works_in_one_realm(role: Role) -> None:
    with pytest.raises(BadName, match="works in one realm"):
        checked_place(role, EVERY_REALM)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OPERATOR])
def test_who_reads_or_runs_it_may_have_every_realm(role: Role) -> None:
    assert checked_place(role, EVERY_REALM) == EVERY_REALM
    assert checked_place(role, "taipei") == "taipei"
