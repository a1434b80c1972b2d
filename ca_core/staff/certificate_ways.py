"""By which index a page of certificates is found: by what says most of what is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ca_core.errors import BadRequest
from ca_core.names import Kind
from ca_core.policy.status import CertificateStatus
from ca_core.registration.kind import RESERVED
from ca_core.staff.lines import CertificateFilter, Key
from ca_core.staff.role import EVERY_REALM, Actor
from ca_core.staff.scope import Scope
from ca_core.store import lanes, registrations, shards
from ca_core.store.database import Transaction, Value
from ca_core.store.further_names import KEPT_CHARACTERS
from ca_core.store.lanes import BEYOND, LAST_TIME, Lane

NOBODYS = frozenset(profile for kind in RESERVED.values() for profile in kind.profiles)
"""Profiles of the server and of officers, which no list of subscribers' certificates shows."""
LAST_KEY: Key = (LAST_TIME, "~")
"""Behind every time and serial: where a list in descending order begins."""
_SERIAL = re.compile(r"[0-9a-f]{1,40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIRST_NAME: Key = ("", "")

WindowSeconds = Callable[[str | None], int]
"""How long before its end a certificate of a profile is about to expire; of None, the longest that there is."""


class Way(NamedTuple):
    """What is gone along for a page.

    Attributes:
        first: the key that the first page begins behind.
    """

    lanes: list[Lane]
    first: Key = LAST_KEY
    is_descending: bool = True

    @property
    def is_by_text(self) -> bool:
        """Whether its keys begin with a text, and not with a time."""
        return isinstance(self.first[0], str)


async def way_of(
    tx: Transaction, actor: Actor, scope: Scope, wanted: CertificateFilter, *, window: WindowSeconds, now: int
) -> Way:
    """The way to certificates that are not looked for by words.

    Raises:
        BadRequest: what is looked for cannot be.
    """
    if wanted.serial is not None:
        serial = serial_of(wanted.serial)
        lane = Lane(lanes.CERTIFICATES_BY_SERIAL, {"since": serial, "until": serial + BEYOND})
        return Way([lane], _FIRST_NAME, is_descending=False)
    everything = span(wanted, window(None), now)
    if wanted.key is not None:
        key = bytes.fromhex(key_of(wanted.key))
        return Way([Lane(lanes.CERTIFICATES_OF_KEY, everything | {"spki_sha256": key})])
    if wanted.account is not None:
        return Way(await _of_account(tx, actor, wanted.account, everything))
    if wanted.name is not None:
        return Way(_by_name(scope, beginnings(wanted.name)), _FIRST_NAME, is_descending=False)
    if wanted.status is CertificateStatus.REVOKED:
        return Way([Lane(lanes.CERTIFICATES_REVOKED, {})])
    if wanted.status is CertificateStatus.ON_HOLD:
        return Way([Lane(lanes.CERTIFICATES_ON_HOLD, {})])
    return await _by_expiry(tx, actor, scope, wanted, window=window, now=now)


def serial_of(text: str) -> str:
    """The first digits of a serial, or all, as they are stored.

    Raises:
        BadRequest: no hex, or more than a serial has.
    """
    serial = re.sub(r"[\s:]", "", text).lower().removeprefix("0x")
    if not _SERIAL.fullmatch(serial):
        raise BadRequest("a serial is up to 40 hex digits")
    return serial


def key_of(text: str) -> str:
    """The digest of a key, in lower case.

    Raises:
        BadRequest: not 64 hex digits.
    """
    key = re.sub(r"[\s:]", "", text).lower()
    if not _SHA256.fullmatch(key):
        raise BadRequest("a key is looked for by the SHA-256 of its SubjectPublicKeyInfo, 64 hex digits")
    return key


def beginnings(name: str) -> tuple[str, ...]:
    """How names may begin that are meant, with their kinds.

    Raises:
        BadRequest: empty, or of what cannot be printed.
    """
    text = name.strip()
    if not text or not text.isprintable():
        raise BadRequest("a name is looked for by how it begins")
    kind, colon, value = text.partition(":")
    named = [(kind, value)] if colon and kind in set(Kind) else [(each.value, text) for each in Kind]
    return tuple(f"{each}:{rest.lower() if each == Kind.DNS else rest}"[:KEPT_CHARACTERS] for each, rest in named)


def span(wanted: CertificateFilter, window_seconds: int, now: int) -> dict[str, Value]:
    """From when to when certificates end that can be of a status, and are within the dates that were asked for."""
    since = 0 if wanted.expires_from is None else wanted.expires_from
    until = LAST_TIME if wanted.expires_until is None else wanted.expires_until
    match wanted.status:
        case CertificateStatus.VALID | CertificateStatus.ON_HOLD:
            since = max(since, now)
        case CertificateStatus.ABOUT_TO_EXPIRE:
            since, until = max(since, now), min(until, now + window_seconds)
        case CertificateStatus.EXPIRED:
            until = min(until, now - 1)
        case _:
            pass
    return {"since": since, "until": until}


async def _of_account(tx: Transaction, actor: Actor, account: str, everything: dict[str, Value]) -> list[Lane]:
    found = await registrations.by_account(tx, account) if account.isprintable() else None
    if found is None or not actor.sees(found):
        return []
    return [Lane(lanes.CERTIFICATES_OF_REGISTRATION, everything | {"registration_id": found.id})]


def _by_name(scope: Scope, wanted: tuple[str, ...]) -> list[Lane]:
    return [
        Lane(sql, {"realm": realm, "since": beginning, "until": beginning + BEYOND})
        for realm in scope.realms
        for beginning in wanted
        for sql in (lanes.CERTIFICATES_BY_NAME, lanes.CERTIFICATES_BY_FURTHER_NAME)
    ]


async def _by_expiry(
    tx: Transaction, actor: Actor, scope: Scope, wanted: CertificateFilter, *, window: WindowSeconds, now: int
) -> Way:
    # What is about to expire is urgent, the first one first.
    is_ascending = wanted.status is CertificateStatus.ABOUT_TO_EXPIRE
    first: Key = (0, "") if is_ascending else LAST_KEY
    everything = span(wanted, window(None), now)
    found: list[Lane]
    if scope.owner is not None:
        found = [Lane(lanes.CERTIFICATES_OF_OWNER[is_ascending], everything | {"owner": scope.owner})]
    elif wanted.issuer is not None:
        found = [
            Lane(lanes.CERTIFICATES_OF_ISSUER[is_ascending], everything | {"issuer": wanted.issuer, "shard": shard})
            for shard in sorted(await shards.live(tx, wanted.issuer, since=0))
        ]
    elif actor.realm == EVERY_REALM and wanted.profile is None:
        found = [Lane(lanes.CERTIFICATES_OF_ANY[is_ascending], everything)]
    else:
        found = [
            Lane(
                lanes.CERTIFICATES[is_ascending],
                span(wanted, window(profile), now) | {"realm": realm, "profile": profile},
            )
            for realm in scope.realms
            for profile in ([wanted.profile] if wanted.profile is not None else await lanes.profiles(tx, realm))
            if profile not in NOBODYS
        ]
    return Way(found, first, is_descending=not is_ascending)
