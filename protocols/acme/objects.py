"""ACME's objects as they are stored (RFC 8555, 7.1); `render` shows them."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from ca_core import names
from ca_core.errors import ProfileNotGranted
from ca_core.names import Identifier
from ca_core.policy.period import WHOLE, WishedPeriod
from ca_core.registration.account import Registration
from ca_core.registration.agreement import Acceptance
from ca_core.registration.limits import Limits
from protocols.acme import jwk, states
from protocols.acme.errors import AccountNotValid, BindingRevoked
from protocols.acme.jwk import AccountKey
from protocols.acme.states import AccountStatus, AuthorizationStatus, ChallengeStatus, OrderStatus

_REMEMBERED_KEYS = 4096
_KEY_PREFIX = "acme-order:"
_ASKER_PREFIX = "acme-account:"


class Account(msgspec.Struct, frozen=True):
    """One account (RFC 8555, 7.1.2).

    Attributes:
        credential_id: the EAB key that bound it; None for an open account, whose names are always challenged.
        thumbprint: of its key, unique.
        key_text: the key as `AccountKey.jwk` spells it.
        contacts: `mailto:` URLs.
        eab: the verified binding as JSON, None where there was none.
        accepted: the subscriber agreement that it accepted last.
        allowed_profiles: what its EAB key lets it order; empty: whatever its registration holds.
        allowed_names: for which names its EAB key lets it order; empty: for whatever is registered.
        is_bond_revoked: whether its EAB key is revoked, and its own power with it.
    """

    id: str
    registration_id: str
    credential_id: str | None
    thumbprint: str
    key_text: str
    contacts: tuple[str, ...]
    status: AccountStatus
    eab: str | None
    created_at: int
    accepted: Acceptance | None = None
    allowed_profiles: tuple[str, ...] = ()
    allowed_names: tuple[str, ...] = ()
    is_bond_revoked: bool = False

    def require_power(self) -> None:
        """Let only an account pass that may ask for something.

        Raises:
            AccountNotValid: it is deactivated or revoked.
            BindingRevoked: the EAB key that it came by is revoked.
        """
        if self.status is not AccountStatus.VALID:
            raise AccountNotValid
        if self.is_bond_revoked:
            raise BindingRevoked

    def require_profile(self, profile: str) -> None:
        """Let only a profile pass that the account's EAB key is for; what the registration holds is asked elsewhere.

        Raises:
            ProfileNotGranted: it is not.
        """
        if self.allowed_profiles and profile not in self.allowed_profiles:
            raise ProfileNotGranted(
                f"the EAB key of this account is for {', '.join(self.allowed_profiles)}, and not for {profile!r}; order"
                " one of those, or ask your registration authority for another key"
            )

    @property
    def limits(self) -> Limits:
        """Of its EAB key."""
        return Limits("EAB key", self.allowed_profiles, self.allowed_names)

    def narrowed(self, registration: Registration) -> Registration:
        """Its registration with the profiles only that its EAB key is for."""
        if not self.allowed_profiles:
            return registration
        profiles = tuple(profile for profile in registration.profiles if profile in self.allowed_profiles)
        return msgspec.structs.replace(registration, profiles=profiles)

    @property
    def key(self) -> AccountKey:
        """What verifies its requests."""
        return _key(self.key_text)

    @property
    def asker(self) -> str:
        """As the core names whose order it is."""
        return _ASKER_PREFIX + self.id

    @property
    def is_open(self) -> bool:
        """Whether nobody vouched for it."""
        return self.credential_id is None


class Order(msgspec.Struct, frozen=True):
    """One order (RFC 8555, 7.1.3).

    Attributes:
        status: as stored, where `valid` is never found; ask `status_at`.
        identifiers: without duplicates, in the order in which they came.
        expires_at: while it is pending or ready.
        error: a problem as JSON.
        csr_digest: SHA-256 of the request that finalized it.
        period: the dates that were ordered.
        replaces: the certificate that it replaces, as RFC 9773, 4.1 names it.
    """

    id: str
    account_id: str
    status: OrderStatus
    identifiers: tuple[Identifier, ...]
    profile: str
    expires_at: int
    error: str | None
    csr_digest: bytes | None
    created_at: int
    period: WishedPeriod = WHOLE
    replaces: str | None = None

    def status_at(self, now: int) -> OrderStatus:
        """The status at a time, as far as the order alone tells it."""
        return states.at(states.ORDER, self.status, expires_at=self.expires_at, now=now)

    @property
    def request_key(self) -> str:
        """What the core finds its certificate by."""
        return request_key(self.id)


class Authorization(msgspec.Struct, frozen=True):
    """One authorization (RFC 8555, 7.1.4).

    Attributes:
        identifier: with the `*.` of a wildcard.
        status: as stored; ask `status_at`.
        vetted: whether the RA's word made it valid, and no challenge did.
        spans: whether it does for every name below, too (RFC 9444); proved over DNS only.
        proved_by: the type of the challenge that made it valid; empty when none did.
    """

    id: str
    account_id: str
    identifier: Identifier
    status: AuthorizationStatus
    vetted: bool
    expires_at: int
    created_at: int
    spans: bool = False
    proved_by: str = ""

    def status_at(self, now: int) -> AuthorizationStatus:
        """The status at a time."""
        return states.at(states.AUTHORIZATION, self.status, expires_at=self.expires_at, now=now)

    def covers(self, name: Identifier) -> bool:
        """Whether it is for this name: its own, or one below it where it spans those."""
        return name == self.identifier or (self.spans and names.is_below(name, self.identifier))


class Challenge(msgspec.Struct, frozen=True):
    """One challenge (RFC 8555, 8).

    Attributes:
        token: 43 characters of base64url, 256 random bits.
        error: a problem as JSON.
        validated_at: UTC seconds; None until it is valid.
        answered_from: textual IP address of who said that it can be looked at; empty until then.
    """

    id: str
    authorization_id: str
    type: str
    token: str
    status: ChallengeStatus
    error: str | None
    validated_at: int | None
    answered_from: str = ""


def request_key(order_id: str) -> str:
    """What the core finds the certificate of an order by."""
    return f"{_KEY_PREFIX}{order_id}"


def order_id(key: str | None) -> str | None:
    """The order that such a key is for; None of another door's, or of none."""
    return key.removeprefix(_KEY_PREFIX) if key and key.startswith(_KEY_PREFIX) else None


@lru_cache(maxsize=_REMEMBERED_KEYS)
def _key(text: str) -> AccountKey:
    # A pure function of its text, and most of what reading an account costs.
    return jwk.read(msgspec.json.decode(text))
