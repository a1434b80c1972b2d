"""Kinds: named presets of rules for registrations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from ca_core.errors import NotFound

_DAY_SECONDS = 86_400


class PasswordPolicy(StrEnum):
    """What a subscriber may choose as a password (RULES, S3)."""

    MANUAL = "manual"
    MODERN = "modern"


class KindRevocation(StrEnum):
    """What a kind says about requests to revoke; of it and the profile's rule, the stricter one decides."""

    PROFILE = "profile"
    """Nothing: the profile's rule alone decides."""
    AT_ONCE = "at-once"
    REVIEW = "review"


class IdentityNumber(StrEnum):
    """Which number a registration must have in its contact."""

    NONE = ""
    TW_PERSON = "tw-person"
    TW_COMPANY = "tw-company"
    TW = "tw"
    """Either of the two."""


class Approvals(msgspec.Struct, frozen=True):
    """How many other officers must agree before something is done; 0 leaves it to who asks."""

    register: int = 0
    issue: int = 0
    revoke: int = 0
    reprint: int = 0


class Kind(msgspec.Struct, frozen=True):
    """What a registration of this kind gets unless the officer says otherwise, and what the officer may say.

    Attributes:
        profiles: granted by default; the first is the one that a door without a profile's name means.
        code_uses, eab_uses: how often the enrollment code and the EAB key of a sheet work; None is unlimited.
        code_days, eab_days, password_days: for how long they work, and the initial password.
        live_certificates: how many live certificates of one profile and one set of names are tolerated
            before the renewal window decides (RULES, S9).
        most_certificates: how many live certificates a registration may have in all; None is any number.
        registration_days: how long the vetting holds.
        activation: whether the machine secrets of a sheet open nothing until the sheet is activated.
        grantable: which profiles an officer may grant; empty: all.
        name_suffixes: in which zones its DNS names, mailboxes and URIs must lie, as `example.com`; empty: anywhere.
        networks: in which networks its addresses must lie, as CIDRs; empty: anywhere.
    """

    name: str
    profiles: tuple[str, ...]
    has_password: bool
    has_enrollment_code: bool
    has_eab_key: bool
    code_uses: int | None = None
    eab_uses: int | None = None
    code_days: int = 365
    eab_days: int = 365
    password_days: int = 365
    live_certificates: int = 1
    most_certificates: int | None = None
    registration_days: int = 3 * 365
    activation: bool = False
    password_policy: PasswordPolicy = PasswordPolicy.MODERN
    approvals: Approvals = Approvals()
    revocation: KindRevocation = KindRevocation.PROFILE
    grantable: tuple[str, ...] = ()
    name_suffixes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    identity_number: IdentityNumber = IdentityNumber.NONE

    @property
    def registration_seconds(self) -> int:
        """How long the vetting holds."""
        return self.registration_days * _DAY_SECONDS

    @property
    def code_seconds(self) -> int:
        """How long an enrollment code works."""
        return self.code_days * _DAY_SECONDS

    @property
    def eab_seconds(self) -> int:
        """How long an EAB key works."""
        return self.eab_days * _DAY_SECONDS

    @property
    def password_seconds(self) -> int:
        """How long an initial password works."""
        return self.password_days * _DAY_SECONDS


SERVER = Kind(
    "server",
    ("own-tls", "ocsp-responder", "message-signer"),
    has_password=False,
    has_enrollment_code=False,
    has_eab_key=False,
    # Its key file may be lost or restored at any time, and it must come up again all the same.
    live_certificates=1_000_000,
    registration_days=100 * 365,
)
"""The server itself, a subscriber like any other; nobody registers one by hand."""

OFFICER = Kind(
    "officer",
    ("officer",),
    has_password=False,
    has_enrollment_code=False,
    has_eab_key=False,
    # A lost key file must not lock an officer out; a certificate for each browser is usual.
    live_certificates=100,
    registration_days=100 * 365,
)
"""Who works at the registration authority (ca_core.staff); nobody registers one by hand."""

RESERVED: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in (SERVER, OFFICER)})
"""Kinds that settings cannot change, and of which nobody registers by hand."""


class Kinds(Mapping[str, Kind]):
    """The kinds that an officer may register, by name."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    def __getitem__(self, name: str) -> Kind:
        """The kind of a name; KeyError where an officer has none such."""
        return self._kinds[name]

    def __iter__(self) -> Iterator[str]:
        """Names, those that are built in first."""
        return iter(self._kinds)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._kinds)

    def named(self, name: str) -> Kind:
        """Look a kind up, a reserved one too.

        Raises:
            NotFound: there is none of this name.
        """
        return RESERVED[name] if name in RESERVED else self.offered(name)

    def offered(self, name: str) -> Kind:
        """Look up a kind of which an officer may register somebody; whoever takes a form from outside asks this.

        Raises:
            NotFound: there is none of this name, or it is a reserved one.
        """
        if name not in self._kinds:
            raise NotFound(f"there is no kind {name[:64]!r}; choose one of {', '.join(self._kinds)}")
        return self._kinds[name]


PRESETS = Kinds(
    (
        # ACME has no identifier for a person (RULES), so there is no EAB key to hand over.
        Kind("person", ("signing", "encryption"), has_password=True, has_enrollment_code=True, has_eab_key=False),
        Kind("organization", ("tls-server",), has_password=True, has_enrollment_code=True, has_eab_key=True),
        # A device re-enrolls with the certificate it holds, so its code is needed once.
        Kind(
            "device",
            ("device",),
            has_password=False,
            has_enrollment_code=True,
            has_eab_key=True,
            code_uses=1,
            eab_uses=1,
        ),
        Kind("partner", ("tls-server",), has_password=True, has_enrollment_code=True, has_eab_key=True),
    )
)
"""Those that are there when settings say nothing."""
