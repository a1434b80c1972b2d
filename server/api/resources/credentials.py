"""Credentials: what a registration's sheets have brought, and EAB keys beside them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ca_core.errors import (
    BadForm,
    BadName,
    BadRequest,
    FieldFault,
    NameNotGranted,
    NotFound,
    ProfileNotGranted,
    WrongState,
)
from ca_core.registration.credential import Credential, CredentialKind
from ca_core.registration.eab_desk import MOST_NOTE, EabForm
from ca_core.registration.limits import MOST_NAMES
from ca_core.registration.sheet import EabKey
from ca_core.staff.role import Action
from ca_core.store import credentials
from server.api.finding import registration_of
from server.api.forms import Uses
from server.api.operation import Answer, Call, Operation, any_of
from server.api.shapes import EabShape, Moment, moment

_HOUR_SECONDS = 3600
_LONGEST_OVERLAP_HOURS = 366 * 24
_MOST_LIMITS = 100
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999 in UTC: what is later has no date."""
_ALL = "/registrations/{account}/credentials"
_KEYS = "/registrations/{account}/eab-keys"
_KEY = "/registrations/{account}/eab-keys/{kid}"


class CredentialState(StrEnum):
    """Whether a credential opens anything, or why it does not."""

    ACTIVE = "active"
    DORMANT = "dormant"
    VOID = "void"
    REVOKED = "revoked"
    SPENT = "spent"
    EXPIRED = "expired"


class CredentialShape(msgspec.Struct, frozen=True):
    """A credential, without its secret.

    Attributes:
        kid: of an EAB key; else null.
        sheet: the number of the sheet that it was handed over on, or belongs to.
        uses_left: null is unlimited.
        networks: from where it may be used; empty: from everywhere.
        profiles: what it, and the accounts that it binds, may have; empty: whatever the registration holds.
        successor: of an EAB key, the one that it was rotated to.
        names: for which names, each as `KIND:VALUE`, or `zone:DOMAIN` for all below it; empty: whatever is registered.
        note: what it is called; empty where it has no name.
    """

    kind: CredentialKind
    kid: str | None
    state: CredentialState
    sheet: int
    uses_left: int | None
    expires_at: Moment
    networks: tuple[str, ...]
    profiles: tuple[str, ...]
    successor: str | None
    names: tuple[str, ...]
    note: str


class CredentialList(msgspec.Struct, frozen=True):
    """All that a registration ever had, the oldest first."""

    items: tuple[CredentialShape, ...]


class EabKeyForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What limits a further EAB key.

    Attributes:
        uses: how many accounts it may bind; null is unlimited, left out as on the sheet.
        expires_at: left out, or null, as long as the one of a sheet.
        networks: from where, as CIDRs.
        profiles: what the accounts that it binds may order.
        names: for which names, such as `www.example.com`, `dns:www.example.com` or, for all below it, `.example.com`;
            none: whatever is registered.
        note: what it is called; its holder sees it at the portal.
    """

    uses: Uses | UnsetType | None = UNSET
    expires_at: Moment | None = None
    networks: Annotated[tuple[str, ...], Meta(max_length=_MOST_LIMITS)] = ()
    profiles: Annotated[tuple[str, ...], Meta(max_length=_MOST_LIMITS)] = ()
    names: Annotated[tuple[str, ...], Meta(max_length=MOST_NAMES)] = ()
    note: Annotated[str, Meta(max_length=MOST_NOTE)] = ""


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a key is replaced.

    Attributes:
        overlap_hours: how long the old key works on.
        expires_at: of the new key; left out, or null, that of the old one.
    """

    overlap_hours: Annotated[int, Meta(ge=0, le=_LONGEST_OVERLAP_HOURS)] = 24
    expires_at: Moment | None = None


class NewEabKey(msgspec.Struct, frozen=True):
    """A key that was made, with its secret, which is shown once."""

    eab: EabShape
    acme_directory: str
    credential: CredentialShape


async def _listed(call: Call) -> Answer:
    registration = await registration_of(call)
    now = call.office.clock.now()
    async with call.office.database.read() as tx:
        found = await credentials.every(tx, registration.id)
    return Answer(CredentialList(tuple(_shape(one, now) for one in found)))


async def _add(call: Call) -> Answer:
    registration, sent = await registration_of(call), call.sent(EabKeyForm)
    uses = registration.eab_uses if sent.uses is UNSET else sent.uses
    form = EabForm(uses, _seconds(sent.expires_at), sent.networks, sent.profiles, sent.names, sent.note)
    made, key = await call.office.eab_desk.add(registration.account, form, actor=call.actor.journal_name)
    return _made(call, made, key)


async def _rotate(call: Call) -> Answer:
    kid, sent = await _own_key(call), call.sent(Rotation)
    _, made, key = await call.office.eab_desk.rotate(
        kid,
        overlap_seconds=sent.overlap_hours * _HOUR_SECONDS,
        expires_at=_seconds(sent.expires_at),
        actor=call.actor.journal_name,
    )
    return _made(call, made, key)


async def _revoke(call: Call) -> Answer:
    kid = await _own_key(call)
    await call.office.eab_desk.revoke(kid, actor=call.actor.journal_name)
    return Answer(_shape(await call.office.eab_desk.find(kid), call.office.clock.now()))


async def _own_key(call: Call) -> str:
    """The key in the path, which must be one of the registration's there."""
    registration, kid = await registration_of(call), call.place["kid"]
    if (await call.office.eab_desk.find(kid)).registration_id != registration.id:
        raise NotFound(f"there is no EAB key {kid[:64]}; see: soapstone eab list ACCOUNT")
    return kid


def _made(call: Call, made: Credential, key: EabKey) -> Answer:
    shown = NewEabKey(
        EabShape(key.kid, key.mac_key.reveal()),
        call.office.places.acme_directory,
        _shape(made, call.office.clock.now()),
    )
    return Answer(shown, HTTPStatus.CREATED, holds_secret=True)


def _seconds(at: datetime | None) -> int | None:
    if at is None:
        return None
    seconds = int(at.timestamp())
    if not 0 < seconds <= _LAST_SECOND:
        raise BadForm(
            [FieldFault("expires_at", "lies where no certificate can: write a time from 1970 to 9999, in UTC")]
        )
    return seconds


def _shape(one: Credential, now: int) -> CredentialShape:
    return CredentialShape(
        kind=one.kind,
        kid=one.kid,
        state=_state(one, now),
        sheet=one.sheet,
        uses_left=one.uses_left,
        expires_at=moment(one.expires_at),
        networks=one.networks,
        profiles=one.profiles,
        successor=one.successor,
        names=one.names,
        note=one.note,
    )


def _state(one: Credential, now: int) -> CredentialState:
    if one.revoked_at is not None:
        return CredentialState.REVOKED
    if one.voided_at is not None:
        return CredentialState.VOID
    if one.uses_left == 0:
        return CredentialState.SPENT
    if now > one.expires_at:
        return CredentialState.EXPIRED
    return CredentialState.DORMANT if one.dormant else CredentialState.ACTIVE


OPERATIONS = (
    Operation(
        name="listCredentials",
        method="GET",
        path=_ALL,
        about="List what a registration's sheets have brought, and its EAB keys.",
        more="Without secrets: those are shown once, where they are made.",
        permitted=any_of(Action.READ_CREDENTIALS),
        handler=_listed,
        answers={200: CredentialList},
    ),
    Operation(
        name="addEabKey",
        method="POST",
        path=_KEYS,
        about="Make a further EAB key.",
        more="It belongs to the newest sheet; the next sheet voids it. Its secret is in this answer only.",
        permitted=any_of(Action.ADD_CREDENTIAL),
        handler=_add,
        body=EabKeyForm,
        answers={201: NewEabKey},
        refusals=frozenset({BadForm, BadName, BadRequest, NameNotGranted, ProfileNotGranted, WrongState}),
    ),
    Operation(
        name="rotateEabKey",
        method="POST",
        path=f"{_KEY}/rotate",
        about="Replace an EAB key by one with the same limits.",
        more="The old one works on for the overlap. The new secret is in this answer only.",
        permitted=any_of(Action.ADD_CREDENTIAL),
        handler=_rotate,
        body=Rotation,
        answers={201: NewEabKey},
        refusals=frozenset({BadForm, BadRequest, WrongState}),
    ),
    Operation(
        name="revokeEabKey",
        method="POST",
        path=f"{_KEY}/revoke",
        about="Stop an EAB key and, at once, every account that it bound.",
        permitted=any_of(Action.REVOKE_CREDENTIAL),
        handler=_revoke,
        answers={200: CredentialShape},
        refusals=frozenset({WrongState}),
    ),
)
