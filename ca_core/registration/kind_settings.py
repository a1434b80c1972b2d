"""The settings `[kinds.NAME]`: what they may change in a built-in kind, and new ones based on one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from ca_core import names
from ca_core import networks as networks_module
from ca_core.errors import BadName, BadRequest, Misconfigured
from ca_core.policy.profile import Profile
from ca_core.registration.kind import (
    PRESETS,
    RESERVED,
    Approvals,
    IdentityNumber,
    Kind,
    KindRevocation,
    Kinds,
    PasswordPolicy,
)

UNLIMITED = "unlimited"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$\.(\w+)`)?")
_WRONG_TYPE = re.compile(r"Expected `([^`]+?)(?: \| null)?`, got .* - at `\$\.([\w.]+)(\[\.*\d*\])?`")
_WRITTEN_AS = {
    "int": "a whole number",
    "int | str": f'a whole number or "{UNLIMITED}"',
    "bool": "true or false",
    "str": "text in quotation marks",
    "array": "a list of words in quotation marks",
    "object": "a table",
}
_MOST = {
    "code_uses": 1_000_000_000,
    "eab_uses": 1_000_000_000,
    "code_days": 36_600,
    "eab_days": 36_600,
    "password_days": 36_600,
    "registration_days": 36_600,
    "live_certificates": 1_000_000,
    "most_certificates": 1_000_000_000,
}
_MOST_APPROVALS = 9
_CHOICES: dict[str, type[StrEnum]] = {
    "password_policy": PasswordPolicy,
    "revocation": KindRevocation,
    "identity_number": IdentityNumber,
}


class ApprovalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The table `[kinds.NAME.approvals]`; None leaves a number as it is in the kind that it is based on."""

    register: int | None = None
    issue: int | None = None
    revoke: int | None = None
    reprint: int | None = None


class KindSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One table `[kinds.NAME]`; None leaves a field as it is in the kind that it is based on.

    Attributes:
        based_on: the built-in kind that a new one starts from.
        code_uses, eab_uses, most_certificates: a number, or `UNLIMITED`.

    All others are as in `Kind`.
    """

    based_on: str | None = None
    profiles: tuple[str, ...] | None = None
    grantable: tuple[str, ...] | None = None
    has_password: bool | None = None
    has_enrollment_code: bool | None = None
    has_eab_key: bool | None = None
    code_uses: int | str | None = None
    eab_uses: int | str | None = None
    code_days: int | None = None
    eab_days: int | None = None
    password_days: int | None = None
    registration_days: int | None = None
    live_certificates: int | None = None
    most_certificates: int | str | None = None
    activation: bool | None = None
    password_policy: str | None = None
    approvals: ApprovalSettings | None = None
    revocation: str | None = None
    name_suffixes: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None
    identity_number: str | None = None


def read_kinds(tables: object) -> dict[str, KindSettings]:
    """The tables below `kinds` of a settings file, each in its type.

    Raises:
        Misconfigured: an unknown setting or a value of another type, by kind and field.
    """
    if not isinstance(tables, dict):
        raise Misconfigured("kinds must be a table of tables such as [kinds.device]")
    for name in tables:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Misconfigured(
                f"kinds.{str(name)[:64]!r}: a kind's name is 1 to 40 lower-case letters, digits and hyphens, a letter"
                " first"
            )
        if name in RESERVED:
            raise Misconfigured(f"kinds.{name}: the name is this server's own; choose another one")
    return {name: _read(name, table) for name, table in tables.items()}


def kinds_from(tables: Mapping[str, KindSettings], profiles: Mapping[str, Profile]) -> Kinds:
    """The built-in kinds as changed by settings, and the new ones after them.

    Args:
        profiles: all that there are, by name.

    Raises:
        Misconfigured: a kind that makes no sense; names it and the field.
    """
    grantable = [name for name, profile in profiles.items() if profile.is_grantable]
    kinds = [_kind(name, tables.get(name, KindSettings()), grantable) for name in PRESETS]
    return Kinds([*kinds, *(_kind(name, table, grantable) for name, table in tables.items() if name not in PRESETS)])


def _read(name: str, table: object) -> KindSettings:
    if not isinstance(table, dict):
        raise Misconfigured(f"kinds.{name} must be a table: write [kinds.{name}] and its settings below")
    try:
        return msgspec.convert(table, KindSettings)
    except msgspec.ValidationError as error:
        raise Misconfigured(_explained(name, str(error))) from None


def _explained(name: str, error: str) -> str:
    unknown = _UNKNOWN_FIELD.match(error)
    if unknown is None:
        wrong = _WRONG_TYPE.fullmatch(error)
        kind, field, element = wrong.groups() if wrong else ("", error, "")
        return f"kinds.{name}.{field} must be {_WRITTEN_AS['array' if element else kind]}"
    field, table = unknown[1], unknown[2]
    known = ", ".join((ApprovalSettings if table else KindSettings).__struct_fields__)
    place = f"{name}.{table}" if table else name
    return f"unknown setting kinds.{place}.{field if field.isidentifier() else repr(field[:64])}; there are {known}"


def _kind(name: str, table: KindSettings, grantable: Collection[str]) -> Kind:
    base = _base(name, table)
    changes: dict[str, Any] = {
        field: value for field, value in msgspec.structs.asdict(table).items() if value is not None
    }
    changes.pop("based_on", None)
    for field, most in _MOST.items():
        if field in changes:
            changes[field] = _number(name, field, changes[field], most)
    for field, choice in _CHOICES.items():
        if field in changes:
            changes[field] = _member(name, field, choice, changes[field])
    if "approvals" in changes:
        changes["approvals"] = _approvals(name, base.approvals, changes["approvals"])
    kind = msgspec.structs.replace(base, name=name, **changes)
    _check_profiles(kind, grantable)
    _check_limits(kind)
    # Said by name, so that what there is no profile of is granted to nobody.
    return kind if kind.grantable else msgspec.structs.replace(kind, grantable=tuple(grantable))


def _base(name: str, table: KindSettings) -> Kind:
    presets = ", ".join(PRESETS)
    if name in PRESETS:
        if table.based_on is not None:
            raise _nonsense(name, "based_on", "cannot be set: the kind is built in; make one of another name")
        return PRESETS[name]
    if table.based_on is None:
        raise Misconfigured(f"kinds.{name}: there is no such kind; to make one, write based_on: {presets}")
    if table.based_on not in PRESETS:
        raise _nonsense(name, "based_on", f"must be one of {presets}")
    return PRESETS[table.based_on]


def _number(name: str, field: str, value: int | str, most: int) -> int | None:
    may_be_unlimited = field in {"code_uses", "eab_uses", "most_certificates"}
    if may_be_unlimited and value == UNLIMITED:
        return None
    if not isinstance(value, int) or not 1 <= value <= most:
        raise _nonsense(name, field, f"must be from 1 to {most}" + (f', or "{UNLIMITED}"' if may_be_unlimited else ""))
    return value


def _member(name: str, field: str, choice: type[StrEnum], word: str) -> StrEnum:
    try:
        return choice(word)
    except ValueError:
        offered = ", ".join(member or '""' for member in choice)
        raise _nonsense(name, field, f"is {word[:80]!r}; choose among {offered}") from None


def _approvals(name: str, base: Approvals, table: ApprovalSettings) -> Approvals:
    changes = {field: value for field, value in msgspec.structs.asdict(table).items() if value is not None}
    for field, count in changes.items():
        if not 0 <= count <= _MOST_APPROVALS:
            raise _nonsense(name, f"approvals.{field}", f"must be from 0 to {_MOST_APPROVALS}")
    return msgspec.structs.replace(base, **changes)


def _check_profiles(kind: Kind, grantable: Collection[str]) -> None:
    if not kind.profiles:
        raise _nonsense(kind.name, "profiles", "must name at least one profile")
    for field, words in (("profiles", kind.profiles), ("grantable", kind.grantable)):
        for word in words:
            if word not in grantable:
                raise _nonsense(kind.name, field, f"holds {word[:80]!r}; choose among {', '.join(grantable)}")
        if len(set(words)) < len(words):
            raise _nonsense(kind.name, field, "holds a profile twice")
    for word in kind.profiles if kind.grantable else ():
        if word not in kind.grantable:
            raise _nonsense(kind.name, "grantable", f"leaves out {word}, which the kind grants by default")


def _check_limits(kind: Kind) -> None:
    for suffix in kind.name_suffixes:
        try:
            is_zone = not names.dns(suffix).is_wildcard
        except BadName:
            is_zone = False
        if not is_zone:
            raise _nonsense(kind.name, "name_suffixes", f"holds {suffix[:80]!r}; write a zone such as example.com")
    for network in kind.networks:
        try:
            networks_module.checked(network)
        except BadRequest as error:
            raise _nonsense(kind.name, "networks", f"holds what is no network: {error}") from None


def _nonsense(name: str, field: str, fault: str) -> Misconfigured:
    return Misconfigured(f"kinds.{name}.{field} {fault}")
