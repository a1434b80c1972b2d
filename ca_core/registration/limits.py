"""What a credential is good for, less than what its registration holds: of which profiles, for which names."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ca_core import names as names_module
from ca_core.errors import BadRequest, NameNotGranted, ProfileNotGranted
from ca_core.names import Identifier, Kind
from ca_core.registration.account import Grant, Registration

MOST_NAMES = 100
"""How many names may limit one credential."""
_ZONE = "zone"
_ASK = "ask your registration authority for another one"


class Limits(msgspec.Struct, frozen=True):
    """What a credential, and whatever goes back to it, may have certificates for.

    Attributes:
        label: of the credential, in words.
        profiles: empty: all that the registration holds.
        names: as `checked` writes them; empty: whatever is registered.
    """

    label: str = "credential"
    profiles: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def require_profile(self, profile: str) -> None:
        """Let only a profile pass that it is for.

        Raises:
            ProfileNotGranted: it is for others.
        """
        if self.profiles and profile not in self.profiles:
            raise ProfileNotGranted(
                f"this {self.label} is for {', '.join(self.profiles)}, and not for {profile!r}; ask for one of"
                f" those, or {_ASK}"
            )

    def require_names(self, wanted: Iterable[Identifier]) -> None:
        """Let only names pass that it is for.

        Raises:
            NameNotGranted: one is none of them, or there is none: a certificate without names is whoever's subject it
                has, at every name of theirs.
        """
        if not self.names:
            return
        found = sorted(wanted)
        if not found:
            raise NameNotGranted(
                f"this {self.label} is for certificates with {', '.join(self.names)}, and not for one without a name;"
                " name what it is for in the request"
            )
        for name in found:
            if not self.covers(name):
                raise NameNotGranted(f"this {self.label} is not for {name}; use one that is, or {_ASK}")

    def covers(self, name: Identifier) -> bool:
        """Whether a certificate may have a name."""
        if not self.names or str(name) in self.names:
            return True
        if name.kind is not Kind.DNS or name.is_wildcard:
            # As with what is registered: a zone covers no wildcards.
            return False
        return any(f"{_ZONE}:{zone}" in self.names for zone in names_module.above(name))


NONE = Limits()
"""Of who came by no credential."""


def checked(texts: Iterable[str], registration: Registration) -> tuple[str, ...]:
    """Names that limit a credential, in their normal form: `KIND:VALUE`, or `zone:DOMAIN` for all names below it.

    Args:
        texts: the same, or without `KIND:` what it can only be: an address, a mailbox, a DNS name, or with a dot in
            front all names below one.

    Raises:
        BadName: none of these.
        NameNotGranted: nothing of it is registered.
        BadRequest: too many.
    """
    found = tuple(dict.fromkeys(_checked(text.strip(), registration) for text in texts if text.strip()))
    if len(found) > MOST_NAMES:
        raise BadRequest(f"at most {MOST_NAMES} names can limit one credential; name a zone instead")
    return found


def _checked(text: str, registration: Registration) -> str:
    grant = _read(text)
    if grant.zone:
        _require_any(grant.identifier, registration)
        return f"{_ZONE}:{grant.identifier.value}"
    registration.grant_for(grant.identifier)
    return str(grant.identifier)


def _read(text: str) -> Grant:
    kind, colon, value = text.partition(":")
    if colon and kind == _ZONE:
        return Grant(names_module.dns(value.lower()), zone=True)
    if colon and kind in set(Kind):
        return Grant(names_module.parse(kind, value))
    if text.startswith("."):
        return Grant(names_module.dns(text[1:].lower()), zone=True)
    if "@" in text:
        return Grant(names_module.email(text))
    if ":" in text or text.replace(".", "").isdigit():
        return Grant(names_module.ip(text))
    return Grant(names_module.dns(text.lower()))


def _require_any(zone: Identifier, registration: Registration) -> None:
    for grant in registration.grants:
        registered = grant.identifier
        if grant.zone and (registered == zone or names_module.is_below(zone, registered)):
            return
        if names_module.is_below(registered, zone):
            return
    raise NameNotGranted(f"nothing below {zone.value} is registered for this account; ask your registration authority")
