"""What an officer changes in a registration, and what becomes of it (RULES, S10 and S11)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ca_core.errors import BadForm, FieldFault
from ca_core.policy.subject import subject_der
from ca_core.registration import vetting
from ca_core.registration.account import Grant, Registration
from ca_core.registration.contact import Contact
from ca_core.registration.events import FieldChange
from ca_core.registration.kind import Kind


class Changes(msgspec.Struct, frozen=True):
    """New values; what is UNSET stays as it is.

    Attributes:
        subject: changes only where the vetting is renewed: a certificate speaks for what was vetted.
        uses: how often each machine credential of the next sheets works; None is unlimited.
    """

    subject: str | msgspec.UnsetType = msgspec.UNSET
    contact: Contact | msgspec.UnsetType = msgspec.UNSET
    language: str | msgspec.UnsetType = msgspec.UNSET
    profiles: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    uses: int | msgspec.UnsetType | None = msgspec.UNSET
    grants: tuple[Grant, ...] | msgspec.UnsetType = msgspec.UNSET


NO_CHANGES = Changes()


def amended(was: Registration, changes: Changes, kind: Kind) -> Registration:
    """A registration with its changes, which are vetted as a form is.

    What stays as it is was vetted once and is not judged again: a rule that came since stops nobody's new telephone
    number.

    Args:
        was: read with its contact.

    Raises:
        BadForm: names every wrong field.
    """
    if faults := list(_faults(changes, kind)):
        raise BadForm(faults)
    new = msgspec.structs.asdict(changes)
    values = {field: value for field, value in new.items() if value is not msgspec.UNSET}
    if "contact" in values:
        values["contact_read"] = values.pop("contact")
    if "uses" in values:
        values["eab_uses"] = values["uses"]
    if "profiles" in values:
        values["profiles"] = values["profiles"] or kind.profiles
    if "subject" in values:
        values["subject_der"] = subject_der(values["subject"])
    return msgspec.structs.replace(was, **values)


def without_known(was: Registration, changes: Changes, kind: Kind) -> Changes:
    """The same changes without what was vetted and stays as it is."""
    known: dict[str, msgspec.UnsetType] = {}
    if changes.subject == was.subject:
        known["subject"] = msgspec.UNSET
    if changes.profiles is not msgspec.UNSET and (changes.profiles or kind.profiles) == was.profiles:
        known["profiles"] = msgspec.UNSET
    if changes.grants is not msgspec.UNSET and set(changes.grants) == set(was.grants):
        known["grants"] = msgspec.UNSET
    return msgspec.structs.replace(changes, **known)


def are_vetted(changes: Changes) -> bool:
    """Whether they touch what certificates say and what they are for, and not only whom to reach and how."""
    return any(new is not msgspec.UNSET for new in (changes.subject, changes.profiles, changes.grants))


def told(was: Registration, now: Registration) -> tuple[FieldChange, ...]:
    """What differs, field by field, for the journal; both were read with their contacts."""
    before, after = _shown(was), _shown(now)
    return tuple(FieldChange(field, before[field], after[field]) for field in before if before[field] != after[field])


def _faults(changes: Changes, kind: Kind) -> Iterator[FieldFault]:
    if changes.subject is not msgspec.UNSET:
        yield from vetting.of_subject(changes.subject)
    if changes.contact is not msgspec.UNSET:
        yield from vetting.of_contact(changes.contact, kind)
    if changes.language is not msgspec.UNSET:
        yield from vetting.of_language(changes.language)
    if changes.profiles is not msgspec.UNSET:
        yield from vetting.of_profiles(changes.profiles, kind)
    if changes.grants is not msgspec.UNSET:
        yield from vetting.of_grants(changes.grants, kind)
    yield from vetting.of_uses(changes.uses)


def _shown(registration: Registration) -> dict[str, str]:
    contact = msgspec.structs.asdict(registration.contact)
    return {
        "subject": registration.subject,
        "names": ", ".join(map(str, registration.grants)),
        "profiles": ", ".join(registration.profiles),
        "language": registration.language,
        "uses": _number(registration.uses),
        "eab_uses": _number(registration.eab_uses),
        **{f"contact.{field}": text for field, text in contact.items()},
    }


def _number(uses: int | None) -> str:
    return "unlimited" if uses is None else str(uses)
