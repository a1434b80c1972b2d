"""One line of JSON as a form, in the words of the API's forms; every field that is wrong is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from ca_core import names as names_module
from ca_core.errors import BadName, FieldFault
from ca_core.names import Kind as NameKind
from ca_core.registration.account import Grant
from ca_core.registration.contact import Contact
from ca_core.registration.form import LANGUAGES, Form
from ca_core.registration.line import Line

T = TypeVar("T")

FIELDS = ("kind", "subject", "account", "names", "profiles", "uses", "language", "contact", "note")
_MOST_NOTE = 1000
_AT = re.compile(r" - at `\$\.?(?P<place>[^`]*)`$")


class _Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name as the API takes it: in its normal form, with the kinds of the core's."""

    type: NameKind
    value: str
    below: bool = False
    vetted: bool = True


class _Fields:
    """The fields of one object, each in its type; what is wrong is gathered."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._found = found
        self.faults = [FieldFault(name[:64], "is not known here") for name in found if name not in FIELDS]

    def take(self, field: str, wanted: type[T], default: T) -> T:
        """One field."""
        return self.read(field, self._found[field], wanted, default) if field in self._found else default

    def read(self, field: str, value: object, wanted: type[T], default: T) -> T:
        """What a field holds, or the default where that is wrong."""
        try:
            return msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            at = _AT.search(str(error))
            what = str(error)[: at.start()] if at else str(error)
            place = f".{at['place']}" if at and at["place"] else ""
            self.faults.append(FieldFault(f"{field}{place}"[:100], what[:1].lower() + what[1:]))
            return default


def line(number: int, text: str) -> Line:
    """Read one line."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return Line(number, None, (FieldFault("line", f"is no JSON: {error}"),))
    if not isinstance(found, dict):
        return Line(number, None, (FieldFault("line", "is no JSON object"),))
    fields = _Fields(found)
    uses = fields.take("uses", int | None, None) if "uses" in found else msgspec.UNSET  # type: ignore[arg-type]  # a union is no type
    form = Form(
        kind=fields.take("kind", str, ""),
        subject=fields.take("subject", str, ""),
        uses=uses,
        account=fields.take("account", str, "") if found.get("account") is not None else None,
        grants=tuple(dict.fromkeys(_grants(fields, fields.take("names", list, [])))),
        profiles=tuple(_texts(fields, "profiles", fields.take("profiles", list, []))),
        language=fields.take("language", str, LANGUAGES[0]),
        contact=_contact(fields, fields.take("contact", dict, {})),
    )
    note = fields.take("note", str, "")
    if len(note) > _MOST_NOTE or "\0" in note:
        fields.faults.append(FieldFault("note", f"has more than {_MOST_NOTE} characters, or NUL among them"))
    return Line(number, form, tuple(fields.faults), note)


def _texts(fields: _Fields, field: str, values: Sequence[object]) -> Iterator[str]:
    for place, value in enumerate(values):
        yield fields.read(f"{field}[{place}]", value, str, "")


def _grants(fields: _Fields, values: Sequence[object]) -> Iterator[Grant]:
    for place, value in enumerate(values):
        name = fields.read(f"names[{place}]", value, _Name, None)
        try:
            if name is not None:
                yield _grant(name)
        except BadName as refusal:
            fields.faults.append(FieldFault(f"names[{place}]", str(refusal)))


def _grant(name: _Name) -> Grant:
    identifier = names_module.parse(name.type, name.value)
    if name.below and (name.type is not NameKind.DNS or identifier.is_wildcard):
        raise BadName("only what lies below a DNS name that is no wildcard can be granted as a whole")
    if name.type is NameKind.PERMANENT and not name.vetted:
        raise BadName("no challenge proves a permanent identifier; it has to be vetted")
    return Grant(identifier, zone=name.below, vetted=name.vetted)


def _contact(fields: _Fields, found: Mapping[str, object]) -> Contact:
    known = Contact.__struct_fields__
    fields.faults += [FieldFault(f"contact.{name}"[:100], "is not known here") for name in found if name not in known]
    given = {name: fields.read(f"contact.{name}", found[name], str, "") for name in known if name in found}
    return Contact(**given)
