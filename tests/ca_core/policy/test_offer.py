from __future__ import annotations

import msgspec
import pytest

from ca_core.applicant import Door
from ca_core.errors import ProfileNotGranted, ProfileNotOffered
from ca_core.policy import offer
from ca_core.policy.profile import BUILT_IN, DEVICE, SIGNING, TLS_SERVER
from ca_core.registration.account import Registration, Status

HELD = Registration(
    *("r", "corp", "partner", Status.ACTIVE, "CN=x", b"", (), ("gone", "signing", "device", "tls-server"), "en"),
    *(None, 1, 0, 1),
)


def test_a_profile_is_found_by_name_or_said_not_to_be_there() -> None:
    assert offer.named(BUILT_IN, "device") is DEVICE
    with pytest.raises(ProfileNotOffered, match="there is no profile 'gone' here"):
        offer.named(BUILT_IN, "gone")


def test_what_a_door_offers_comes_in_the_order_of_the_registration() -> None:
    assert offer.offered(BUILT_IN, HELD, Door.ACME) == [DEVICE, TLS_SERVER]
    assert offer.offered(BUILT_IN, HELD, Door.EST) == [SIGNING, DEVICE, TLS_SERVER]
    with pytest.raises(ProfileNotGranted, match="holds no profile that ACME offers"):
        offer.offered(BUILT_IN, msgspec.structs.replace(HELD, profiles=("signing",)), Door.ACME)


def test_a_profile_passes_its_own_doors_only() -> None:
    offer.require_door(SIGNING, Door.EST)
    with pytest.raises(ProfileNotOffered, match="signing is not offered through ACME"):
        offer.require_door(SIGNING, Door.ACME)
