from __future__ import annotations

import pytest

from ca_core.errors import NotFound
from ca_core.registration.kind import PRESETS, RESERVED, SERVER


def test_there_are_four_kinds_and_an_officer_is_not_offered_the_servers() -> None:
    assert list(PRESETS) == ["person", "organization", "device", "partner"]
    assert len(PRESETS) == 4
    assert SERVER.name not in PRESETS


def test_a_kind_is_found_by_its_name_a_reserved_one_too() -> None:
    assert PRESETS.named("device") is PRESETS["device"]
    assert PRESETS.named("server") is SERVER


def test_nobody_is_registered_by_hand_as_the_server_or_an_officer() -> None:
    assert PRESETS.offered("device") is PRESETS["device"]
    for kind in RESERVED:
        with pytest.raises(NotFound):
            PRESETS.offered(kind)


def test_what_is_no_kind_is_refused_with_the_choice() -> None:
    with pytest.raises(NotFound, match="choose one of person, organization, device, partner"):
        PRESETS.named("robot")


def test_days_are_counted_in_seconds() -> None:
    device = PRESETS["device"]

    assert (device.code_seconds, device.eab_seconds, device.password_seconds) == (365 * 86_400,) * 3
    assert device.registration_seconds == 3 * 365 * 86_400
