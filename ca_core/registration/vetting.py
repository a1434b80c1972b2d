"""Is a form right? Every wrong field is named, with what is wrong (RULES, S1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import idna
import msgspec
from cryptography.x509.oid import NameOID

from ca_core import names
from ca_core import networks as networks_module
from ca_core.errors import BadForm, BadName, FieldFault
from ca_core.names import Identifier
from ca_core.policy import subject
from ca_core.registration import identity_number, spelling
from ca_core.registration.account import OFFICERS, Grant, checked_account, checked_realm
from ca_core.registration.contact import Contact
from ca_core.registration.countries import COUNTRIES
from ca_core.registration.form import LANGUAGES, Form
from ca_core.registration.kind import OFFICER, Kind

MOST_USES = 1_000_000_000
MOST_GRANTS = 10_000
_BOUNDS = {"name": 200, "email": 254, "phone": 64, "address": 500, "identity_number": 64}
_HAS_DIGITS = re.compile(r"(?:[^0-9]*[0-9]){3}")
# Other keywords for attributes that have one already.
_ALIASES = frozenset({"surname", "givenName", "E"})


def require_sound(form: Form, kind: Kind) -> bytes:
    """Let only a form pass in which nothing is wrong; returns its subject as DER.

    Raises:
        BadForm: names every wrong field.
    """
    if faults := of_form(form, kind):
        raise BadForm(faults)
    return subject.subject_der(form.subject)


def of_form(form: Form, kind: Kind) -> list[FieldFault]:
    """What is wrong with a form, field by field."""
    faults = [*_of_fields(form, kind), *of_subject(form.subject), *of_grants(form.grants, kind)]
    return faults + of_contact(form.contact, kind)


def of_subject(text: str) -> list[FieldFault]:
    """What is wrong with a subject, and with which attribute of it."""
    try:
        der = subject.subject_der(text)
    except BadName as refusal:
        # Said more exactly where a character is at fault.
        return [FieldFault("subject", spelling.fault_of(text) or str(refusal))]
    faults = []
    for keyword, oid in subject.KEYWORDS.items():
        for value in subject.texts(der, oid) if keyword not in _ALIASES else ():
            if fault := spelling.fault_of(value):
                faults.append(FieldFault(f"subject.{keyword}", fault))
            if oid == NameOID.COUNTRY_NAME and value not in COUNTRIES:
                faults.append(FieldFault(f"subject.{keyword}", f"is {value!r}, which is no country of ISO 3166"))
    return faults


def of_grants(grants: tuple[Grant, ...], kind: Kind) -> list[FieldFault]:
    """What is wrong with names, by the kind's suffixes and networks."""
    if len(grants) > MOST_GRANTS:
        return [FieldFault("names", f"are more than {MOST_GRANTS}")]
    found = [(grant, _of_name(grant.identifier, kind)) for grant in grants]
    return [FieldFault("names", f"{grant.identifier} {fault}") for grant, fault in found if fault]


def of_profiles(profiles: tuple[str, ...], kind: Kind) -> list[FieldFault]:
    """What is wrong with profiles."""
    foreign = [name for name in profiles if kind.grantable and name not in kind.grantable]
    why = f"may not be granted to a registration of the kind {kind.name}; choose among {', '.join(kind.grantable)}"
    faults = [FieldFault("profiles", f"{name[:64]!r} {why}") for name in foreign]
    if len(set(profiles)) < len(profiles):
        faults.append(FieldFault("profiles", "hold one twice"))
    return faults


def of_uses(uses: int | msgspec.UnsetType | None) -> list[FieldFault]:
    """What is wrong with how often credentials are to work."""
    if isinstance(uses, int) and not 1 <= uses <= MOST_USES:
        return [FieldFault("uses", f"must be from 1 to {MOST_USES}, or without limit")]
    return []


def of_language(language: str) -> list[FieldFault]:
    """What is wrong with a language."""
    if language not in LANGUAGES:
        return [FieldFault("language", f"is {language[:40]!r}; choose among {', '.join(LANGUAGES)}")]
    return []


def of_contact(contact: Contact, kind: Kind) -> list[FieldFault]:
    """What is wrong with a contact."""
    faults = []
    for field, most in _BOUNDS.items():
        text = getattr(contact, field)
        fault = f"has more than {most} characters" if len(text) > most else None
        fault = fault or spelling.fault_of(text, lines=field == "address")
        if fault:
            faults.append(FieldFault(f"contact.{field}", fault))
    if contact.email:
        faults += _refused("contact.email", names.email, contact.email)
    if contact.phone and not _HAS_DIGITS.match(contact.phone):
        faults.append(FieldFault("contact.phone", f"is {contact.phone[:64]!r}, which is no telephone number"))
    if fault := identity_number.fault_of(contact.identity_number, kind.identity_number):
        faults.append(FieldFault("contact.identity_number", fault))
    return faults


def _of_fields(form: Form, kind: Kind) -> Iterator[FieldFault]:
    if (form.account or "").startswith(OFFICERS) and kind.name != OFFICER.name:
        yield FieldFault("account", f"begins with {OFFICERS!r}, as those of officers do; choose another one")
    elif form.account:
        yield from _refused("account", checked_account, form.account)
    yield from _refused("realm", checked_realm, form.realm)
    yield from of_profiles(form.profiles, kind)
    yield from of_uses(form.uses)
    yield from of_language(form.language)


def _refused(field: str, check: Callable[[str], object], text: str) -> list[FieldFault]:
    try:
        check(text)
    except BadName as refusal:
        return [FieldFault(field, str(refusal))]
    return []


def _of_name(name: Identifier, kind: Kind) -> str | None:
    if name.kind is names.Kind.PERMANENT:
        return None
    if name.kind is names.Kind.IP:
        if kind.networks and not networks_module.is_within(name.value, kind.networks):
            return f"is outside of {', '.join(kind.networks)}, where this kind's addresses lie"
        return None
    return _of_host(_host(name), kind)


def _host(name: Identifier) -> str:
    """The host of a DNS name, a mailbox or a URI; of a URI that has none, nobody knows whose it is."""
    if name.kind is names.Kind.URI:
        return urlsplit(name.value).hostname or ""
    return name.value.rpartition("@")[2].removeprefix("*.")


def _of_host(host: str, kind: Kind) -> str | None:
    suffixes = kind.name_suffixes
    if suffixes and not any(host == suffix or host.endswith(f".{suffix}") for suffix in suffixes):
        return f"is outside of {', '.join(suffixes)}, where this kind's names lie"
    for label in host.split("."):
        if label.startswith("xn--") and (fault := spelling.fault_of(idna.ulabel(label))):
            return f"has a label that {fault}"
    return None
