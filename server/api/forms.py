"""Forms as the API takes them: read into the core's, with every field that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ca_core import names as names_module
from ca_core.errors import BadForm, BadName, FieldFault, NotFound
from ca_core.names import Identifier
from ca_core.names import Kind as NameKind
from ca_core.registration.account import Grant, Registration
from ca_core.registration.changes import Changes
from ca_core.registration.contact import Contact
from ca_core.registration.form import Form
from ca_core.registration.vetting import MOST_USES
from server.api.shapes import ContactChange, ContactShape, Name, Text
from server.office import Office

Uses = Annotated[int, Meta(ge=1, le=MOST_USES)]


class RegistrationForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is registered; its realm is that of whoever registers.

    Attributes:
        subject: the distinguished name, as RFC 4514 writes it.
        account: left out, or null, one is drawn.
        profiles: granted ones, the default first; left out, the kind's.
        uses: how often each machine credential works; null is unlimited, left out it is what the kind says.
        language: `zh-Hant` or `en`.
        note: for the officers who must agree, where any must.
    """

    kind: str
    subject: str
    account: str | None = None
    names: tuple[Name, ...] = ()
    profiles: tuple[str, ...] = ()
    uses: Uses | UnsetType | None = UNSET
    language: str = "zh-Hant"
    contact: ContactShape = ContactShape()
    note: Text = ""


class Amendment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What changes of a registration; what is left out stays, and names and profiles replace all that there were.

    Attributes:
        uses: of the next sheets; null is unlimited.
    """

    names: tuple[Name, ...] | UnsetType = UNSET
    profiles: tuple[str, ...] | UnsetType = UNSET
    uses: Uses | UnsetType | None = UNSET
    language: str | UnsetType = UNSET
    contact: ContactChange | UnsetType = UNSET


class Renewal(Amendment, frozen=True, forbid_unknown_fields=True):
    """What is not as it was registered; what is left out was confirmed."""

    subject: str | UnsetType = UNSET


def form_of(sent: RegistrationForm, office: Office) -> Form:
    """A form as the desk takes it; what only the kind can judge is left to the desk.

    Raises:
        BadForm: names every wrong field, as far as it is judged here.
    """
    faults = [*_of_kind(sent.kind, office), *_of_profiles(sent.profiles, office)]
    grants = _grants(sent.names, faults)
    if faults:
        raise BadForm(faults)
    return Form(
        kind=sent.kind,
        subject=sent.subject,
        uses=sent.uses,
        account=sent.account,
        grants=grants,
        profiles=sent.profiles,
        language=sent.language,
        contact=Contact(**msgspec.structs.asdict(sent.contact)),
    )


def changes_of(sent: Amendment, was: Registration, office: Office) -> Changes:
    """Changes as the desk takes them.

    Args:
        was: read with its contact.

    Raises:
        BadForm: names every wrong field, as far as it is judged here.
    """
    faults = list(_of_profiles(sent.profiles or (), office))
    grants = sent.names if sent.names is UNSET else _grants(sent.names, faults)
    if faults:
        raise BadForm(faults)
    return Changes(
        subject=sent.subject if isinstance(sent, Renewal) else UNSET,
        contact=sent.contact if sent.contact is UNSET else _changed(was.contact, sent.contact),
        language=sent.language,
        profiles=sent.profiles,
        uses=sent.uses,
        grants=grants,
    )


def _changed(contact: Contact, change: ContactChange) -> Contact:
    given = {field: text for field, text in msgspec.structs.asdict(change).items() if text is not UNSET}
    return msgspec.structs.replace(contact, **given)


def _of_kind(name: str, office: Office) -> list[FieldFault]:
    try:
        office.kinds.offered(name)
    except NotFound as refusal:
        return [FieldFault("kind", str(refusal))]
    return []


def _of_profiles(wanted: Sequence[str], office: Office) -> list[FieldFault]:
    grantable = [name for name, profile in office.profiles.items() if profile.is_grantable]
    why = f"is no profile; choose among {', '.join(grantable)}"
    return [FieldFault("profiles", f"{name[:64]!r} {why}") for name in wanted if name not in grantable]


def _grants(wanted: Sequence[Name], faults: list[FieldFault]) -> tuple[Grant, ...]:
    """The names as grants, each once; what is wrong with them is added to the faults."""
    found: dict[Grant, None] = {}
    for place, name in enumerate(wanted):
        try:
            found[_grant(name)] = None
        except BadName as refusal:
            faults.append(FieldFault(f"names[{place}]", str(refusal)))
    return tuple(found)


def _grant(name: Name) -> Grant:
    identifier: Identifier = names_module.parse(name.type, name.value)
    if name.below and (name.type is not NameKind.DNS or identifier.is_wildcard):
        raise BadName("only what lies below a DNS name that is no wildcard can be granted as a whole")
    if name.type is NameKind.PERMANENT and not name.vetted:
        raise BadName("no challenge proves a permanent identifier; it has to be vetted")
    return Grant(identifier, zone=name.below, vetted=name.vetted)
