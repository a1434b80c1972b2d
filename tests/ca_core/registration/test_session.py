from __future__ import annotations

import msgspec
import pytest

from ca_core.applicant import Door
from ca_core.registration.account import Registration, Status
from ca_core.registration.errors import PageOutdated, PasswordToBeChanged, SecondFactorNeeded
from ca_core.registration.passkey import Passkey
from ca_core.registration.session import Bounds, Session, Step

HOLDER = Registration("r1", "acc", "person", Status.ACTIVE, "CN=acc", b"", (), ("signing",), "en", None, 1, 0, 10**10)
SESSION = Session(
    key=b"key",
    csrf="form",
    registration=HOLDER,
    door=Door.PORTAL,
    step=Step.SIGNED_IN,
    credential_id=None,
    begun_at=0,
    seen_at=100,
    ends_at=1_000,
)
BOUNDS = Bounds(idle_seconds=60, longest_seconds=1_000)


@pytest.mark.parametrize(("now", "is_over"), [(100, False), (160, False), (161, True)])
def test_a_session_that_is_not_used_is_over(now: int, is_over: bool) -> None:
    assert SESSION.is_over(BOUNDS, now) is is_over


@pytest.mark.parametrize(("now", "is_over"), [(1_000, False), (1_001, True)])
def test_a_session_that_is_used_ends_all_the_same(now: int, is_over: bool) -> None:
    assert msgspec.structs.replace(SESSION, seen_at=now).is_over(BOUNDS, now) is is_over


def test_who_is_half_way_in_is_told_what_is_missing() -> None:
    SESSION.require_signed_in()
    with pytest.raises(PasswordToBeChanged):
        msgspec.structs.replace(SESSION, step=Step.CHANGE_PASSWORD).require_signed_in()
    with pytest.raises(SecondFactorNeeded):
        msgspec.structs.replace(SESSION, step=Step.SECOND_FACTOR).require_signed_in()


@pytest.mark.parametrize("csrf", ["", "Form", "form ", "\ud800"])
def test_a_form_of_another_page_is_refused(csrf: str) -> None:
    SESSION.require_form("form")
    with pytest.raises(PageOutdated):
        SESSION.require_form(csrf)


@pytest.mark.parametrize(
    ("was", "said", "is_copied"),
    [(0, 0, False), (0, 1, False), (5, 6, False), (5, 5, True), (5, 4, True), (5, 0, True)],
)
def test_a_count_that_does_not_grow_shows_a_copied_key(was: int, said: int, is_copied: bool) -> None:
    """Web Authentication, 7.2, step 21."""
    passkey = Passkey(bytes(range(16)), "r1", "phone", b"", was, is_synced=False, created_at=0)

    assert passkey.is_copied(said) is is_copied
    assert passkey.name == "0001020304050607"
