"""The form about a registration: which fields a kind asks for, and what was filled in as the core takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from ca_core import names
from ca_core.errors import BadForm, BadName, FieldFault
from ca_core.names import Identifier
from ca_core.policy.profile import Profile
from ca_core.registration import vetting
from ca_core.registration.account import Grant, Registration
from ca_core.registration.changes import Changes
from ca_core.registration.contact import Contact
from ca_core.registration.form import Form
from ca_core.registration.kind import Kind
from ca_core.registration.vetting import MOST_USES
from server.cli.naming import a_labels
from server.web.forms import NOTHING, Posted

CHALLENGED = "challenged"
MOST_FAULTS = 20
"""Beside one field; nobody reads more, and a form may have ten thousand."""
UNLIMITED = "unlimited"


def _zone(text: str) -> Identifier:
    zone = names.dns(a_labels(text))
    if zone.is_wildcard:
        raise BadName(f"{text!r} is a wildcard; the zone {text[2:]} grants every name below it")
    return zone


_NAME_FIELDS: Mapping[str, tuple[names.Kind, Callable[[str], Identifier]]] = {
    "names.dns": (names.Kind.DNS, lambda text: names.dns(a_labels(text))),
    "names.zone": (names.Kind.DNS, _zone),
    "names.ip": (names.Kind.IP, names.ip),
    "names.email": (names.Kind.EMAIL, names.email),
    "names.uri": (names.Kind.URI, names.uri),
    "names.device": (names.Kind.PERMANENT, names.permanent),
}
_CONTACT = tuple(Contact.__struct_fields__)


class Asked(msgspec.Struct, frozen=True):
    """Which fields a form has.

    Attributes:
        names: of the fields for names.
        profiles: those that may be chosen.
        can_be_challenged: whether names may be proved by challenge instead.
        has_machine_secrets: whether a sheet holds any.
        needs_number: whether the contact must have an ID or company number.
    """

    names: tuple[str, ...]
    profiles: tuple[str, ...]
    can_be_challenged: bool
    has_machine_secrets: bool
    needs_number: bool


class Filled(msgspec.Struct, frozen=True):
    """What was filled in, and what of it cannot be read.

    Attributes:
        uses: None is unlimited, UNSET is what the kind says.
        grants: what could be read of the names.
    """

    subject: str
    account: str
    language: str
    profiles: tuple[str, ...]
    uses: int | msgspec.UnsetType | None
    contact: Contact
    grants: tuple[Grant, ...]
    faults: tuple[FieldFault, ...]


def asked(
    kind: Kind, profiles: Mapping[str, Profile], values: Posted = NOTHING, has: Registration | None = None
) -> Asked:
    """What a kind's form asks for.

    Args:
        values: what was filled in: the names of profiles that were chosen are asked for as well.
        has: a registration that is changed: so is what it has.
    """
    choice = kind.grantable or tuple(name for name, profile in profiles.items() if profile.is_grantable)
    granted = (*kind.profiles, *values.every("profiles"), *(has.profiles if has else ()))
    carried = {one for name in granted if name in profiles for one in profiles[name].name_kinds}
    filled = {_field_of(grant) for grant in has.grants} if has else set()
    fields = [field for field, (sort, _) in _NAME_FIELDS.items() if sort in carried or field in filled]
    return Asked(
        names=tuple(fields),
        profiles=choice,
        can_be_challenged=kind.has_eab_key and bool(fields),
        has_machine_secrets=kind.has_enrollment_code or kind.has_eab_key,
        needs_number=bool(kind.identity_number),
    )


def read(posted: Posted, wanted: Asked, *, had: Iterable[Grant] = ()) -> Filled:
    """What was filled in; faults are named, and not raised.

    Args:
        had: names of before, which stay vetted or not, as they are.
    """
    faults: list[FieldFault] = []
    before = {(grant.identifier, grant.zone): grant for grant in had}
    grants = []
    for field in wanted.names:
        for line in posted.lines(field):
            try:
                name = _NAME_FIELDS[field][1](line)
            except BadName as refusal:
                faults.append(FieldFault(field, str(refusal)))
                continue
            zone = field == "names.zone"
            # Nothing challenges the identifier of a device.
            vetted = CHALLENGED not in posted or name.kind is names.Kind.PERMANENT
            grants.append(before.get((name, zone)) or Grant(name, zone=zone, vetted=vetted))
    uses, wrong = _uses(posted)
    return Filled(
        subject=posted.get("subject"),
        account=posted.get("account"),
        language=posted.get("language"),
        profiles=posted.every("profiles"),
        uses=uses,
        contact=Contact(**{field: posted.get(f"contact.{field}") for field in _CONTACT}),
        grants=tuple(dict.fromkeys(grants)),
        faults=(*faults, *wrong, *_unknown(posted.every("profiles"), wanted)),
    )


def form_of(filled: Filled, kind: Kind, realm: str) -> Form:
    """What was filled in as a form.

    Raises:
        BadForm: names every wrong field.
    """
    form = Form(
        kind=kind.name,
        subject=filled.subject,
        uses=filled.uses,
        account=filled.account or None,
        grants=filled.grants,
        profiles=filled.profiles,
        language=filled.language,
        contact=filled.contact,
        realm=realm,
    )
    faults = list(filled.faults)
    try:
        vetting.require_sound(form, kind)
    except BadForm as bad:
        faults += [fault for fault in bad.faults if fault not in faults]
    if faults:
        raise BadForm(faults)
    return form


def changes_of(filled: Filled, was: Registration, wanted: Asked, *, with_subject: bool) -> Changes:
    """What was filled in as changes of a registration: whatever is as it was is no change, and not judged again.

    Raises:
        BadForm: names what cannot be read.
    """
    if filled.faults:
        raise BadForm(filled.faults)
    same_names = set(filled.grants) == set(was.grants)
    return Changes(
        subject=filled.subject if with_subject and filled.subject != was.subject else msgspec.UNSET,
        contact=msgspec.UNSET if filled.contact == was.contact else filled.contact,
        language=msgspec.UNSET if filled.language == was.language else filled.language,
        profiles=msgspec.UNSET if filled.profiles == was.profiles else filled.profiles,
        uses=msgspec.UNSET if filled.uses == was.uses or not wanted.has_machine_secrets else filled.uses,
        grants=msgspec.UNSET if same_names else filled.grants,
    )


def filled_with(registration: Registration) -> Posted:
    """The fields of a form as they are for a registration."""
    fields: dict[str, tuple[str, ...]] = {
        "subject": (registration.subject,),
        "account": (registration.account,),
        "language": (registration.language,),
        "profiles": registration.profiles,
        "version": (str(registration.version),),
        "uses": ("" if registration.uses is None else str(registration.uses),),
        **({UNLIMITED: ("yes",)} if registration.uses is None else {}),
        **{f"contact.{field}": (getattr(registration.contact, field),) for field in _CONTACT},
    }
    for field in _NAME_FIELDS:
        of_field = [grant.identifier.value for grant in registration.grants if _field_of(grant) == field]
        fields[field] = ("\n".join(of_field),)
    return Posted(fields)


def filled_newly(kind: Kind) -> Posted:
    """The fields of a form that nobody has filled in yet."""
    return Posted({"profiles": kind.profiles, "language": ("zh-Hant",)})


def beside_fields(faults: Iterable[FieldFault], wanted: Asked) -> dict[str, tuple[str, ...]]:
    """Faults by the field of the form beside which they are shown; every fault has one, or is counted there."""
    found: dict[str, list[str]] = {}
    for fault in faults:
        field = _place(fault, wanted)
        found.setdefault(field, []).append(fault.why if field == fault.field else _told(fault))
    return {field: _first(whys) for field, whys in found.items()}


def _first(whys: list[str]) -> tuple[str, ...]:
    more = len(whys) - MOST_FAULTS
    return tuple(whys) if more <= 0 else (*whys[:MOST_FAULTS], f"and {more} more")


def _told(fault: FieldFault) -> str:
    attribute = fault.field.partition(".")[2]
    return f"{attribute} {fault.why}" if attribute else fault.why


def _place(fault: FieldFault, wanted: Asked) -> str:
    """Of a fault of the subject's attribute, the subject; of a fault of a name, the field for names of its kind."""
    head = fault.field.partition(".")[0]
    if head == "subject":
        return "subject"
    if fault.field == "names":
        sort = fault.why.partition(":")[0]
        fitting = [field for field in wanted.names if _NAME_FIELDS[field][0] == sort]
        return fitting[0] if fitting else "names"
    return fault.field


def _field_of(grant: Grant) -> str:
    if grant.zone:
        return "names.zone"
    return next(field for field, (sort, _) in _NAME_FIELDS.items() if sort is grant.identifier.kind)


def _uses(posted: Posted) -> tuple[int | msgspec.UnsetType | None, list[FieldFault]]:
    if UNLIMITED in posted:
        return None, []
    text = posted.get("uses")
    if not text:
        return msgspec.UNSET, []
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:20]) <= MOST_USES:
        return msgspec.UNSET, [FieldFault("uses", f"must be from 1 to {MOST_USES}, or without limit")]
    return int(text), []


def _unknown(profiles: Iterable[str], wanted: Asked) -> list[FieldFault]:
    return [
        FieldFault("profiles", f"there is no profile {name[:64]!r} to grant")
        for name in profiles
        if name not in wanted.profiles
    ]
