"""Profiles: what a certificate may look like."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from ca_core.applicant import Door
from ca_core.errors import Misconfigured
from ca_core.names import Kind
from ca_core.policy.keys import KeyType

SECONDS_PER_DAY = 86_400
MIN_VALIDITY_SECONDS = 60
MAX_VALIDITY_SECONDS = 10 * 365 * SECONDS_PER_DAY


class Usage(StrEnum):
    """The key usages that profiles grant (RFC 5280, 4.2.1.3)."""

    DIGITAL_SIGNATURE = "digitalSignature"
    CONTENT_COMMITMENT = "contentCommitment"
    KEY_ENCIPHERMENT = "keyEncipherment"
    KEY_AGREEMENT = "keyAgreement"


class ExtendedUsage(StrEnum):
    """The extended key usages that profiles grant (RFC 5280, 4.2.1.12)."""

    SERVER_AUTH = "serverAuth"
    CLIENT_AUTH = "clientAuth"
    EMAIL_PROTECTION = "emailProtection"
    OCSP_SIGNING = "OCSPSigning"


class RevocationRule(StrEnum):
    """What becomes of a request to revoke that does not prove possession of the key (RULES, S11)."""

    IMMEDIATE = "immediate"
    REVIEWED = "reviewed"
    REVIEWED_ON_HOLD = "reviewed-on-hold"


class KeyPurpose(StrEnum):
    """What a key is for; a key that serves one purpose never serves another (DESIGN, invariant 9)."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"
    AUTHENTICATION = "authentication"


class Profile(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """What a certificate of one kind may look like.

    Attributes:
        validity_seconds: from notBefore to notAfter.
        rsa_usage, ec_usage: keyUsage by the kind of key; Ed25519 is an EC key that cannot agree on keys.
        name_kinds: the kinds of names that may be in the subjectAltName.
        names_required: whether there must be one.
        doors: who may ask for it.
        same_key_renewal: whether a renewal may keep the key.
        issuer: the line of issuing CAs that signs it, such as `issuing`.
        renewal_window_days: how many days before its end a certificate may be replaced; None means the setting
            `renewal.window_days`.
        key_types: the keys that are certified, such as `ec-p256` or `rsa-2048`; empty means all that are certified
            here and have a usage.
        policies: object identifiers in dotted form (RFC 5280, 4.2.1.4), in the order in which they are written.
        cps_url: the certification practice statement, with each policy (RULES, S15); empty means none.
        ca_issuers, ocsp, crl: which pointers are in the certificate (RFC 5280, 4.2.2.1 and 4.2.1.13).
        must_staple: a TLS server must send an OCSP answer along (RFC 7633).
        no_rev_avail: nobody is told of a revocation, for the certificate ends sooner (RFC 9608).
        revocation: what becomes of a request to revoke.
    """

    name: str
    validity_seconds: int
    rsa_usage: frozenset[Usage]
    ec_usage: frozenset[Usage]
    extended_key_usage: frozenset[ExtendedUsage]
    name_kinds: frozenset[Kind]
    names_required: bool
    doors: frozenset[Door]
    key_purpose: KeyPurpose
    same_key_renewal: bool = True
    issuer: str = "issuing"
    renewal_window_days: int | None = None
    key_types: frozenset[str] = frozenset()
    policies: tuple[str, ...] = ()
    cps_url: str = ""
    ca_issuers: bool = True
    ocsp: bool = True
    crl: bool = True
    must_staple: bool = False
    no_rev_avail: bool = False
    revocation: RevocationRule = RevocationRule.IMMEDIATE

    @property
    def is_grantable(self) -> bool:
        """Whether a subscriber's registration may hold it; the server's own profiles are nobody else's."""
        return Door.SERVER not in self.doors

    @property
    def answers_ocsp(self) -> bool:
        """Whether it is for keys that sign OCSP answers; nobody asks for their status (RFC 6960, 4.2.2.2.1)."""
        return ExtendedUsage.OCSP_SIGNING in self.extended_key_usage

    def window_days(self, default: int) -> int:
        """How many days before its end a certificate of this profile may be replaced.

        Args:
            default: the setting `renewal.window_days`.
        """
        return default if self.renewal_window_days is None else self.renewal_window_days

    def usages_for(self, key_type: KeyType) -> frozenset[Usage]:
        """The key usages of a certificate for such a key; empty where such a key cannot serve the profile."""
        if key_type == "rsa":
            return self.rsa_usage
        if key_type == "ec":
            return self.ec_usage
        # RFC 8410, 5: Ed25519 signs and nothing else.
        return self.ec_usage - {Usage.KEY_AGREEMENT}


class ProfileOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What settings may change in a built-in profile; None leaves it as it is."""

    validity_seconds: int | None = None
    same_key_renewal: bool | None = None


_SIGN = frozenset({Usage.DIGITAL_SIGNATURE})
_SIGN_AND_ENCIPHER = frozenset({Usage.DIGITAL_SIGNATURE, Usage.KEY_ENCIPHERMENT})
_COMMIT = frozenset({Usage.DIGITAL_SIGNATURE, Usage.CONTENT_COMMITMENT})

TLS_SERVER = Profile(
    name="tls-server",
    validity_seconds=90 * SECONDS_PER_DAY,
    rsa_usage=_SIGN_AND_ENCIPHER,
    ec_usage=_SIGN,
    extended_key_usage=frozenset({ExtendedUsage.SERVER_AUTH}),
    name_kinds=frozenset({Kind.DNS, Kind.IP}),
    names_required=True,
    doors=frozenset({Door.ACME, Door.EST}),
    key_purpose=KeyPurpose.AUTHENTICATION,
)
DEVICE = Profile(
    name="device",
    validity_seconds=90 * SECONDS_PER_DAY,
    rsa_usage=_SIGN_AND_ENCIPHER,
    ec_usage=_SIGN,
    extended_key_usage=frozenset({ExtendedUsage.CLIENT_AUTH}),
    name_kinds=frozenset({Kind.DNS, Kind.IP, Kind.URI, Kind.PERMANENT}),
    names_required=False,
    doors=frozenset({Door.ACME, Door.EST}),
    key_purpose=KeyPurpose.AUTHENTICATION,
)
SIGNING = Profile(
    name="signing",
    validity_seconds=365 * SECONDS_PER_DAY,
    rsa_usage=_COMMIT,
    ec_usage=_COMMIT,
    extended_key_usage=frozenset({ExtendedUsage.CLIENT_AUTH, ExtendedUsage.EMAIL_PROTECTION}),
    name_kinds=frozenset({Kind.EMAIL}),
    names_required=False,
    doors=frozenset({Door.EST}),
    key_purpose=KeyPurpose.SIGNING,
)
ENCRYPTION = Profile(
    name="encryption",
    validity_seconds=365 * SECONDS_PER_DAY,
    rsa_usage=frozenset({Usage.KEY_ENCIPHERMENT}),
    ec_usage=frozenset({Usage.KEY_AGREEMENT}),
    extended_key_usage=frozenset({ExtendedUsage.EMAIL_PROTECTION}),
    name_kinds=frozenset({Kind.EMAIL}),
    names_required=False,
    doors=frozenset({Door.EST}),
    key_purpose=KeyPurpose.ENCRYPTION,
)
OWN_TLS = Profile(
    name="own-tls",
    validity_seconds=397 * SECONDS_PER_DAY,
    rsa_usage=_SIGN_AND_ENCIPHER,
    ec_usage=_SIGN,
    extended_key_usage=frozenset({ExtendedUsage.SERVER_AUTH}),
    name_kinds=frozenset({Kind.DNS, Kind.IP}),
    names_required=True,
    doors=frozenset({Door.SERVER}),
    key_purpose=KeyPurpose.AUTHENTICATION,
)
OCSP_RESPONDER = Profile(
    name="ocsp-responder",
    validity_seconds=7 * SECONDS_PER_DAY,
    rsa_usage=_SIGN,
    ec_usage=_SIGN,
    extended_key_usage=frozenset({ExtendedUsage.OCSP_SIGNING}),
    name_kinds=frozenset(),
    names_required=False,
    doors=frozenset({Door.SERVER}),
    key_purpose=KeyPurpose.AUTHENTICATION,
    same_key_renewal=False,
    # It travels with every answer, and whoever reads the answer has the CA's certificate.
    ca_issuers=False,
    ocsp=False,
    crl=False,
)
BUILT_IN = {profile.name: profile for profile in (TLS_SERVER, DEVICE, SIGNING, ENCRYPTION, OWN_TLS, OCSP_RESPONDER)}

_SIGNATURES = frozenset({Usage.DIGITAL_SIGNATURE, Usage.CONTENT_COMMITMENT})
_FORBIDDEN = {
    KeyPurpose.SIGNING: frozenset(Usage) - _SIGNATURES,
    KeyPurpose.ENCRYPTION: _SIGNATURES,
    # A TLS key signs and may decipher; a signature that commits its holder is not made by a machine's log-in.
    KeyPurpose.AUTHENTICATION: frozenset({Usage.CONTENT_COMMITMENT}),
}


def validated(profile: Profile) -> Profile:
    """Let only a profile pass that makes sense.

    Raises:
        Misconfigured: names the profile and the field.
    """
    if not MIN_VALIDITY_SECONDS <= profile.validity_seconds <= MAX_VALIDITY_SECONDS:
        limits = f"{MIN_VALIDITY_SECONDS} to {MAX_VALIDITY_SECONDS} (10 years)"
        raise _nonsense(profile, "validity_seconds", f"must be {limits}")
    for field in ("rsa_usage", "ec_usage", "extended_key_usage", "doors"):
        if not getattr(profile, field):
            raise _nonsense(profile, field, "must not be empty")
    for field, usage in (("rsa_usage", profile.rsa_usage), ("ec_usage", profile.ec_usage)):
        if mixed := usage & _FORBIDDEN[profile.key_purpose]:
            raise _nonsense(profile, field, f"of a key for {profile.key_purpose} must not hold {min(mixed)}")
    if Usage.KEY_AGREEMENT in profile.rsa_usage:
        raise _nonsense(profile, "rsa_usage", "must not hold keyAgreement: RSA keys cannot")
    if Usage.KEY_ENCIPHERMENT in profile.ec_usage:
        raise _nonsense(profile, "ec_usage", "must not hold keyEncipherment: EC keys cannot (RFC 5480, 3)")
    if profile.names_required and not profile.name_kinds:
        raise _nonsense(profile, "name_kinds", "must not be empty where names are required")
    if Door.SERVER in profile.doors and len(profile.doors) > 1:
        raise _nonsense(profile, "doors", "must not open the server's own profile to others")
    return profile


def profiles_from(overrides: Mapping[str, ProfileOverride]) -> Mapping[str, Profile]:
    """The built-in profiles by name, as changed by the settings `profiles.NAME...`.

    Raises:
        Misconfigured: an unknown profile, or a value that makes no sense.
    """
    if unknown := sorted(overrides.keys() - BUILT_IN.keys()):
        raise Misconfigured(f"profiles.{unknown[0]}: no such profile; there are {', '.join(BUILT_IN)}")
    return {
        name: validated(_overridden(profile, overrides.get(name, ProfileOverride())))
        for name, profile in BUILT_IN.items()
    }


def _overridden(profile: Profile, override: ProfileOverride) -> Profile:
    changes = {field: value for field, value in msgspec.structs.asdict(override).items() if value is not None}
    return msgspec.structs.replace(profile, **changes)


def _nonsense(profile: Profile, field: str, fault: str) -> Misconfigured:
    return Misconfigured(f"profiles.{profile.name}.{field} {fault}")
