"""Kinds: named presets of rules for registrations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from ca_core.errors import NotFound

_DAY_SECONDS = 86_400


class Kind(msgspec.Struct, frozen=True):
    """What a registration of this kind gets unless the officer says otherwise.

    Attributes:
        profiles: granted by default; the first is the one that a door without a profile's name means.
        uses: how often each machine credential works; None is unlimited.
        live_certificates: how many live certificates of one profile and one set of names are tolerated
            before the renewal window decides (RULES, S9).
        registration_days: how long the vetting holds.
        sheet_days: how long a sheet's secrets work.
    """

    name: str
    profiles: tuple[str, ...]
    has_password: bool
    has_enrollment_code: bool
    has_eab_key: bool
    uses: int | None
    live_certificates: int = 1
    registration_days: int = 3 * 365
    sheet_days: int = 365

    @property
    def registration_seconds(self) -> int:
        """How long the vetting holds."""
        return self.registration_days * _DAY_SECONDS

    @property
    def sheet_seconds(self) -> int:
        """How long a sheet's secrets work."""
        return self.sheet_days * _DAY_SECONDS


SERVER = Kind(
    "server",
    ("own-tls", "ocsp-responder", "message-signer"),
    has_password=False,
    has_enrollment_code=False,
    has_eab_key=False,
    uses=None,
    # Its key file may be lost or restored at any time, and it must come up again all the same.
    live_certificates=1_000_000,
    registration_days=100 * 365,
)
"""The server itself, a subscriber like any other; nobody registers one by hand."""

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            # ACME has no identifier for a person (RULES), so there is no EAB key to hand over.
            Kind(
                "person",
                ("signing", "encryption"),
                has_password=True,
                has_enrollment_code=True,
                has_eab_key=False,
                uses=None,
            ),
            Kind(
                "organization",
                ("tls-server",),
                has_password=True,
                has_enrollment_code=True,
                has_eab_key=True,
                uses=None,
            ),
            # A device re-enrolls with the certificate it holds, so its code is needed once.
            Kind("device", ("device",), has_password=False, has_enrollment_code=True, has_eab_key=True, uses=1),
            Kind(
                "partner",
                ("tls-server",),
                has_password=True,
                has_enrollment_code=True,
                has_eab_key=True,
                uses=None,
            ),
        )
    }
)


def kind_named(name: str) -> Kind:
    """Look a kind up.

    Raises:
        NotFound: there is none of this name.
    """
    if name == SERVER.name:
        return SERVER
    try:
        return KINDS[name]
    except KeyError:
        raise NotFound(f"there is no kind {name!r}; choose one of {', '.join(KINDS)}") from None
