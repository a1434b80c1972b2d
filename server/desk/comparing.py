"""What is registered beside what is asked for, line by line, as an officer compares them.

Labels and remarks are English source texts, which templates translate; values are shown as they are.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ca_core import names as names_module
from ca_core.errors import NameNotGranted, Refusal
from ca_core.names import Identifier
from ca_core.policy.crmf import parse_any
from ca_core.policy.key_types import key_name
from ca_core.policy.request import CertificationRequest, same_subject
from ca_core.referral.request import EnrollmentRequest
from ca_core.registration.account import Grant, Registration
from ca_core.registration.contact import Contact
from ca_core.registration.form import Form
from ca_core.revocation.request import RevocationRequest
from ca_core.staff.dossiers import RequestDossier
from ca_core.staff.request import Amending, DeskAction, DeskRequest, DeskState, Revoking, reprinting
from server.desk.words import phrase
from server.web.values import Value, certificate, moment, octets, subject_text

_VETTED = phrase("vetted by the registration authority")
_PROVED = phrase("proved by a challenge")
_SURE = frozenset({_VETTED, _PROVED})
_GRANTS = {
    (False, True): _VETTED,
    (False, False): phrase("to be proved by challenges"),
    (True, True): phrase("every name below it, vetted by the registration authority"),
    (True, False): phrase("every name below it, to be proved by challenges"),
}

_FIELDS = {
    "subject": phrase("Subject"),
    "names": phrase("Names"),
    "profiles": phrase("Profile"),
    "language": phrase("Language"),
    "uses": phrase("Uses of each secret"),
    "contact.name": phrase("Contact"),
    "contact.email": phrase("E-mail"),
    "contact.phone": phrase("Telephone"),
    "contact.address": phrase("Address"),
    "contact.identity_number": phrase("ID number"),
}


class Compared(msgspec.Struct, frozen=True):
    """One line of the comparison; a side that is empty says nothing.

    Attributes:
        differs: whether an officer should look twice.
    """

    label: str
    registered: tuple[Value, ...]
    asked: tuple[Value, ...]
    differs: bool = False


def compared(dossier: RequestDossier) -> list[Compared]:
    """The lines about one request, those first in which the two sides can differ."""
    asked, registration = dossier.asked, dossier.registration
    if isinstance(asked, DeskRequest) and asked.action is DeskAction.REGISTER:
        return _form(msgspec.json.decode(asked.payload, type=Form))
    if registration is None:
        return []
    match asked:
        case EnrollmentRequest():
            return _enrollment(asked, registration)
        case DeskRequest(action=DeskAction.REPRINT):
            return _reprint(asked, registration)
        case DeskRequest(action=DeskAction.AMEND):
            return _amending(asked, registration)
        case _:
            return _revocation(dossier, asked, registration)


def _enrollment(asked: EnrollmentRequest, registration: Registration) -> list[Compared]:
    request, wanted = _read(asked.csr), _wanted(asked, registration)
    lines = [
        _subjects(request, registration),
        Compared(
            phrase("Names"), _granted(registration.grants), wanted, any(one.remark not in _SURE for one in wanted)
        ),
        Compared(
            phrase("Profile"),
            tuple(Value(profile, is_code=True) for profile in registration.profiles),
            (Value(asked.profile, is_code=True),),
            asked.profile not in registration.profiles,
        ),
        Compared(phrase("Key"), (), _key(asked, request)),
        Compared(phrase("Who asks"), _account(registration), _who(asked)),
    ]
    if asked.replaces is not None:
        lines.append(Compared(phrase("Replaces"), (), (certificate(asked.replaces),)))
    ends = ((asked.period.not_before, phrase("from")), (asked.period.not_after, phrase("until")))
    wished = tuple(moment(end, remark) for end, remark in ends if end is not None)
    if wished:
        lines.append(Compared(phrase("Wished period"), (), wished))
    return [*lines, *_contact(registration.contact, is_registered=True)]


def _revocation(
    dossier: RequestDossier, asked: RevocationRequest | EnrollmentRequest | DeskRequest, registration: Registration
) -> list[Compared]:
    held = dossier.certificate
    lines = [_subject_of(registration)]
    if held is not None:
        names = sorted(map(str, names_module.from_canonical(held.names)))
        lines += [
            Compared(phrase("Certificate"), (), (certificate(held.serial),)),
            Compared(phrase("Names"), _granted(registration.grants), tuple(map(Value, names))),
            Compared(phrase("Profile"), (), (Value(held.profile, is_code=True),)),
            Compared(
                phrase("Valid"), (), (moment(held.not_before, phrase("from")), moment(held.not_after, phrase("until")))
            ),
        ]
    return [
        *lines,
        Compared(phrase("Reason"), (), _reason(asked)),
        Compared(phrase("Who asks"), _account(registration), _asker(asked)),
        *_contact(registration.contact, is_registered=True),
    ]


def _reprint(asked: DeskRequest, registration: Registration) -> list[Compared]:
    newest = Value(str(registration.sheet), phrase("the newest sheet"))
    replaced = reprinting(asked.payload).sheet or registration.sheet
    is_open = asked.state in {DeskState.PENDING, DeskState.APPROVED}
    return [
        Compared(
            phrase("Sheet"),
            (newest,),
            (Value(str(replaced + 1), phrase("voids every secret of the one before")),),
            differs=is_open and replaced != registration.sheet,
        ),
        _subject_of(registration),
        Compared(phrase("Names"), _granted(registration.grants), ()),
        Compared(phrase("Who asks"), _account(registration), _asker(asked)),
        *_contact(registration.contact, is_registered=True),
    ]


def _amending(asked: DeskRequest, registration: Registration) -> list[Compared]:
    """What changes, as it was when it was asked for: once it is done, the registration says the new values only."""
    told = msgspec.json.decode(asked.payload, type=Amending).told
    return [
        *(
            Compared(_FIELDS[change.field], _sides(change.was), _sides(change.now), differs=True)
            for change in told
            if change.field in _FIELDS
        ),
        *([] if any(change.field == "subject" for change in told) else [_subject_of(registration)]),
        Compared(phrase("Who asks"), _account(registration), _asker(asked)),
    ]


def _sides(text: str) -> tuple[Value, ...]:
    return (Value(text),) if text else (Value(remark=phrase("none")),)


def _subject_of(registration: Registration) -> Compared:
    return Compared(phrase("Subject"), (Value(registration.subject),), ())


def _form(form: Form) -> list[Compared]:
    """All of it on the side of what is asked for: nothing is registered yet."""
    profiles = tuple(Value(profile, is_code=True) for profile in form.profiles) or (
        Value(remark=phrase("as the kind says")),
    )
    uses = Value(remark=phrase("as the kind says")) if form.uses is msgspec.UNSET else Value(str(form.uses or "∞"))
    return [
        Compared(phrase("Kind"), (), (Value(form.kind, is_code=True),)),
        Compared(phrase("Subject"), (), (Value(form.subject),)),
        Compared(
            phrase("Account"),
            (),
            (Value(form.account) if form.account else Value(remark=phrase("drawn when it is registered")),),
        ),
        Compared(phrase("Names"), (), _granted(form.grants)),
        Compared(phrase("Profile"), (), profiles),
        Compared(phrase("Uses of each secret"), (), (uses,)),
        Compared(phrase("Language"), (), (Value(form.language),)),
        Compared(phrase("Realm"), (), (Value(form.realm, is_code=True),)),
        *_contact(form.contact, is_registered=False),
    ]


def _read(csr: bytes) -> CertificationRequest | None:
    # It was read when it came; what was made stricter since may refuse it now, and the officer decides all the same.
    try:
        return parse_any(csr)
    except Refusal:
        return None


def _subjects(request: CertificationRequest | None, registration: Registration) -> Compared:
    rule = phrase("the certificate gets the registered subject")
    if request is None:
        return Compared(
            phrase("Subject"),
            (Value(registration.subject, rule),),
            (Value(remark=phrase("cannot be read any more")),),
            differs=True,
        )
    text = subject_text(request.subject_der)
    asked = Value(text) if text else Value(remark=phrase("none"))
    differs = not same_subject(request.subject_der, registration.subject_der)
    return Compared(phrase("Subject"), (Value(registration.subject, rule),), (asked,), differs)


def _granted(grants: Iterable[Grant]) -> tuple[Value, ...]:
    return tuple(
        Value(
            f"{grant.identifier.kind}:*.{grant.identifier.value}" if grant.zone else str(grant.identifier),
            _GRANTS[grant.zone, grant.vetted],
        )
        for grant in grants
    )


def _wanted(asked: EnrollmentRequest, registration: Registration) -> tuple[Value, ...]:
    wanted = sorted(names_module.from_canonical(asked.names))
    return tuple(Value(str(name), _standing(name, asked, registration)) for name in wanted)


def _standing(name: Identifier, asked: EnrollmentRequest, registration: Registration) -> str:
    try:
        grant = registration.grant_for(name)
    except NameNotGranted:
        return phrase("not registered")
    if grant.vetted:
        return _VETTED
    return _PROVED if name in asked.proved else phrase("not proved")


def _key(asked: EnrollmentRequest, request: CertificationRequest | None) -> tuple[Value, ...]:
    digest = Value(octets(asked.spki_sha256), phrase("SHA-256 of the key"), is_code=True) if asked.spki_sha256 else None
    kind = () if request is None else (Value(key_name(request.public_key)),)
    return (*kind, *((digest,) if digest else ()))


def _who(asked: EnrollmentRequest) -> tuple[Value, ...]:
    said = [
        Value(asked.door.value, phrase("door")),
        Value(asked.proof, phrase("proved by")),
        Value(asked.source, phrase("from")),
    ]
    if asked.shown is not None:
        said.append(certificate(asked.shown, phrase("showed this certificate")))
    if asked.account is not None:
        said.append(Value(asked.account, phrase("ACME account"), is_code=True))
    return tuple(said)


def _account(registration: Registration) -> tuple[Value, ...]:
    return (
        Value(registration.account, phrase("account")),
        Value(registration.kind, phrase("kind")),
        Value(registration.realm, phrase("realm")),
    )


def _reason(asked: RevocationRequest | EnrollmentRequest | DeskRequest) -> tuple[Value, ...]:
    match asked:
        case RevocationRequest():
            held = (Value(remark=phrase("on hold because of this request")),) if asked.holds else ()
            return (Value(asked.reason.text, is_code=True), *held)
        case DeskRequest():
            revoking = msgspec.json.decode(asked.payload, type=Revoking)
            since = revoking.invalid_since
            invalid = () if since is None else (moment(since, phrase("not to be trusted since")),)
            return (Value(revoking.reason.text, is_code=True), *invalid)
        case _:
            return ()


def _asker(asked: RevocationRequest | EnrollmentRequest | DeskRequest) -> tuple[Value, ...]:
    match asked:
        case RevocationRequest():
            return (Value(asked.actor), Value(asked.asker.value, phrase("proved as")))
        case DeskRequest():
            return (Value(asked.asked_by),)
        case _:
            return ()


def _contact(contact: Contact, *, is_registered: bool) -> list[Compared]:
    """Whom to reach, on the side where it belongs; what was not given is left out."""
    lines = (
        (phrase("Contact"), contact.name),
        (phrase("E-mail"), contact.email),
        (phrase("Telephone"), contact.phone),
        (phrase("Address"), contact.address),
        (phrase("ID number"), contact.identity_number),
    )
    return [
        Compared(label, (Value(text),), ()) if is_registered else Compared(label, (), (Value(text),))
        for label, text in lines
        if text
    ]
