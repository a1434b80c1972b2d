"""What makes a profile sound: nothing is issued from one that is not."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from cryptography import x509

from ca_core.applicant import Door
from ca_core.errors import Misconfigured
from ca_core.names import Kind
from ca_core.policy.key_types import FAMILIES
from ca_core.policy.profile import (
    SECONDS_PER_DAY,
    ApprovalRule,
    ExtendedUsage,
    KeyMaking,
    KeyPurpose,
    Profile,
    RevocationRule,
    Usage,
)
from ca_core.policy.subject import KEYWORDS

MIN_VALIDITY_SECONDS = 60
MAX_VALIDITY_SECONDS = 10 * 365 * SECONDS_PER_DAY
MAX_UNREVOCABLE_SECONDS = 7 * SECONDS_PER_DAY
"""The longest life of a certificate of which nobody is told that it is revoked (RFC 9608, 1: short-lived)."""
MAX_RESPONDER_SECONDS = 30 * SECONDS_PER_DAY
MAX_WINDOW_DAYS = 3_660
MAX_GRACE_DAYS = 366
MAX_POLICIES = 8
MAX_URL_OCTETS = 500
_ANY_POLICY = "2.5.29.32.0"

_SIGNATURES = frozenset({Usage.DIGITAL_SIGNATURE, Usage.CONTENT_COMMITMENT})
_FORBIDDEN = {
    KeyPurpose.SIGNING: frozenset(Usage) - _SIGNATURES,
    KeyPurpose.ENCRYPTION: _SIGNATURES,
    # A TLS key signs and may decipher; a signature that commits its holder is not made by a machine's log-in.
    KeyPurpose.AUTHENTICATION: frozenset({Usage.CONTENT_COMMITMENT}),
}
_PERSONS = (ExtendedUsage.CLIENT_AUTH, ExtendedUsage.EMAIL_PROTECTION)
_WORKS = (ExtendedUsage.CODE_SIGNING, ExtendedUsage.DOCUMENT_SIGNING)
_MACHINES = (ExtendedUsage.SERVER_AUTH, ExtendedUsage.CLIENT_AUTH, ExtendedUsage.IPSEC_IKE)
_EXTENDED = {
    KeyPurpose.SIGNING: frozenset({*_PERSONS, *_WORKS}),
    KeyPurpose.ENCRYPTION: frozenset({ExtendedUsage.EMAIL_PROTECTION}),
    KeyPurpose.AUTHENTICATION: frozenset(
        {*_MACHINES, ExtendedUsage.OCSP_SIGNING, ExtendedUsage.CMC_CA, ExtendedUsage.CMC_RA}
    ),
}
_HOST_NAMES = frozenset({Kind.DNS, Kind.IP})

Fault = tuple[str, str]
"""The field, and what is wrong with it."""


def validated(profile: Profile) -> Profile:
    """Let only a profile pass that makes sense.

    Raises:
        Misconfigured: names the profile and the field.
    """
    for rule in (
        _validity,
        _names,
        _doors,
        _extended_usages,
        _usages,
        _keys,
        _policies,
        _approval,
        _revocation,
        _making,
    ):
        for field, fault in rule(profile):
            raise Misconfigured(f"profiles.{profile.name}.{field} {fault}")
    return profile


def _validity(profile: Profile) -> Iterator[Fault]:
    seconds = profile.validity_seconds
    if not MIN_VALIDITY_SECONDS <= seconds <= MAX_VALIDITY_SECONDS:
        yield "validity_seconds", f"must be {MIN_VALIDITY_SECONDS} to {MAX_VALIDITY_SECONDS} (10 years)"
    if profile.answers_ocsp and seconds > MAX_RESPONDER_SECONDS:
        yield (
            "validity_seconds",
            f"must be at most {MAX_RESPONDER_SECONDS} (30 days): nobody asks about it",
        )
    window = profile.renewal_window_days
    if window is not None and not 1 <= window <= MAX_WINDOW_DAYS:
        yield "renewal_window_days", f"must be 1 to {MAX_WINDOW_DAYS}"
    if not 0 <= profile.renewal_grace_days <= MAX_GRACE_DAYS:
        yield "renewal_grace_days", f"must be 0 to {MAX_GRACE_DAYS}"
    if profile.renewal_grace_days and Door.EST not in profile.doors:
        yield "renewal_grace_days", "must be 0 without est: no other door is shown a certificate that has expired"


def _doors(profile: Profile) -> Iterator[Fault]:
    if not profile.doors:
        yield "doors", "must not be empty: nobody could ask for it"
    if Door.SERVER in profile.doors and len(profile.doors) > 1:
        yield "doors", "must not open the server's own profile to others"
    if Door.ACME in profile.doors and profile.key_purpose is not KeyPurpose.AUTHENTICATION:
        yield (
            "doors",
            f"must not hold acme: a key for {profile.key_purpose} is a person's, and ACME knows none",
        )
    if Door.ACME in profile.doors and not profile.name_kinds & _HOST_NAMES:
        yield "doors", "must not hold acme: the profile has neither dns nor ip names, and ACME orders no others"


def _extended_usages(profile: Profile) -> Iterator[Fault]:
    field, granted = "extended_key_usage", profile.extended_key_usage
    if not granted:
        yield field, "must not be empty: an unrestricted certificate would do for everything"
    if foreign := granted - _EXTENDED[profile.key_purpose]:
        yield field, f"of a key for {profile.key_purpose} must not hold {min(foreign)}"
    if ExtendedUsage.CMC_CA in granted and profile.is_grantable:
        yield field, "must not hold cmcCA: it speaks for the CA, and only the server signs messages in its name"
    if ExtendedUsage.CMC_RA in granted and ExtendedUsage.CLIENT_AUTH not in granted:
        yield field, "must hold clientAuth beside cmcRA: who asks for others shows the certificate in TLS"
    if profile.answers_ocsp and profile.is_grantable:
        yield field, "must not hold OCSPSigning: it speaks for the CA, and only the server's own responders have it"
    if profile.answers_ocsp and len(granted) > 1:
        yield field, "must hold OCSPSigning alone"
    if ExtendedUsage.SERVER_AUTH in granted and not (profile.names_required and profile.name_kinds & _HOST_NAMES):
        yield field, "must not hold serverAuth unless names are required and may be dns or ip: clients compare them"


def _usages(profile: Profile) -> Iterator[Fault]:
    listed = {FAMILIES.get(name) for name in profile.key_types}
    for field, usage, is_needed in (
        ("rsa_usage", profile.rsa_usage, not listed or "rsa" in listed),
        ("ec_usage", profile.ec_usage, not listed or bool(listed - {"rsa"})),
    ):
        if is_needed and not usage:
            yield field, "must not be empty; list in key_types only keys that can serve it"
        if mixed := usage & _FORBIDDEN[profile.key_purpose]:
            yield field, f"of a key for {profile.key_purpose} must not hold {min(mixed)}"
        is_silent = profile.key_purpose is KeyPurpose.AUTHENTICATION and Usage.DIGITAL_SIGNATURE not in usage
        if usage and is_silent:
            yield field, "must hold digitalSignature: a TLS key signs (RFC 8446, 4.4.2.2)"
    if Usage.KEY_AGREEMENT in profile.rsa_usage:
        yield "rsa_usage", "must not hold keyAgreement: RSA keys cannot"
    if Usage.KEY_ENCIPHERMENT in profile.ec_usage:
        yield "ec_usage", "must not hold keyEncipherment: EC keys cannot (RFC 5480, 3)"


def _keys(profile: Profile) -> Iterator[Fault]:
    for name in sorted(profile.key_types):
        if name not in FAMILIES:
            yield "key_types", f"holds {name!r}; choose among {', '.join(FAMILIES)}"
        elif not profile.usages_for(FAMILIES[name]):
            yield "key_types", f"must not hold {name}: such a key cannot do what the profile is for"


def _names(profile: Profile) -> Iterator[Fault]:
    if profile.names_required and not profile.name_kinds:
        yield "name_kinds", "must not be empty where names are required"
    if profile.subject is None:
        return
    for keyword in profile.subject:
        if keyword not in KEYWORDS:
            yield "subject", f"holds {keyword!r}; choose among {', '.join(KEYWORDS)}"
    if not profile.subject and not profile.names_required:
        yield "subject", "must not be empty unless names are required: nothing would name the subject"


def _policies(profile: Profile) -> Iterator[Fault]:
    if len(profile.policies) > MAX_POLICIES:
        yield "policies", f"must not hold more than {MAX_POLICIES}"
    for oid in profile.policies:
        if not _is_object_identifier(oid):
            yield "policies", f"holds {oid[:80]!r}, which is no object identifier such as 1.3.6.1.4.1.99999.1"
        if oid == _ANY_POLICY:
            yield "policies", "must not hold anyPolicy: it says nothing about a subscriber's certificate"
    if not profile.cps_url:
        return
    if not profile.policies:
        yield "cps_url", "needs policies: it is written beside the policy under which the certificate is issued"
    if not _is_url(profile.cps_url):
        yield "cps_url", f"{profile.cps_url[:80]!r} is no URL such as https://pki.example/cps"


def _approval(profile: Profile) -> Iterator[Fault]:
    if not profile.is_grantable and profile.approval is not ApprovalRule.AUTOMATIC:
        yield "approval", "must be automatic: the server cannot wait for an officer before it opens its doors"


def _revocation(profile: Profile) -> Iterator[Fault]:
    is_told = profile.crl or profile.ocsp
    if profile.must_staple and ExtendedUsage.SERVER_AUTH not in profile.extended_key_usage:
        yield "must_staple", "must be false without serverAuth: only a TLS server staples"
    if profile.must_staple and not profile.ocsp:
        yield "must_staple", "must be false without ocsp: the server would find no answer to staple (RFC 7633)"
    if profile.no_rev_avail and is_told:
        yield "no_rev_avail", "must be false beside crl or ocsp (RFC 9608, 4)"
    if profile.no_rev_avail and profile.validity_seconds > MAX_UNREVOCABLE_SECONDS:
        yield "no_rev_avail", "must be false where the validity is more than 7 days: nobody would hear of a revocation"
    if profile.no_rev_avail and profile.revocation is RevocationRule.REVIEWED_ON_HOLD:
        yield "no_rev_avail", "must be false where revocation puts certificates on hold: nobody would hear of it"
    if profile.revocation is RevocationRule.REVIEWED_ON_HOLD and not profile.hold:
        yield "revocation", f"must not be {profile.revocation} unless hold is true as well"
    if not (is_told or profile.no_rev_avail or profile.answers_ocsp):
        yield "crl", "and ocsp must not both be false without no_rev_avail: nobody would hear of a revocation"


def _making(profile: Profile) -> Iterator[Fault]:
    if profile.server_keygen is not KeyMaking.NEVER and Door.EST not in profile.doors:
        yield "server_keygen", "must be never unless doors hold est: no other door hands a key over"


def _is_object_identifier(text: str) -> bool:
    try:
        return x509.ObjectIdentifier(text).dotted_string == text
    except ValueError:
        return False


def _is_url(text: str) -> bool:
    """Whether it can stand in a certificate as an IA5String and in a browser's address bar."""
    if len(text) > MAX_URL_OCTETS or not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
