"""What several resources send and take: registrations, sheets, and words with limits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ca_core.clock import as_datetime
from ca_core.names import Kind as NameKind
from ca_core.registration.account import Grant, Registration, Status
from ca_core.registration.contact import Contact
from ca_core.registration.sheet import Places, Sheet

MOST_TEXT = 1000

# No database holds NUL in a text.
Text: TypeAlias = Annotated[str, Meta(max_length=MOST_TEXT, pattern=r"^[^\x00]*$")]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
Serial: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{40}$")]


def moment(seconds: int) -> datetime:
    """UTC seconds as documents show them."""
    return as_datetime(seconds)


def moment_or_none(seconds: int | None) -> datetime | None:
    """The same of what may not be."""
    return None if seconds is None else as_datetime(seconds)


class Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name that certificates may have.

    Attributes:
        value: in its normal form; DNS names in lower case, as A-labels.
        below: every DNS name below `value` is meant, instead of that one.
        vetted: the registration authority has proved it; else its control is proved by challenge at each order.
    """

    type: NameKind
    value: Annotated[str, Meta(min_length=1, max_length=2000)]
    below: bool = False
    vetted: bool = True


class ContactShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to reach; nothing of it goes into a certificate. An empty text is one that was not given."""

    name: str = ""
    email: str = ""
    phone: str = ""
    address: str = ""
    identity_number: str = ""


class ContactChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What changes of a contact; what is left out stays."""

    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    identity_number: str | UnsetType = UNSET


class RegistrationShape(msgspec.Struct, frozen=True):
    """What is registered of one subscriber.

    Attributes:
        account: the site account, unique.
        profiles: granted ones, the default first.
        sheet: the number of the newest sheet.
        uses: how often the enrollment code of a sheet works; null is unlimited.
        eab_uses: the same of the EAB key.
        version: grows with every change; the ETag is this number in quotation marks.
    """

    account: str
    kind: str
    status: Status
    subject: str
    names: tuple[Name, ...]
    profiles: tuple[str, ...]
    sheet: int
    uses: int | None
    eab_uses: int | None
    language: str
    contact: ContactShape
    realm: str
    version: int
    created_at: Moment
    expires_at: Moment


class EabShape(msgspec.Struct, frozen=True):
    """An external account binding key, as ACME clients take it."""

    kid: str
    hmac_key: str
    alg: str = "HS256"


class SheetShape(msgspec.Struct, frozen=True):
    """The secrets of one hand-over, shown once; a secret that the kind does not use is null.

    Attributes:
        sheet: its number; a higher one voids the lower.
        ca_bundle: the trust anchor's file, on the server.
    """

    account: str
    sheet: int
    initial_password: str | None
    enrollment_code: str | None
    eab: EabShape | None
    acme_directory: str
    est_url: str
    portal_url: str
    ca_bundle: str


class Registered(msgspec.Struct, frozen=True):
    """A registration and its new sheet."""

    registration: RegistrationShape
    sheet: SheetShape


class Waits(msgspec.Struct, frozen=True):
    """Other officers must agree first; see `/api/v1/requests/{number}`.

    Attributes:
        needed: how many.
    """

    request: int
    needed: int


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why, for the journal and for the officers who decide."""

    note: Text = ""


def registration_shape(registration: Registration, *, now: int) -> RegistrationShape:
    """As it is shown; it was read with its contact."""
    return RegistrationShape(
        account=registration.account,
        kind=registration.kind,
        status=registration.status_at(now),
        subject=registration.subject,
        names=tuple(map(name_shape, registration.grants)),
        profiles=registration.profiles,
        sheet=registration.sheet,
        uses=registration.uses,
        eab_uses=registration.eab_uses,
        language=registration.language,
        contact=contact_shape(registration.contact),
        realm=registration.realm,
        version=registration.version,
        created_at=moment(registration.created_at),
        expires_at=moment(registration.expires_at),
    )


def contact_shape(contact: Contact) -> ContactShape:
    """As it is shown."""
    return ContactShape(**msgspec.structs.asdict(contact))


def sheet_shape(sheet: Sheet, places: Places) -> SheetShape:
    """As it is handed over."""
    eab = sheet.eab
    return SheetShape(
        account=sheet.account,
        sheet=sheet.number,
        initial_password=sheet.initial_password.reveal() if sheet.initial_password else None,
        enrollment_code=sheet.enrollment_code.reveal() if sheet.enrollment_code else None,
        eab=EabShape(eab.kid, eab.mac_key.reveal()) if eab else None,
        acme_directory=places.acme_directory,
        est_url=places.est_url,
        portal_url=places.portal_url,
        ca_bundle=places.ca_bundle,
    )


def name_shape(grant: Grant) -> Name:
    """As it is shown."""
    return Name(grant.identifier.kind, grant.identifier.value, grant.zone, grant.vetted)
