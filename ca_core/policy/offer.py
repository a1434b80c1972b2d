"""Which profiles a registration may ask for, and through which door."""

from __future__ import annotations

from collections.abc import Mapping

from ca_core.applicant import Door
from ca_core.errors import ProfileNotGranted, ProfileNotOffered
from ca_core.policy.profile import Profile
from ca_core.registration.account import Registration


def named(profiles: Mapping[str, Profile], name: str) -> Profile:
    """Look a profile up.

    Raises:
        ProfileNotOffered: there is none of this name.
    """
    try:
        return profiles[name]
    except KeyError:
        raise ProfileNotOffered(f"there is no profile {name[:64]!r} here") from None


def offered(profiles: Mapping[str, Profile], registration: Registration, door: Door) -> list[Profile]:
    """The granted profiles that a door offers, the default first.

    Raises:
        ProfileNotGranted: there is none.
    """
    # One that settings no longer have is held for nothing.
    known = [profiles[name] for name in registration.profiles if name in profiles]
    found = [profile for profile in known if door in profile.doors]
    if not found:
        raise ProfileNotGranted(f"this registration holds no profile that {door.upper()} offers")
    return found


def require_door(profile: Profile, door: Door) -> None:
    """Let only a profile pass that a door offers.

    Raises:
        ProfileNotOffered: it does not.
    """
    if door not in profile.doors:
        raise ProfileNotOffered(f"the profile {profile.name} is not offered through {door.upper()}")
