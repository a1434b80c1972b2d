from __future__ import annotations

import pytest

from ca_core import names
from ca_core.errors import (
    BadName,
    NameNotGranted,
    NameNotProved,
    ProfileNotGranted,
    RegistrationClosed,
    RegistrationExpired,
    RegistrationSuspended,
)
from ca_core.registration.account import Grant, Registration, Status, checked_account, checked_realm


def registration(*grants: Grant, status: Status = Status.ACTIVE) -> Registration:
    return Registration(
        "r", "acc", "device", status, "CN=x", b"", grants, ("device",), "en", None, 1, created_at=0, expires_at=100
    )


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(Status.SUSPENDED, RegistrationSuspended), (Status.CLOSED, RegistrationClosed)],
)
def test_only_an_active_registration_passes(status: Status, refusal: type[Exception]) -> None:
    registration().require_active(100)
    with pytest.raises(refusal):
        registration(status=status).require_active(1)


def test_time_alone_makes_a_registration_expired() -> None:
    assert registration().status_at(100) is Status.ACTIVE
    assert registration().status_at(101) is Status.EXPIRED
    with pytest.raises(RegistrationExpired):
        registration().require_active(101)


def test_a_suspended_registration_is_suspended_also_when_expired() -> None:
    assert registration(status=Status.SUSPENDED).status_at(101) is Status.SUSPENDED


def test_only_a_granted_profile_passes() -> None:
    registration().require_profile("device")
    with pytest.raises(ProfileNotGranted, match="it holds device"):
        registration().require_profile("tls-server")


def test_a_zone_grants_what_is_below_it_and_no_wildcard() -> None:
    held = registration(Grant(names.dns("z.example"), zone=True))

    held.grant_for(names.dns("a.z.example"))
    held.grant_for(names.dns("a.b.z.example"))
    for other in ("z.example", "az.example", "*.z.example", "*.a.z.example", "a.example"):
        with pytest.raises(NameNotGranted):
            held.grant_for(names.dns(other))


def test_an_exact_grant_is_for_one_name() -> None:
    held = registration(Grant(names.dns("*.z.example")), Grant(names.ip("192.0.2.1")))

    held.grant_for(names.dns("*.z.example"))
    held.grant_for(names.ip("192.0.2.1"))
    for other in (names.dns("a.z.example"), names.ip("192.0.2.2"), names.email("a@z.example")):
        with pytest.raises(NameNotGranted):
            held.grant_for(other)


def test_a_challenged_name_passes_only_when_proved() -> None:
    name = names.dns("a.example")
    held = registration(Grant(name, vetted=False))

    held.require_name(name, frozenset({name}))
    with pytest.raises(NameNotProved):
        held.require_name(name, frozenset())


def test_a_vetted_grant_counts_before_a_challenged_one() -> None:
    name = names.dns("a.z.example")

    registration(Grant(name, vetted=False), Grant(names.dns("z.example"), zone=True)).require_name(name, frozenset())


def test_grants_show_what_they_are() -> None:
    assert str(Grant(names.dns("z.example"), zone=True)) == "dns:below z.example"
    assert str(Grant(names.dns("a.example"), vetted=False)) == "dns:a.example (challenged)"


@pytest.mark.parametrize("text", ["a:b", "", "a", "-ab", "a b", "ä1", "a" * 65, "a\n"])
def test_an_account_fits_every_protocol(text: str) -> None:
    assert checked_account("org-1.a_B") == "org-1.a_B"
    with pytest.raises(BadName):
        checked_account(text)


def test_a_realm_is_a_short_word() -> None:
    assert checked_realm("north-2") == "north-2"
    for text in ("", "North", "2north", "a" * 41, "a b"):
        with pytest.raises(BadName):
            checked_realm(text)
