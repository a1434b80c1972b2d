"""The settings `[profiles.NAME]`: what they may change in a built-in profile, and new ones based on one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from ca_core.applicant import Door
from ca_core.errors import Misconfigured
from ca_core.names import Kind
from ca_core.policy.profile import (
    BUILT_IN,
    SECONDS_PER_DAY,
    ApprovalRule,
    ExtendedUsage,
    KeyMaking,
    KeyPurpose,
    Profile,
    RevocationRule,
    Usage,
)
from ca_core.policy.profile_rules import validated

# It is an EST label and a part of URLs (RFC 7030, 3.2.2).
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_NAMED = "a profile's name is 1 to 40 lower-case letters, digits and hyphens, a letter first"
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `([^`]*)`")
_WRONG_TYPE = re.compile(r"Expected `(\w+)(?: \| null)?`, got .* - at `\$\.(\w+)(\[\.*\d*\])?`")
_WRITTEN_AS = {
    "int": "a whole number",
    "bool": "true or false",
    "str": "text in quotation marks",
    "array": "a list of words in quotation marks",
}
_SECONDS = {
    "validity_days": SECONDS_PER_DAY,
    "validity_hours": 3_600,
    "validity_minutes": 60,
    "validity_seconds": 1,
}
_ONLY_CAS = "only CAs have it, and profiles are for subscribers; see: soapstone authority --help"
_CA_FIELDS = frozenset({"ca", "is_ca", "basic_constraints", "path_length", "key_cert_sign", "crl_sign"})
_NEVER = {
    "keyCertSign": _ONLY_CAS,
    "cRLSign": _ONLY_CAS,
    "anyExtendedKeyUsage": "it would do for everything; list what it is for",
    "OCSPSigning": "it speaks for the CA, and only the server's own responders have it",
    "cmcCA": "it speaks for the CA, and only the server signs messages in its name",
    "server": "it is the server's own way in",
    "cli": "it is how officers get theirs",
    "desk": "nobody asks for certificates there",
    "api": "nobody asks for certificates there",
}

_Member = TypeVar("_Member", bound=StrEnum)


class ProfileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One table `[profiles.NAME]`; None leaves a field as it is in the profile that it is based on.

    Attributes:
        based_on: the built-in profile that a new one starts from.
        validity_days, validity_hours, validity_minutes, validity_seconds: one of them.

    All others are as in `Profile`.
    """

    based_on: str | None = None
    validity_days: int | None = None
    validity_hours: int | None = None
    validity_minutes: int | None = None
    validity_seconds: int | None = None
    key_purpose: str | None = None
    key_types: tuple[str, ...] | None = None
    rsa_usage: tuple[str, ...] | None = None
    ec_usage: tuple[str, ...] | None = None
    extended_key_usage: tuple[str, ...] | None = None
    subject: tuple[str, ...] | None = None
    name_kinds: tuple[str, ...] | None = None
    names_required: bool | None = None
    doors: tuple[str, ...] | None = None
    policies: tuple[str, ...] | None = None
    cps_url: str | None = None
    ca_issuers: bool | None = None
    crl: bool | None = None
    ocsp: bool | None = None
    must_staple: bool | None = None
    no_rev_avail: bool | None = None
    renewal_window_days: int | None = None
    renewal_grace_days: int | None = None
    same_key_renewal: bool | None = None
    approval: str | None = None
    revocation: str | None = None
    server_keygen: str | None = None
    hold: bool | None = None
    issuer: str | None = None


def read_profiles(tables: object) -> dict[str, ProfileSettings]:
    """The tables below `profiles` of a settings file, each in its type.

    Raises:
        Misconfigured: an unknown setting or a value of another type, by profile and field.
    """
    if not isinstance(tables, dict):
        raise Misconfigured("profiles must be a table of tables such as [profiles.device]")
    for name in tables:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Misconfigured(f"profiles.{str(name)[:64]!r}: {_NAMED}")
    return {name: _read(name, table) for name, table in tables.items()}


def profiles_from(tables: Mapping[str, ProfileSettings]) -> Mapping[str, Profile]:
    """The built-in profiles by name as changed by settings, and the new ones after them.

    Raises:
        Misconfigured: a profile that makes no sense; names it and the field.
    """
    profiles = {name: _profile(name, tables.get(name, ProfileSettings())) for name in BUILT_IN}
    return profiles | {name: _profile(name, table) for name, table in tables.items() if name not in BUILT_IN}


def _read(name: str, table: object) -> ProfileSettings:
    if not isinstance(table, dict):
        raise Misconfigured(f"profiles.{name} must be a table: write [profiles.{name}] and its settings below")
    try:
        return msgspec.convert(table, ProfileSettings)
    except msgspec.ValidationError as error:
        raise Misconfigured(_explained(name, str(error))) from None


def _explained(name: str, error: str) -> str:
    unknown = _UNKNOWN_FIELD.match(error)
    if unknown is None:
        wrong = _WRONG_TYPE.fullmatch(error)
        kind, field, element = wrong.groups() if wrong else ("", error, "")
        return f"profiles.{name}.{field} must be {_WRITTEN_AS['array' if element else kind]}"
    field = unknown[1]
    if field in _CA_FIELDS:
        return f"profiles.{name}.{field} cannot be set: {_ONLY_CAS}"
    known = ", ".join(ProfileSettings.__struct_fields__)
    return f"unknown setting profiles.{name}.{field if field.isidentifier() else repr(field[:64])}; there are {known}"


def _profile(name: str, table: ProfileSettings) -> Profile:
    base = _base(name, table)
    changes = {field: value for field, value in msgspec.structs.asdict(table).items() if value is not None}
    changes.pop("based_on", None)
    if not base.is_grantable and (foreign := changes.keys() - _SECONDS.keys()):
        raise _nonsense(name, min(foreign), "cannot be set: the profile is the server's own; only its validity can be")
    changes |= _validity(name, changes)
    changes |= _chosen(name, changes)
    # RFC 9608, 4 leaves no choice, so that nobody has to write it down; who writes the contrary is refused.
    if changes.get("no_rev_avail"):
        changes = {"crl": False, "ocsp": False} | changes
    return validated(msgspec.structs.replace(base, name=name, **changes))


def _base(name: str, table: ProfileSettings) -> Profile:
    grantable = ", ".join(name for name, profile in BUILT_IN.items() if profile.is_grantable)
    if name in BUILT_IN:
        for field in ("based_on", "key_purpose"):
            if getattr(table, field) is not None:
                raise _nonsense(name, field, "cannot be set: the profile is built in; make one of another name")
        return BUILT_IN[name]
    if table.based_on is None:
        raise Misconfigured(f"profiles.{name}: there is no such profile; to make one, write based_on: {grantable}")
    if table.based_on not in BUILT_IN or not BUILT_IN[table.based_on].is_grantable:
        raise _nonsense(name, "based_on", f"must be one of {grantable}")
    return BUILT_IN[table.based_on]


def _validity(name: str, changes: dict[str, Any]) -> dict[str, int]:
    """The validity in seconds, out of the one unit in which it is written."""
    written = [field for field in _SECONDS if field in changes]
    if len(written) > 1:
        raise _nonsense(name, written[0], f"and {written[1]} are both set; keep one")
    return {"validity_seconds": changes.pop(written[0]) * _SECONDS[written[0]]} if written else {}


def _chosen(name: str, changes: dict[str, Any]) -> dict[str, object]:
    """What is one of a list of words, or several of them, as values of its type."""
    found: dict[str, object] = {}
    for field, kind in (
        ("rsa_usage", Usage),
        ("ec_usage", Usage),
        ("extended_key_usage", ExtendedUsage),
        ("name_kinds", Kind),
        ("doors", Door),
    ):
        if field in changes:
            found[field] = frozenset(_member(name, field, kind, word) for word in _once(name, field, changes[field]))
    for field in ("key_types", "subject", "policies"):
        if field in changes:
            words = _once(name, field, changes[field])
            found[field] = frozenset(words) if field == "key_types" else words
    if "key_purpose" in changes:
        found["key_purpose"] = _member(name, "key_purpose", KeyPurpose, changes["key_purpose"])
    if "approval" in changes:
        found["approval"] = _member(name, "approval", ApprovalRule, changes["approval"])
    if "revocation" in changes:
        found["revocation"] = _member(name, "revocation", RevocationRule, changes["revocation"])
    if "server_keygen" in changes:
        found["server_keygen"] = _member(name, "server_keygen", KeyMaking, changes["server_keygen"])
    return found


def _once(name: str, field: str, words: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice is not None:
        raise _nonsense(name, field, f"holds {twice[:80]!r} twice")
    return words


def _member(name: str, field: str, kind: type[_Member], word: str) -> _Member:
    if word in _NEVER:
        raise _nonsense(name, field, f"must not hold {word}: {_NEVER[word]}")
    try:
        return kind(word)
    except ValueError:
        offered: Collection[str] = [member for member in kind if member not in _NEVER]
        raise _nonsense(name, field, f"holds {word[:80]!r}; choose among {', '.join(offered)}") from None


def _nonsense(name: str, field: str, fault: str) -> Misconfigured:
    return Misconfigured(f"profiles.{name}.{field} {fault}")
